"""Ordinal classification: labels with an order, such as one to five stars, for a text or a pair of texts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.data.labels import number_of
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.metrics.ordinal_metrics import ordinal_metrics
from bert_tf.modeling.layers.pooling import pool
from bert_tf.modeling.layers.pooling_kinds import Pooling
from bert_tf.tasks.schemas.ordinal import OrdinalSchema
from bert_tf.tasks.single_label import SingleLabelTask


@keras.saving.register_keras_serializable(package="bert_tf")
class RankBiases(keras.layers.Layer):
    """Adds one bias for each step from a rank to the next: ``(batch, 1)`` to ``(batch, ranks - 1)`` logits.

    Adam moves a weight by about the learning rate a step, and BERT's is a few millionths: biases that are to part ranks
    would hardly leave the place where they start. Hence they start at the frequencies of the training data, and a step
    moves them ``PACE`` times as far.

    Args:
        start: the biases before training, falling.
    """

    PACE = 50.0

    def __init__(self, start: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = [float(value) for value in start]

    def build(self, input_shape: Any) -> None:
        self.bias = self.add_weight(shape=(len(self.start),), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        biases = keras.ops.convert_to_tensor(self.start, inputs.dtype) + self.PACE * self.bias
        return inputs + keras.ops.cast(biases, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable(package="bert_tf")
class OrdinalClassifier(OrdinalSchema, SingleLabelTask):
    """CORAL (Cao, Mirjalili and Raschka 2020): for each rank but the last, whether the truth lies beyond it.

    All those questions share one weight vector and differ in their bias, so that their answers never contradict each
    other. The label answered is the median of the distribution they make: what makes the mean absolute error least.

    Args:
        backbone: a KerasHub text encoder.
        preprocessor: turns strings into the backbone's inputs.
        labels: label names from the lowest rank to the highest.
        rank_biases: log-odds that the truth lies beyond each rank but the last, before training; default evenly apart.
        pair: whether the model reads ``text_pair`` beside ``text``.
        pooling: which vector stands for the text, see :data:`bert_tf.modeling.layers.pooling_kinds.Pooling`.
        dropout: share of the pooled features dropped in training.
    """

    monitor: ClassVar[str] = "quadratic_kappa"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "mae"})
    takes_keras_loss: ClassVar[bool] = False

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        labels: Sequence[str],
        rank_biases: Sequence[float] | None = None,
        pair: bool = False,
        pooling: Pooling = "cls",
        dropout: float = 0.1,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.output_dropout = keras.layers.Dropout(dropout, dtype=dtype, name="classifier_dropout")
        self.rank = keras.layers.Dense(
            1,
            use_bias=False,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype=dtype,
            name="rank",
        )
        rank_biases = rank_log_odds([1] * len(labels)) if rank_biases is None else rank_biases
        self.biases = RankBiases(rank_biases, dtype=dtype, name="rank_biases")

        # === Functional Model ===
        inputs = backbone.input
        outputs = self.biases(self.rank(self.output_dropout(pool(backbone, inputs, pooling, dtype))))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.labels = [str(label) for label in labels]
        self.pair = pair
        self.pooling = pooling
        self.dropout = dropout

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "labels": list(self.labels),
            "rank_biases": self.biases.start,
            "pair": self.pair,
            "pooling": self.pooling,
            "dropout": self.dropout,
        }

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        """Numbers are in their order.

        Raises:
            UserError: the labels are words, and no order is given.
        """
        facts = super().learn_from(records, labels, options)
        if labels is None and (words := [label for label in facts["labels"] if number_of(label) is None]):
            found = " ".join(shlex.quote(label) for label in facts["labels"][:20])
            raise UserError(
                f"{records.name}: nothing says the order of labels such as {words[0]!r}. Name them, lowest first: "
                f"--data.labels {found}"
            )
        return facts

    @classmethod
    def learn_from_counts(cls, counts: Sequence[int], options: BaseModel | None) -> dict[str, Any]:
        return {"rank_biases": rank_log_odds(counts)}

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        beyond = tf.sequence_mask(targets, len(self.labels) - 1, tf.float32)  # rank 2: beyond 0, beyond 1, not beyond 2
        losses = tf.nn.sigmoid_cross_entropy_with_logits(beyond, tf.cast(outputs, tf.float32))
        return tf.reduce_sum(losses, -1)

    def metric_pair(self, targets: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Ranks ``(batch,)`` and the probabilities of all labels ``(batch, labels)``."""
        return targets, self.postprocess(outputs)["probabilities"]

    def postprocess(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """``label``, its ``score`` (probability), ``expected_rank`` from 0, and ``probabilities`` of all labels."""
        # The trained biases fall; sorted, no probability is negative even before they do.
        beyond = tf.sort(tf.nn.sigmoid(tf.cast(outputs, tf.float32)), axis=-1, direction="DESCENDING")
        edge = tf.ones_like(beyond[:, :1])
        probabilities = tf.concat([edge, beyond], -1) - tf.concat([beyond, tf.zeros_like(edge)], -1)
        rank = tf.reduce_sum(tf.cast(beyond > 0.5, tf.int32), -1)
        return {
            "label": tf.gather(tf.constant(self.labels), rank),
            "score": tf.gather(probabilities, rank, batch_dims=1),
            "expected_rank": tf.reduce_sum(beyond, -1),
            "probabilities": probabilities,
        }

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        answers = super().answers(finished, rows)
        return [
            {**answer, "expected_rank": float(rank)}
            for answer, rank in zip(answers, finished["expected_rank"], strict=True)
        ]

    def evaluate_outputs(
        self, targets: Sequence[int], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        predicted = np.array([self.labels.index(label.decode("utf-8")) for label in finished["label"]])
        return ordinal_metrics(np.array(targets), finished["probabilities"], predicted, self.labels)


TASK = OrdinalClassifier


def rank_log_odds(counts: Sequence[int]) -> list[float]:
    """Log-odds that a random example lies beyond each rank but the last; one more of every rank keeps them finite."""
    smoothed = np.asarray(counts, float) + 1
    beyond = 1 - np.cumsum(smoothed)[:-1] / smoothed.sum()
    return [float(value) for value in np.log(beyond / (1 - beyond))]
