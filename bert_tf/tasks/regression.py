"""Regression: a number for a text, or for a pair of texts such as their similarity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.data.labels import label_of, number_of
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.metrics.regression_metrics import regression_metrics
from bert_tf.modeling.layers.pooling import pool
from bert_tf.modeling.layers.pooling_kinds import Pooling
from bert_tf.tasks.mistakes import Mistake
from bert_tf.tasks.schemas.regression import RegressionSchema
from bert_tf.tasks.task import TextTask


@keras.saving.register_keras_serializable(package="bert_tf")
class TextRegressor(RegressionSchema, TextTask):
    """A backbone, dropout, and a dense layer with one output (STS-B in Devlin et al. 2018, section 4.1).

    Without bounds the output is the number in units of the training targets' standard deviation, trained with the
    squared error. With bounds it is a logit whose sigmoid is the number's place between them, trained with
    cross-entropy, whose slope does not vanish at the bounds.

    Args:
        backbone: a KerasHub text encoder.
        preprocessor: turns strings into the backbone's inputs.
        pair: whether the model reads ``text_pair`` beside ``text``.
        bounds: lowest and highest answer.
        mean: mean of the training targets, for models without bounds.
        standard_deviation: theirs too.
        pooling: which vector stands for the text, see :data:`bert_tf.modeling.layers.pooling_kinds.Pooling`.
        dropout: share of the pooled features dropped in training.
    """

    monitor: ClassVar[str] = "pearson_spearman"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"mse", "mae"})
    target_signature: ClassVar[tf.TypeSpec] = tf.TensorSpec([None], tf.float32)
    learned_in_fit: ClassVar[tuple[str, ...]] = ("pair", "mean", "standard_deviation")

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        pair: bool = False,
        bounds: Sequence[float] | None = None,
        mean: float = 0.0,
        standard_deviation: float = 1.0,
        pooling: Pooling = "cls",
        dropout: float = 0.1,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.output_dropout = keras.layers.Dropout(dropout, dtype=dtype, name="regressor_dropout")
        self.output_dense = keras.layers.Dense(
            1, kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02), dtype=dtype, name="number"
        )

        # === Functional Model ===
        inputs = backbone.input
        outputs = self.output_dense(self.output_dropout(pool(backbone, inputs, pooling, dtype)))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.pair = pair
        self.bounds = None if bounds is None else (float(bounds[0]), float(bounds[1]))
        self.mean = float(mean)
        self.standard_deviation = float(standard_deviation)
        self.pooling = pooling
        self.dropout = dropout

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pair": self.pair,
            "bounds": None if self.bounds is None else list(self.bounds),
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "pooling": self.pooling,
            "dropout": self.dropout,
        }

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        if labels:
            raise UserError("--data.labels: regression answers numbers, it has no labels.")
        pair, count, mean, squares = False, 0, 0.0, 0.0
        for row in records:
            pair = pair or "text_pair" in row.values
            if (number := _number(row)) is not None:  # else training says which row it is, or leaves it out
                count += 1
                step = number - mean
                mean += step / count  # Welford 1962
                squares += step * (number - mean)
        if not count:
            raise UserError(f"{records.name}: no row has a number to train on (is --data.columns.label right?).")
        return {"pair": pair, "mean": mean, "standard_deviation": math.sqrt(squares / count) or 1.0}

    def target(self, row: Row) -> float | None:
        number = _number(row)
        if number is None or (self.bounds and not self.bounds[0] <= number <= self.bounds[1]):
            return None
        return number

    def unknown_target(self, row: Row) -> str:
        if (number := _number(row)) is None:
            return f"the label {row.values.get('label')!r} is not a number"
        assert self.bounds is not None
        low, high = self.bounds
        return f"the label {number:g} is outside of --head.bounds {low:g} {high:g}"

    def counted(self, row: Row, target: float) -> list[float]:
        return [target]

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.cast(outputs, tf.float32)[:, 0]
        if self.bounds is None:
            return ((targets - self.mean) / self.standard_deviation - outputs) ** 2
        low, high = self.bounds
        return tf.nn.sigmoid_cross_entropy_with_logits((targets - low) / (high - low), outputs)

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.MeanAbsoluteError("mae"), keras.metrics.RootMeanSquaredError("rmse")]

    def metric_pair(self, targets: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The numbers of the data and those answered, ``(batch,)``."""
        return targets, self.postprocess(outputs)["score"]

    def postprocess(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = tf.cast(outputs, tf.float32)[:, 0]
        if self.bounds is None:
            return {"score": outputs * self.standard_deviation + self.mean}
        low, high = self.bounds
        return {"score": tf.nn.sigmoid(outputs) * (high - low) + low}

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [{"score": float(score)} for score in finished["score"]]

    def mistake(self, row: Row, target: float, answer: Mapping[str, Any]) -> Mistake | None:
        """How far off a score is; a tenth of the training scores' standard deviation is right enough."""
        off = abs(float(target) - answer["score"])
        return Mistake(float(target), answer["score"], off) if off > 0.1 * self.standard_deviation else None

    def evaluate_outputs(
        self, targets: Sequence[float], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        return regression_metrics(np.array(targets), finished["score"])


TASK = TextRegressor


def _number(row: Row) -> float | None:
    return number_of(label_of(row))
