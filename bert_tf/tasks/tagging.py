"""Sequence tagging: names in texts, parts of speech, words of languages that part none with spaces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.data.labels import class_index, given_labels
from bert_tf.data.records import Records, Row
from bert_tf.data.span_records import joined, overlapping, spans_in
from bert_tf.data.tag_schemes import Scheme, SchemeFinder, Span
from bert_tf.data.tag_shares import TagCounter
from bert_tf.errors import UserError
from bert_tf.metrics.entity_metrics import entity_metrics, on_tokens, token_accuracy
from bert_tf.modeling.decoding.entity_decoding import decode_spans, decode_tags
from bert_tf.modeling.layers.crf import ConditionalRandomField, log_likelihood
from bert_tf.modeling.layers.pooling import token_vectors
from bert_tf.modeling.layers.span_pointer import SpanPointer, multilabel_loss, no_span_yet
from bert_tf.tasks.mistakes import Mistake, different_items
from bert_tf.tasks.schemas.tagging import Decoder, LabelPieces, TaggingSchema
from bert_tf.tasks.task import TextTask
from bert_tf.tasks.unreachable_spans import UnreachableSpans
from bert_tf.tokenization.offsets import check_offsets
from bert_tf.tokenization.pieces import Pieces, cut_pieces, iob2_tags, on_units, spans_by_window
from bert_tf.tokenization.words import WordLimits


@keras.saving.register_keras_serializable(package="bert_tf")
class SequenceTagger(TaggingSchema, TextTask):
    """A backbone and a head that finds spans with labels: a tag for each piece (Devlin et al. 2018, section 5.3), tags
    joined by a conditional random field, or a score for each span.

    Inside, tags are IOB2. Decoding knows that no I follows an O, for softmax as well. Texts longer than the model are
    cut into overlapping windows, each piece is taken from the window that sees most around it, and the tags of the
    whole text are decoded together.

    Args:
        backbone: a KerasHub text encoder with BERT's tokeniser.
        preprocessor: turns strings into the backbone's inputs.
        labels: label names by index.
        scheme: that tags in the data are held to: ``io``, ``iob1``, ``iob2`` or ``bioes``.
        decoder: ``softmax``, ``crf`` or ``span``.
        label_wordpieces: ``first``: a word's first piece has its tag, and the others follow; ``all``.
        words: what parts words, :data:`bert_tf.tokenization.words.WordLimits`.
        overlap: pieces that two windows share.
        head_size: of the span head.
        dropout: share of the features dropped in training.
        tag_shares: of the training words, the share that has each tag, O first. A new model of ``softmax`` or ``crf``
            begins by answering it to every word (Lin et al. 2017, section 4.1).

    Example:
    ```python
    tagger = SequenceTagger.from_preset("bert_base_zh", labels=["person", "place"])
    tagger.answer_texts({"text": tf.constant(["江泽民在北京。"])})  # named arrays, one row a text
    ```
    """

    monitor: ClassVar[str] = "f1"
    target_signature: ClassVar[tf.TypeSpec] = tf.RaggedTensorSpec([None, None, 3], tf.int32, 1)
    counts = "entities"
    counts_by_example: ClassVar[bool] = False
    windowed = True

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        labels: Sequence[str],
        scheme: Scheme = "iob1",
        decoder: Decoder = "softmax",
        label_wordpieces: LabelPieces = "first",
        words: WordLimits = "punctuation",
        overlap: int = 64,
        head_size: int = 64,
        dropout: float = 0.1,
        tag_shares: Sequence[float] | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.output_dropout = keras.layers.Dropout(dropout, dtype=dtype, name="tagger_dropout")
        tags = 1 + 2 * len(labels)
        if decoder == "span":
            first_score = no_span_yet(preprocessor.sequence_length - 2) if preprocessor else 0.0
            self.span_pointer = SpanPointer(len(labels), head_size, first_score, dtype=dtype, name="span_pointer")
        else:
            initializer = keras.initializers.TruncatedNormal(stddev=0.02)
            self.tag_logits = keras.layers.Dense(
                tags,
                kernel_initializer=initializer,
                bias_initializer=keras.initializers.Constant(np.log(tag_shares)) if tag_shares else "zeros",
                dtype=dtype,
                name="tag_logits",
            )
        if decoder == "crf":
            self.crf = ConditionalRandomField(tags, dtype="float32", name="crf")

        # === Functional Model ===
        inputs = backbone.input
        features = self.output_dropout(token_vectors(backbone(inputs)))
        if decoder == "span":
            outputs = self.span_pointer(features, inputs["padding_mask"])
        else:
            outputs = self.tag_logits(features)
            outputs = self.crf(outputs) if decoder == "crf" else outputs
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.labels = [str(label) for label in labels]
        self.scheme = scheme
        self.decoder = decoder
        self.label_wordpieces = label_wordpieces
        self.words = words
        self.overlap = overlap
        self.head_size = head_size
        self.dropout = dropout
        self.tag_shares = None if tag_shares is None else [float(share) for share in tag_shares]
        self.pair = False
        self.takes_keras_metrics = decoder != "span"
        self._label_index = class_index(self.labels)

    def get_config(self) -> dict[str, Any]:
        names = ("scheme", "decoder", "label_wordpieces", "words", "overlap", "head_size", "tag_shares")
        config = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **config, "labels": list(self.labels), "dropout": self.dropout}

    @classmethod
    def create(
        cls, loaded: LoadedBackbone, *, sequence_length: int, dtype: str = "float32", **options: Any
    ) -> TextTask:
        check_offsets(loaded.tokenizer)
        return super().create(loaded, sequence_length=sequence_length, dtype=dtype, **options)

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        finder = SchemeFinder()
        counter = TagCounter()
        found: set[str] = set()
        tokens = False
        row = None
        for row in records:
            found.update(span.label for span in spans_in(row))
            finder.add(row.values.get("tags") or ())
            counter.add(row)
            tokens |= max(map(len, row.values.get("tokens") or ()), default=0) > 1  # not a character a line
        names = given_labels(labels) if labels else sorted(found)
        if row is None:
            raise UserError(f"{records.name}: there is no row to train on.")
        if not names:
            raise UserError(
                f"{records.name}: there is no span in any row (are --data.columns.tags or --data.columns.spans right?)."
            )
        if len(names) > 1000:
            raise UserError(
                f"{records.name}: {len(names):,} different labels were found, such as {names[0]!r}: "
                "is --data.columns.tags the right column?"
            )
        facts = {"scheme": finder.scheme(), "words": "spaces" if tokens else "punctuation"}
        for name in facts:
            if (chosen := getattr(options, name, "auto")) != "auto":
                facts[name] = chosen
        return {"labels": names, "tag_shares": counter.shares(names), **facts}

    def target(self, row: Row) -> list[list[int]] | None:
        spans = spans_in(row)
        if self.decoder != "span" and (pair := overlapping(spans)):
            texts = [f"{row.values['text'][span.start : span.end]!r} ({span.label})" for span in pair]
            raise UserError(
                f"{row.where()}: the spans {texts[0]} and {texts[1]} overlap, which --head.decoder {self.decoder} "
                "cannot learn: choose --head.decoder span."
            )
        if any(span.label not in self._label_index for span in spans):
            return None
        return [[span.start, span.end, self._label_index[span.label]] for span in spans]

    def unknown_target(self, row: Row) -> str:
        label = next(span.label for span in spans_in(row) if span.label not in self._label_index)
        return f'label "{label}" is not one of {", ".join(self.labels)} (from the training data)'

    def counted(self, row: Row, target: Sequence[Sequence[int]]) -> list[str]:
        return [self.labels[label] for _, _, label in target]

    def report_unreachable(self, rows: Iterable[tuple[Row, Any]]) -> None:
        check = UnreachableSpans(self._pieces, whole=self.decoder == "span")
        for row, target in rows:
            check.add(row, target)
        check.say(f"--head.words {self.words}, --head.label_wordpieces {self.label_wordpieces}")

    def metric_names(self, counted: Collection[str | float]) -> list[str]:
        return [name for name in self.score_names if name != "token_accuracy" or self.decoder != "span"]

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        return self._encode(self._pieces(columns["text"]))

    def encode_training(self, columns: Mapping[str, tf.Tensor], targets: Any) -> tuple[dict[str, tf.RaggedTensor], Any]:
        """Targets ``(batch, None, 3)``, spans of characters, become those of the windows: a tag for each piece, or
        spans of pieces."""
        pieces = self._pieces(columns["text"])
        spans = on_units(pieces, targets)
        goals = spans_by_window(pieces, spans) if self.decoder == "span" else iob2_tags(pieces, spans)
        return self._encode(pieces), goals

    def pad_training(
        self, encoded: Mapping[str, tf.RaggedTensor], targets: Any, multiple_of: int = 1
    ) -> tuple[dict[str, tf.Tensor], Any]:
        features = self.pad(encoded, multiple_of)
        if self.decoder != "span":
            return features, targets.to_tensor(-1, shape=tf.shape(features["token_ids"]))
        most = tf.reduce_max(tf.concat([targets.row_lengths(), [1]], 0))
        most = -(-most // multiple_of) * multiple_of
        return features, targets.to_tensor(-1, shape=tf.stack([targets.nrows(), most, 3]))

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.cast(outputs, tf.float32)
        if self.decoder == "span":
            return self._span_loss(targets, outputs)
        mask = targets >= 0
        count = _tagged(targets)
        if self.decoder == "crf":
            return -log_likelihood(outputs, targets, mask, self.crf.scores()) / count
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(targets, 0), outputs)
        return tf.reduce_sum(tf.where(mask, losses, 0.0), 1) / count

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        if hasattr(self, "span_pointer"):
            return []
        return [keras.metrics.SparseCategoricalAccuracy("token_accuracy")]

    def metric_pair(self, targets: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The tags of all tokens that have one, ``(tokens,)``, and the scores of each tag, ``(tokens, tags)``."""
        if self.decoder == "span":
            return super().metric_pair(targets, outputs)
        return tf.boolean_mask(targets, targets >= 0), tf.boolean_mask(outputs, targets >= 0)

    def loss_weights(self, targets: tf.Tensor) -> tf.Tensor | None:
        return None if self.decoder == "span" else _tagged(targets)

    def answer_texts(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Entities of each text, as many columns as the batch's richest text has of them.

        Returns:
            ``entities`` and ``labels`` string, ``starts`` and ``ends`` int32 (Unicode characters), ``scores`` float32
            and ``mask`` int32 (1 where there is an entity), ``(batch, entities)`` each.
        """
        texts = tf.strings.unicode_transcode(columns["text"], "UTF-8", "UTF-8", errors="ignore")
        pieces = self._pieces(texts)
        outputs = tf.cast(self(self.pad(self._encode(pieces)), training=False), tf.float32)
        if self.decoder == "span":
            found = decode_spans(pieces, outputs)
        else:
            found = decode_tags(pieces, outputs, self.crf if self.decoder == "crf" else None)
        surfaces = tf.strings.substr(
            tf.gather(texts, found.row), found.start, found.end - found.start, unit="UTF8_CHAR"
        )

        def dense(values: tf.Tensor) -> tf.Tensor:
            return tf.RaggedTensor.from_value_rowids(values, found.row, tf.size(texts, tf.int64)).to_tensor()

        return {
            "entities": dense(surfaces),
            "labels": dense(tf.gather(tf.constant(self.labels), found.label)),
            "starts": dense(found.start),
            "ends": dense(found.end),
            "scores": dense(found.score),
            "mask": dense(tf.ones_like(found.start)),
        }

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        found = []
        for number in range(len(rows)):
            names = ("entities", "labels", "starts", "ends", "scores")
            columns = zip(*(finished[name][number][finished["mask"][number] > 0] for name in names), strict=True)
            entities = [
                {
                    "text": surface.decode("utf-8"),
                    "label": label.decode("utf-8"),
                    "start": int(start),
                    "end": int(end),
                    "score": float(score),
                }
                for surface, label, start, end, score in columns
            ]
            found.append({"entities": entities})
        return found

    def mistake(self, row: Row, target: Any, answer: Mapping[str, Any]) -> Mistake | None:
        """Spans as ``[start, end, label, text]``; counted in tokens where the data has tokens, as the metrics do."""
        text = row.values["text"]
        places = joined(row.values["tokens"])[1] if "tokens" in row.values else None
        expected = [_whole(span, places) for span in spans_in(row)]
        got = [Span(one["start"], one["end"], one["label"]) for one in answer["entities"]]
        found = {_whole(span, places): one["score"] for span, one in zip(got, answer["entities"], strict=True)}

        def shown(span: Span) -> tuple[int, int, str, str]:
            return (*span, text[span.start : span.end])

        return different_items(
            [shown(span) for span in expected if span],
            {shown(span): score for span, score in found.items() if span},
        )

    def evaluate_outputs(
        self, targets: Sequence[Any], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        """Where the data has tokens, a found entity counts by the tokens whose first character it holds."""
        expected, found, lengths = [], [], []
        for row, answer in zip(rows, self.answers(finished, rows), strict=True):
            wanted = spans_in(row)
            got = [Span(one["start"], one["end"], one["label"]) for one in answer["entities"]]
            if "tokens" in row.values:
                _, places = joined(row.values["tokens"])
                wanted, got = on_tokens(wanted, places), on_tokens(got, places)
                lengths.append(len(places))
            expected.append(wanted)
            found.append(got)
        metrics = entity_metrics(expected, found, self.labels)
        if len(lengths) == len(rows) and self.decoder != "span":
            metrics["token_accuracy"] = token_accuracy(expected, found, lengths)
        return metrics

    def label_names(self) -> list[str]:
        return self.labels

    def _pieces(self, texts: tf.Tensor) -> Pieces:
        preprocessor: Any = self.preprocessor
        return cut_pieces(
            preprocessor.tokenizer,
            texts,
            words=self.words if self.label_wordpieces == "first" else None,
            window=preprocessor.sequence_length - 2,
            overlap=self.overlap,
            cleaner=preprocessor.cleaner,
        )

    def _encode(self, pieces: Pieces) -> dict[str, tf.RaggedTensor]:
        preprocessor: Any = self.preprocessor
        return preprocessor.pack_tokens(pieces.by_window(pieces.token_ids.flat_values))

    def _span_loss(self, targets: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Mean over the labels; targets ``(batch, spans, 3)`` int32, filled up with -1."""
        shape = tf.shape(scores)
        which = tf.where(targets[:, :, 0] >= 0)
        spans = tf.gather_nd(targets, which)
        places = tf.stack([tf.cast(which[:, 0], tf.int32), spans[:, 2], spans[:, 0], spans[:, 1]], 1)
        is_true = tf.scatter_nd(places, tf.ones_like(places[:, 0]), shape) > 0
        flat = [shape[0], len(self.labels), shape[2] * shape[3]]
        return tf.reduce_mean(multilabel_loss(tf.reshape(scores, flat), tf.reshape(is_true, flat)), 1)


TASK = SequenceTagger


def _tagged(targets: tf.Tensor) -> tf.Tensor:
    """Number of the tags in each window ``(batch, seq_len)``; of a window without one, 1: its loss is 0."""
    return tf.maximum(tf.reduce_sum(tf.cast(targets >= 0, tf.float32), 1), 1.0)


def _whole(span: Span, places: Sequence[tuple[int, int]] | None) -> Span | None:
    """The span of the tokens whose first character it holds; ``None`` if there is none. Without tokens, as it is."""
    if places is None:
        return span
    held = [place for place in places if span.start <= place[0] < span.end]
    return Span(held[0][0], held[-1][1], span.label) if held else None
