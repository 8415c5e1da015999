"""Extractive question answering: the part of a context that answers a question, or that it holds no answer."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.config import TextCleaningConfig
from bert_tf.data.answer_spans import NO_ANSWER, NOT_FOUND, find_answer
from bert_tf.data.records import Records, Row, is_missing
from bert_tf.errors import UserError
from bert_tf.metrics.question_answering_metrics import answer_metrics, answer_scores, best_threshold
from bert_tf.modeling.decoding.best_spans import best_spans_of_records, best_spans_of_windows
from bert_tf.modeling.layers.pooling import token_vectors
from bert_tf.modeling.mask_values import MASKED, MASKED_IN_HALF_PRECISION
from bert_tf.tasks.mistakes import Mistake
from bert_tf.tasks.schemas.question_answering import QuestionAnsweringSchema
from bert_tf.tasks.task import TextTask
from bert_tf.tokenization.han_characters import HAN
from bert_tf.tokenization.offsets import tokenize_with_offsets
from bert_tf.tokenization.question_preprocessor import QuestionPreprocessor, QuestionWindows

logger = logging.getLogger("bert_tf")

_WITHOUT_ANSWER = "without an answer"
WINDOWS_AT_ONCE = 64
"""Windows that go through the model together, so that memory does not grow with a context."""


@keras.saving.register_keras_serializable(package="bert_tf")
class QuestionAnswerer(QuestionAnsweringSchema, TextTask):
    """A backbone and a dense layer with two logits a token, that it starts the answer and that it ends it.

    A context that is too long is read in overlapping windows. A window without the answer learns to point at
    ``[CLS]``; so does a question without an answer, which is left unanswered where the null score, the logits of
    ``[CLS]`` less those of the best span, exceeds a threshold that is chosen on the validation data.

    Args:
        backbone: a KerasHub BERT encoder.
        preprocessor: cuts the windows.
        max_answer_length: tokens of the longest answer.
        n_best: answers given for a question.
        metric: ``squad`` or ``cmrc``.
        null_answers: some questions have no answer.
        null_threshold: of the null score, above which a question is not answered.

    Reference:
        Devlin et al. 2018, sections 4.2 and 4.3.
    """

    monitor: ClassVar[str] = "f1"
    target_signature: ClassVar[tf.TypeSpec] = tf.TensorSpec([None, 2], tf.int32)
    counts: ClassVar[str] = "questions"
    windowed: ClassVar[bool] = True
    counts_by_example: ClassVar[bool] = False
    learned_in_fit: ClassVar[tuple[str, ...]] = ("metric", "null_answers")
    pair = True

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        max_answer_length: int = 30,
        n_best: int = 5,
        metric: str = "squad",
        null_answers: bool = False,
        null_threshold: float = 0.0,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor: Any = preprocessor
        self.output_dense = keras.layers.Dense(
            2,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype=dtype or backbone.dtype_policy,
            name="span_logits",
        )

        # === Functional Model ===
        inputs = backbone.input
        logits = self.output_dense(token_vectors(backbone(inputs)))
        # Neither loss nor answers depend on how far a batch is filled up.
        outputs = keras.ops.where(inputs["padding_mask"][..., None] > 0, logits, MASKED_IN_HALF_PRECISION)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.max_answer_length = max_answer_length
        self.n_best = n_best
        self.metric = metric
        self.null_answers = null_answers
        self.null_threshold = null_threshold

    def get_config(self) -> dict[str, Any]:
        names = ("max_answer_length", "n_best", "metric", "null_answers", "null_threshold")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    @classmethod
    def create(
        cls,
        loaded: LoadedBackbone,
        *,
        sequence_length: int,
        dtype: str = "float32",
        cleaning: TextCleaningConfig | None = None,
        stride: int = 128,
        max_query_length: int = 64,
        **options: Any,
    ) -> QuestionAnswerer:
        tokenize_with_offsets(loaded.tokenizer, tf.constant([""]))  # says at once where there are no offsets
        try:
            preprocessor = QuestionPreprocessor(
                loaded.tokenizer,
                sequence_length=sequence_length,
                segment_ids="segment_ids" in loaded.backbone.input,
                cleaning=cleaning,
                stride=stride,
                max_query_length=max_query_length,
            )
        except ValueError as error:
            raise UserError(f"--data.sequence_length {sequence_length}: {error} (--head.max_query_length).") from None
        return cls(backbone=loaded.backbone, preprocessor=preprocessor, dtype=dtype, **options)

    # === Records ===

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        questions = without_answer = lost = chinese = letters = 0
        first_lost = ""
        for row in records:
            if "context" not in row.values:
                raise UserError(
                    f"{row.where()}: there is no column 'context'; there are: {', '.join(map(repr, row.values))}. "
                    "Name the right one with --data.columns.context NAME."
                )
            questions += 1
            target = find_answer(row)
            without_answer += target == NO_ANSWER
            if target == NOT_FOUND:
                lost += 1
                first_lost = first_lost or f'{row.where()}: "{row.values["answers"][0]["text"]}"'
            text = "".join(answer["text"] for answer in row.values["answers"])
            chinese += len(HAN.findall(text))
            letters += sum(map(str.isalnum, text))
        if not questions:
            raise UserError(f"{records.name}: there is no row to train on.")
        if without_answer == questions:
            raise UserError(f"{records.name}: no question has an answer (is --data.columns.answers the right column?).")
        if lost:
            found = (
                f"{lost:,} of {questions:,} answers do not stand in their context where they should, nor once elsewhere"
            )
            if lost == questions - without_answer:
                raise UserError(f"{records.name}: {found} (the first: {first_lost}).")
            logger.warning("%s: %s; they do not train (the first: %s)", records.name, found, first_lost)
        metric = getattr(options, "metric", "auto")
        if metric == "auto":
            metric = "cmrc" if 2 * chinese > letters else "squad"
        return {"metric": metric, "null_answers": without_answer > 0}

    def target(self, row: Row) -> tuple[int, int]:
        if not row.values["context"].strip():
            raise UserError(f"{row.where()}: the context is empty. Fill it in or remove the row.")
        return find_answer(row)

    def counted(self, row: Row, target: tuple[int, int]) -> list[str]:
        names = {NO_ANSWER: _WITHOUT_ANSWER, NOT_FOUND: "answer not found in its context"}
        return [names.get(target, "answered")]

    def metric_names(self, counted: Collection[str | float]) -> list[str]:
        both = _WITHOUT_ANSWER in counted and len(counted) > 1
        return [name for name in self.score_names if both or name in ("exact_match", "f1")]

    # === Training ===

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        return self.preprocessor.windows(columns["question"], columns["context"]).features

    def encode_training(self, columns: Mapping[str, tf.Tensor], targets: tf.Tensor) -> tuple[dict[str, Any], tf.Tensor]:
        """The windows with the places of the answer's first and last token in them, ``(windows, 2)`` int32."""
        windows = self.preprocessor.windows(columns["question"], columns["context"])
        # The first token that ends behind the answer's start, the last one that starts before its end.
        first = tf.reduce_sum(tf.cast(windows.ends <= targets[:, :1], tf.int32), axis=1)
        last = tf.reduce_sum(tf.cast(windows.starts < targets[:, 1:], tf.int32), axis=1) - 1
        has_answer = targets[:, 0] >= 0
        trains = tf.where(has_answer, first <= last, targets[:, 0] == NO_ANSWER[0])
        first, last, has_answer, trains = (tf.gather(v, windows.record) for v in (first, last, has_answer, trains))
        inside = has_answer & (first >= windows.first) & (last < windows.after)
        places = tf.stack([first, last], 1) + (windows.context_place - windows.first)[:, None]
        places = tf.where(inside[:, None], places, 0)
        features = {name: tf.ragged.boolean_mask(rows, trains) for name, rows in windows.features.items()}
        return features, tf.boolean_mask(places, trains)

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The mean of the cross-entropies of start and end over all tokens of the window."""
        logits = tf.transpose(tf.cast(outputs, tf.float32), [0, 2, 1])
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits), axis=1)

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.SparseCategoricalAccuracy("position_accuracy")]

    def metric_pair(self, targets: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The places of first and last token, ``(2 · windows,)``, and the logits of all, ``(2 · windows, seq_len)``."""
        logits = tf.transpose(outputs, [0, 2, 1])
        return tf.reshape(targets, [-1]), tf.reshape(logits, [-1, tf.shape(logits)[2]])

    # === Answers ===

    def answer_texts(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """``question`` and ``context`` ``(batch,)`` string to answers, each of which is ``context[start:end]``.

        Returns:
            ``answer`` ``(batch,)`` string, ``start`` and ``end`` ``(batch,)`` int32 in code points (0 where there is no
            answer), ``score`` ``(batch,)`` float32, its probability among the ``n_best`` ones and no answer,
            ``null_score`` ``(batch,)`` float32, and the best answers ``n_best_answers``, ``n_best_starts``,
            ``n_best_ends`` and ``n_best_scores``, ``(batch, n_best)``; those that there are not are empty.
        """
        # As the tokeniser reads it, so that no byte shifts the offsets.
        contexts = tf.strings.unicode_transcode(columns["context"], "UTF-8", "UTF-8", errors="ignore")
        windows = self.preprocessor.windows(columns["question"], contexts)
        scores, first, last, null = self._spans(windows)
        batch = tf.size(contexts)
        best, which = best_spans_of_records(scores, windows.record, batch)
        null = tf.math.unsorted_segment_min(null, windows.record, batch)
        exists = best > MASKED / 2
        starts, ends = (
            tf.where(exists, _characters(offsets, tf.gather(tf.reshape(tokens, [-1]), which)), 0)
            for offsets, tokens in ((windows.starts, first), (windows.ends, last))
        )
        texts = tf.strings.substr(contexts[:, None], starts, ends - starts, unit="UTF8_CHAR")
        against = null[:, None] if self.null_answers else tf.fill([batch, 1], MASKED)
        probabilities = tf.nn.softmax(tf.concat([best, against], 1))
        found = tf.where(exists, probabilities[:, :-1], 0)
        null_scores = null - best[:, 0]
        silent = null_scores > self.null_threshold if self.null_answers else tf.fill([batch], False)
        return {
            "answer": tf.where(silent, "", texts[:, 0]),
            "start": tf.where(silent, 0, starts[:, 0]),
            "end": tf.where(silent, 0, ends[:, 0]),
            "score": tf.where(silent, probabilities[:, -1], found[:, 0]),
            "null_score": null_scores,
            "n_best_answers": texts,
            "n_best_starts": starts,
            "n_best_ends": ends,
            "n_best_scores": found,
        }

    def _spans(self, windows: QuestionWindows) -> tuple[tf.Tensor, ...]:
        """Scores, first and last context token of each window's best spans ``(windows, n_best)``; its null score."""
        count = tf.size(windows.record)
        parts = -(-count // WINDOWS_AT_ONCE)
        shapes = [[None, self.n_best]] * 3 + [[None]]
        arrays = [
            tf.TensorArray(dtype, parts, infer_shape=False, element_shape=shape)
            for dtype, shape in zip((tf.float32, tf.int32, tf.int32, tf.float32), shapes, strict=True)
        ]

        def answer(part: tf.Tensor, arrays: list[tf.TensorArray]) -> tuple[tf.Tensor, list[tf.TensorArray]]:
            take = slice(part * WINDOWS_AT_ONCE, tf.minimum((part + 1) * WINDOWS_AT_ONCE, count))
            features = self.pad({name: rows[take] for name, rows in windows.features.items()}, multiple_of=8)
            logits = tf.cast(self(features, training=False), tf.float32)
            # The number, in the record's context, of the token at each place.
            shift = (windows.context_place - windows.first)[take]
            number = tf.range(tf.shape(logits)[1])[None] - shift[:, None]
            may_start = (number >= windows.own_first[take, None]) & (number < windows.own_after[take, None])
            may_end = (number >= windows.first[take, None]) & (number < windows.after[take, None])
            scores, first, last = best_spans_of_windows(logits, may_start, may_end, self.n_best, self.max_answer_length)
            null = logits[:, 0, 0] + logits[:, 0, 1]
            values = (scores, first - shift[:, None], last - shift[:, None], null)
            return part + 1, [array.write(part, value) for array, value in zip(arrays, values, strict=True)]

        _, arrays = tf.while_loop(
            lambda part, arrays: part < parts, answer, [tf.constant(0), arrays], parallel_iterations=1
        )
        return tuple(array.concat() for array in arrays)

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        made = []
        for number in range(len(rows)):
            best = zip(
                *(finished[f"n_best_{name}"][number] for name in ("answers", "starts", "ends", "scores")), strict=True
            )
            made.append(
                {
                    **_answer(*(finished[name][number] for name in ("answer", "start", "end", "score"))),
                    **({"null_score": float(finished["null_score"][number])} if self.null_answers else {}),
                    "n_best": [answer for one in best if (answer := _answer(*one))["end"]],
                }
            )
        return made

    # === Evaluation ===

    def mistake(self, row: Row, target: Any, answer: Mapping[str, Any]) -> Mistake | None:
        expected = _references([row])[0]
        (exact, _), *_ = answer_scores([answer["answer"]], [expected], self.metric)
        return None if exact else Mistake(expected, answer["answer"], answer["score"])

    def evaluate_outputs(
        self, targets: Sequence[Any], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        metrics = answer_metrics(self._predictions(finished), _references(rows), self.metric)
        return {**metrics, "null_threshold": self.null_threshold} if self.null_answers else metrics

    def tune(self, targets: Sequence[Any], finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> None:
        """Sets the threshold of the null score that gives the best F1, if some question has no answer."""
        references = _references(rows)
        if not self.null_answers or all(references):
            return
        answered = answer_scores(_texts(finished["n_best_answers"][:, 0]), references, self.metric)
        silent = answer_scores([""] * len(rows), references, self.metric)
        f1, silent_f1 = (np.array([f1 for _, f1 in scores]) for scores in (answered, silent))
        _, self.null_threshold = best_threshold(f1, silent_f1, finished["null_score"])

    def evaluation_files(
        self, targets: Sequence[Any], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        """``predictions.json``, and ``na_probs.json`` where questions have no answer: 0.5 at the threshold."""
        ids = _unique_ids(rows)
        files: dict[str, Any] = {"predictions.json": dict(zip(ids, self._predictions(finished), strict=True))}
        if self.null_answers:
            above = finished["null_score"].astype(float) - self.null_threshold
            files["na_probs.json"] = dict(zip(ids, (0.5 + 0.5 * np.tanh(above / 2)).tolist(), strict=True))
        return files

    def _predictions(self, finished: Mapping[str, np.ndarray]) -> list[str]:
        """The answers by the threshold as it is now, which is not that of the graph where it has just been tuned."""
        best = _texts(finished["n_best_answers"][:, 0])
        if not self.null_answers:
            return best
        silent = finished["null_score"] > self.null_threshold
        return ["" if none else text for none, text in zip(silent, best, strict=True)]


TASK = QuestionAnswerer


def _characters(offsets: tf.RaggedTensor, tokens: tf.Tensor) -> tf.Tensor:
    """The offsets of tokens ``(batch, n)`` of each record, by their number; of a number that there is not, anything."""
    flat = tf.concat([offsets.flat_values, [0]], 0)
    places = tokens + tf.cast(offsets.row_starts(), tf.int32)[:, None]
    return tf.gather(flat, tf.clip_by_value(places, 0, tf.size(flat) - 1))


def _answer(text: bytes, start: Any, end: Any, score: Any) -> dict[str, Any]:
    return {"answer": text.decode("utf-8"), "start": int(start), "end": int(end), "score": float(score)}


def _texts(texts: np.ndarray) -> list[str]:
    return [text.decode("utf-8") for text in texts]


def _unique_ids(rows: Sequence[Row]) -> list[str]:
    """The questions' ids, or numbers; of those that have the same, the later ones with a number behind it."""
    wanted = [row.line if is_missing(row.values.get("id")) else row.values["id"] for row in rows]
    taken = set(map(str, wanted))
    ids: dict[str, None] = {}
    for each in map(str, wanted):
        key, number = each, 1
        while key in ids or (number > 1 and key in taken):
            number += 1
            key = f"{each}#{number}"
        ids[key] = None
    if repeated := len(rows) - len(taken):
        first = next(each for each, count in Counter(map(str, wanted)).items() if count > 1)
        logger.warning(
            "%s of %s questions have the id of another one (such as %r): predictions.json calls the later ones "
            "%s#2, …, and an official script reads the first of them only: give each question an id of its own",
            f"{repeated:,}", f"{len(rows):,}", first, first,
        )  # fmt: skip
    return list(ids)


def _references(rows: Sequence[Row]) -> list[list[str]]:
    return [[answer["text"] for answer in row.values["answers"]] for row in rows]
