"""Machine translation: an encoder that reads, and a decoder of its own vocabulary that writes."""

from __future__ import annotations

import logging
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.data.records import Records, Row, text_of
from bert_tf.errors import UserError
from bert_tf.metrics.translation_metrics import translation_metrics
from bert_tf.modeling.decoding.beam_search import beam_search, greedy_search
from bert_tf.modeling.encoders.dropout import set_dropout
from bert_tf.modeling.layers.decoder import TextDecoder
from bert_tf.modeling.layers.pooling import token_vectors
from bert_tf.modeling.mask_values import MASKED
from bert_tf.tasks.schemas.translation import Options, TranslationSchema
from bert_tf.tasks.task import TextTask
from bert_tf.tokenization import target_tokenizer
from bert_tf.tokenization.target_tokenizer import TargetTokenizer, learn_target_vocabulary

logger = logging.getLogger("bert_tf")


@keras.saving.register_keras_serializable(package="bert_tf")
class Translator(TranslationSchema, TextTask):
    """A backbone whose output a Transformer decoder attends to (Vaswani et al. 2017; Rothe et al. 2020).

    In training the decoder sees the translation so far, as ``decoder_token_ids``; in use it writes it itself, by greedy
    or beam search in the graph.

    Args:
        backbone: a KerasHub text encoder.
        preprocessor: turns strings into the backbone's inputs.
        target_vocabulary: the decoder's word pieces by id, from ``learn_target_vocabulary``.
        **options: the fields of ``Options``.

    Reference:
        Label smoothing: Szegedy et al. 2016. Length penalty: Wu et al. 2016.
    """

    monitor: ClassVar[str] = "bleu"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "perplexity"})
    target_signature: ClassVar[tf.TypeSpec] = tf.TensorSpec([None], tf.string)
    counts_by_example: ClassVar[bool] = False
    pair = False

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        target_vocabulary: Sequence[str],
        name: str | None = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        # === Layers ===
        head = Options(**options)
        self.backbone = backbone
        self.preprocessor = preprocessor
        hidden_dim = head.decoder_hidden_dim or backbone.hidden_dim
        heads = head.decoder_heads or backbone.num_heads
        if hidden_dim % heads:
            raise UserError(f"--head.decoder_heads {heads}: the decoder's width {hidden_dim} is no multiple of it.")
        self.decoder = TextDecoder(
            len(target_vocabulary),
            max_length=head.max_target_length,
            hidden_dim=hidden_dim,
            num_layers=head.decoder_layers or backbone.num_layers,
            num_heads=heads,
            intermediate_dim=4 * hidden_dim,
            dropout=head.dropout,
            normalize_first=not head.initialise_decoder,
            dtype=dtype or backbone.dtype_policy,
            name="decoder",
        )
        if head.freeze_encoder:
            _freeze(backbone)

        # === Functional Model ===
        inputs = {**backbone.input, "decoder_token_ids": keras.Input((None,), dtype="int32", name="decoder_token_ids")}
        encoded = token_vectors(backbone(backbone.input))
        logits = self.decoder(inputs["decoder_token_ids"], encoded, inputs["padding_mask"])
        super().__init__(inputs=inputs, outputs=logits, name=name)

        # === Config ===
        self.target_vocabulary = list(target_vocabulary)
        self.options = head
        self._target_tokenizer = TargetTokenizer(self.target_vocabulary, head.lowercase_targets)
        self._search = tf.function(self._translate, reduce_retracing=True)
        self._likelihood = tf.function(self._log_likelihood, reduce_retracing=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_vocabulary": self.target_vocabulary, **self.options.model_dump()}

    @classmethod
    def create(
        cls, loaded: LoadedBackbone, *, sequence_length: int, dtype: str = "float32", **options: Any
    ) -> TextTask:
        """Builds the task on a loaded backbone, with its weights in the decoder too if the options say so.

        Raises:
            UserError: the decoder's shape is not the encoder's.
        """
        if not options.get("initialise_decoder"):
            return super().create(loaded, sequence_length=sequence_length, dtype=dtype, **options)
        encoder = loaded.backbone
        _check_shapes(encoder, options)
        task = super().create(loaded, sequence_length=sequence_length, dtype=dtype, **options)
        theirs = {token: number for number, token in enumerate(loaded.tokenizer.get_vocabulary())}
        lowercase = getattr(loaded.tokenizer, "lowercase", False)
        names = (token.lower() if lowercase and token[0] != "[" else token for token in options["target_vocabulary"])
        task.decoder.initialise_from(encoder, [theirs.get(name) for name in names])
        return task

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        options = options if isinstance(options, Options) else Options()
        if find_spec("sacrebleu") is None:
            logger.warning('translations are scored by sacrebleu, which is absent: pip install "bert-tf[translation]"')

        def texts() -> Iterator[str]:
            return (_translation_of(row) for row in records)

        if next(iter(records), None) is None:
            raise UserError(f"{records.name}: there is no row to train on.")
        vocabulary = learn_target_vocabulary(texts, options.vocabulary_size, lowercase=options.lowercase_targets)
        tokenizer = TargetTokenizer(vocabulary, options.lowercase_targets)
        rows = cut = 0
        for chunk in tf.data.Dataset.from_generator(texts, output_signature=tf.TensorSpec([], tf.string)).batch(512):
            lengths = tokenizer.tokenize(chunk).row_lengths().numpy() + 1
            rows += len(lengths)
            cut += int(np.sum(lengths > options.max_target_length))
        if cut:
            logger.warning(
                "%d of %d translations have more than --head.max_target_length %d tokens: their ends are cut off",
                cut,
                rows,
                options.max_target_length,
            )
        return {"target_vocabulary": vocabulary}

    def target(self, row: Row) -> str:
        return _translation_of(row)

    def encode_training(self, columns: Mapping[str, tf.Tensor], targets: Any) -> tuple[dict[str, tf.RaggedTensor], Any]:
        """As ``encode``, with the translation's tokens as the decoder reads them, and one further as the targets."""
        tokens = self._target_tokenizer.tokenize(targets)[:, : self.options.max_target_length - 1]
        rows = tokens.nrows()

        def column(token: int) -> tf.RaggedTensor:
            return tf.RaggedTensor.from_uniform_row_length(tf.fill([rows], tf.constant(token, tf.int32)), 1, nrows=rows)

        read = tf.concat([column(target_tokenizer.START), tokens], 1)
        return {**self.encode(columns), "decoder_token_ids": read}, tf.concat([tokens, column(target_tokenizer.END)], 1)

    def pad_training(
        self, encoded: Mapping[str, tf.RaggedTensor], targets: Any, multiple_of: int = 1
    ) -> tuple[dict[str, tf.Tensor], Any]:
        features = self.pad({name: v for name, v in encoded.items() if name != "decoder_token_ids"}, multiple_of)
        longest = tf.cast(tf.reduce_max(targets.row_lengths()), tf.int32)
        longest = tf.minimum(-(-longest // multiple_of) * multiple_of, self.options.max_target_length)
        shape = tf.stack([tf.cast(targets.nrows(), tf.int32), longest])
        features["decoder_token_ids"] = encoded["decoder_token_ids"].to_tensor(target_tokenizer.PAD, shape=shape)
        return features, targets.to_tensor(target_tokenizer.PAD, shape=shape)

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        log_probabilities = tf.nn.log_softmax(tf.cast(outputs, tf.float32))
        share = self.options.label_smoothing
        likelihood = tf.gather(log_probabilities, targets, batch_dims=2)
        losses = -(1 - share) * likelihood - share * tf.reduce_mean(log_probabilities, -1)
        return tf.reduce_sum(losses * _is_token(targets), 1) / self.loss_weights(targets)

    def loss_weights(self, targets: tf.Tensor) -> tf.Tensor:
        """Number of tokens of each translation; there is one at least, the end."""
        return tf.reduce_sum(_is_token(targets), 1)

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.SparseCategoricalAccuracy("token_accuracy")]

    def metric_pair(self, targets: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """All tokens of the translations, ``(tokens,)``, and the logits of each, ``(tokens, vocabulary)``."""
        is_token = targets != target_tokenizer.PAD
        return tf.boolean_mask(targets, is_token), tf.boolean_mask(outputs, is_token)

    def answer_features(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return self._search(dict(features))

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [
            {"translation": text.decode("utf-8"), "score": float(score)}
            for text, score in zip(finished["translation"], finished["score"], strict=True)
        ]

    def evaluate_outputs(
        self, targets: Sequence[str], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        translations = [text.decode("utf-8") for text in finished["translation"]]
        references = [text.lower() for text in targets] if self.options.lowercase_targets else targets
        scores = translation_metrics(translations, references, tokenize=self.options.bleu_tokenize)
        loss = self._loss_per_token([row.values["text"] for row in rows], targets)
        return {
            "examples": len(targets),
            **scores,
            "loss": loss,
            "perplexity": math.exp(min(loss, 700.0)),
            "mean_score": float(np.mean(finished["score"])),
        }

    def _translate(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = token_vectors(self.backbone(features, training=False))
        remembered = self.decoder.remember(encoded)
        rows = tf.shape(encoded)[0]
        # What a person cannot read is never written.
        reserved = [target_tokenizer.PAD, target_tokenizer.UNKNOWN, target_tokenizer.START, target_tokenizer.MASK]
        penalty = tf.constant([MASKED if token in reserved else 0.0 for token in range(len(self.target_vocabulary))])

        def step(ids: tf.Tensor, position: tf.Tensor, cache: Any) -> tuple[tf.Tensor, Any]:
            logits, cache = self.decoder.step(ids, position, cache, remembered, features["padding_mask"])
            return tf.cast(logits, tf.float32) + penalty, cache

        start, cache = tf.fill([rows], target_tokenizer.START), self.decoder.empty_cache(rows)
        how: dict[str, Any] = {
            "max_length": self.options.max_target_length,
            "end_id": target_tokenizer.END,
            "length_penalty": self.options.length_penalty,
        }
        if self.options.beam_size == 1:
            found = greedy_search(step, start, cache, **how)
        else:
            found = beam_search(step, start, cache, beam_size=self.options.beam_size, **how)
        return {"translation": self._target_tokenizer.detokenize(found.ids), "score": found.scores}

    def _loss_per_token(self, texts: Sequence[str], translations: Sequence[str], batch_size: int = 64) -> float:
        """Mean negative log-likelihood of the references' tokens, without label smoothing."""
        order = sorted(range(len(texts)), key=lambda number: (len(translations[number]), len(texts[number])))
        total, tokens = 0.0, 0.0
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            columns = {"text": tf.constant([texts[number] for number in chosen])}
            encoded = self.encode_training(columns, tf.constant([translations[number] for number in chosen]))
            batch_total, max_tokens_per_batch = self._likelihood(*self.pad_training(*encoded, multiple_of=8))
            total, tokens = total - float(batch_total), tokens + float(max_tokens_per_batch)
        return total / tokens

    def _log_likelihood(self, features: Mapping[str, tf.Tensor], targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_probabilities = tf.nn.log_softmax(tf.cast(self(features, training=False), tf.float32))
        counted = tf.cast(targets != target_tokenizer.PAD, tf.float32)
        likelihood = tf.gather(log_probabilities, targets, batch_dims=2)
        return tf.reduce_sum(likelihood * counted), tf.reduce_sum(counted)


TASK = Translator


def _freeze(backbone: keras.Model) -> None:
    """No training of the weights, and no dropout: the same features whenever a text is read."""
    backbone.trainable = False
    set_dropout(backbone, 0.0)


def _is_token(targets: tf.Tensor) -> tf.Tensor:
    return tf.cast(targets != target_tokenizer.PAD, tf.float32)


def _translation_of(row: Row) -> str:
    text = unicodedata.normalize("NFC", text_of(row, "translation")).strip()
    if not text:
        raise UserError(f"{row.where()}: the translation is empty. Fill it in or remove the row.")
    return text


def _check_shapes(encoder: keras_hub.models.Backbone, options: Mapping[str, Any]) -> None:
    """Raises UserError if the encoder's weights do not fit into the decoder."""
    if not isinstance(encoder, keras_hub.models.BertBackbone):
        raise UserError(f"--head.initialise_decoder true: only a BERT's weights fit, not a {type(encoder).__name__}'s.")
    for name, attribute in (("decoder_hidden_dim", "hidden_dim"), ("decoder_heads", "num_heads")):
        if options.get(name) not in (None, getattr(encoder, attribute)):
            raise UserError(
                f"--head.{name} {options[name]}: with --head.initialise_decoder true it is the encoder's, "
                f"{getattr(encoder, attribute)}; leave it out."
            )
    if encoder.intermediate_dim != 4 * encoder.hidden_dim:
        raise UserError(
            f"--head.initialise_decoder true: the encoder's feed-forward width {encoder.intermediate_dim} is not four "
            f"times its width {encoder.hidden_dim}."
        )
    if (options.get("decoder_layers") or 0) > encoder.num_layers:
        raise UserError(
            f"--head.decoder_layers {options['decoder_layers']}: with --head.initialise_decoder true it is at most the "
            f"encoder's, {encoder.num_layers}."
        )
