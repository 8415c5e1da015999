"""Scores for every span of a text and every label: a head that finds nested entities, and its loss.

Reference:
    Su et al. 2022, Global Pointer: Novel Efficient Span-based Approach for Named Entity Recognition (arXiv 2208.03054),
    section 3.3, "Efficient GlobalPointer"; Su et al. 2022, ZLPR: A Novel Loss for Multi-label Classification (arXiv
    2208.02955); Su et al. 2021, RoFormer (rotary positions).
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from bert_tf.modeling.mask_values import MASKED


@keras.saving.register_keras_serializable(package="bert_tf")
class SpanPointer(keras.layers.Layer):
    """Features ``(batch, seq_len, hidden)`` to scores ``(batch, labels, seq_len, seq_len)`` float32, by start and end.

    It also takes the ``padding_mask`` ``(batch, seq_len)``; what is no span has the score ``MASKED``.

    Whether a span is one at all is a product of its first and last token, turned by their positions so that it knows
    the distance; which label it has is a sum of what both say.

    Args:
        labels: number of labels.
        head_size: size of the vectors whose product is taken; even.
        first_score: what a new layer scores every span, but for its random weights.
    """

    def __init__(self, labels: int, head_size: int = 64, first_score: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if head_size % 2:
            raise ValueError(f"head_size must be even, not {head_size}.")
        self.labels = labels
        self.head_size = head_size
        self.first_score = first_score
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        self.projection = keras.layers.Dense(2 * head_size, kernel_initializer=initializer, dtype=self.dtype_policy)
        self.label_scores = keras.layers.Dense(
            2 * labels,
            kernel_initializer=initializer,
            bias_initializer=keras.initializers.Constant(first_score),  # a score is the mean of two of these
            dtype=self.dtype_policy,
        )

    def build(self, features_shape: Any, padding_mask_shape: Any = None) -> None:
        self.projection.build(features_shape)
        self.label_scores.build((*features_shape[:-1], 2 * self.head_size))
        self.built = True

    def call(self, features: Any, padding_mask: Any) -> Any:
        ops = keras.ops
        projected = self.projection(features)
        first, last = ops.split(ops.cast(projected, "float32"), 2, axis=-1)
        spans = ops.einsum("bid,bjd->bij", _rotated(first), _rotated(last)) / self.head_size**0.5
        by_label = ops.transpose(ops.cast(self.label_scores(projected), "float32"), [0, 2, 1]) / 2
        as_first, as_last = ops.split(by_label, 2, axis=1)
        scores = spans[:, None] + as_first[:, :, :, None] + as_last[:, :, None, :]
        real = ops.cast(padding_mask, "bool")
        places = ops.arange(ops.shape(features)[1])
        is_span = real[:, :, None] & real[:, None, :] & (places[:, None] <= places[None])
        return ops.where(is_span[:, None], scores, MASKED)

    def compute_output_shape(self, features_shape: Any, padding_mask_shape: Any = None) -> Any:
        return (features_shape[0], self.labels, features_shape[1], features_shape[1])

    def get_config(self) -> dict[str, Any]:
        own = {"labels": self.labels, "head_size": self.head_size, "first_score": self.first_score}
        return {**super().get_config(), **own}


def no_span_yet(length: int) -> float:
    """``-log n`` for the n spans of so many pieces: all of them together weigh as much in the loss as the threshold.

    From 0 they would weigh n times as much, and the first steps would do little but push all spans down.
    """
    return -math.log(length * (length + 1) / 2)


def _rotated(vectors: Any) -> Any:
    """Rotary position embedding of ``(batch, seq_len, size)``."""
    ops = keras.ops
    size = vectors.shape[-1]
    positions = ops.cast(ops.arange(ops.shape(vectors)[1]), "float32")
    rates = ops.power(10000.0, -ops.arange(0, size, 2, dtype="float32") / size)
    angles = positions[:, None] * rates[None]
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    sine, cosine = ops.sin(angles), ops.cos(angles)
    return ops.concatenate([even * cosine - odd * sine, odd * cosine + even * sine], axis=-1)


def multilabel_loss(scores: tf.Tensor, is_true: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy for any number of true classes, which a score of 0 parts from the false ones.

    Args:
        scores: ``(…, classes)`` float32; ``MASKED`` for what is no class.
        is_true: ``(…, classes)`` bool.

    Returns:
        ``(…)`` float32.
    """
    false = tf.where(is_true, MASKED, scores)
    true = tf.where(is_true, -scores, MASKED)
    zero = tf.zeros_like(scores[..., :1])
    of_false = tf.reduce_logsumexp(tf.concat([false, zero], -1), -1)
    return of_false + tf.reduce_logsumexp(tf.concat([true, zero], -1), -1)
