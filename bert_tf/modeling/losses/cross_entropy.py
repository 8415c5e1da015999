"""Cross-entropy of one class among several and of many yes-or-no labels: smoothed, focal, weighted by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import tensorflow as tf


def softmax_cross_entropy(
    targets: tf.Tensor,
    logits: tf.Tensor,
    *,
    label_smoothing: float = 0.0,
    focal_gamma: float = 0.0,
    class_weights: Sequence[float] | None = None,
) -> tf.Tensor:
    """Loss of each example where exactly one class is right.

    Args:
        targets: right classes, ``(batch,)`` int32.
        logits: ``(batch, classes)`` float.
        label_smoothing: share of the target that all classes divide evenly (Szegedy et al. 2016, section 7).
        focal_gamma: each term is multiplied by ``(1 - p) ** focal_gamma``: what is already known counts less (Lin et
            al. 2017, equation 4).
        class_weights: factor of the examples of each class.

    Returns:
        ``(batch,)`` float32.
    """
    logits = tf.cast(logits, tf.float32)
    if label_smoothing or focal_gamma:
        log_probabilities = tf.nn.log_softmax(logits)
        classes = tf.shape(logits)[-1]
        wanted = tf.one_hot(targets, classes) * (1 - label_smoothing) + label_smoothing / tf.cast(classes, tf.float32)
        losses = -tf.reduce_sum(wanted * log_probabilities * _focus(tf.exp(log_probabilities), focal_gamma), -1)
    else:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    if class_weights is not None:
        losses *= tf.gather(tf.constant(class_weights, tf.float32), targets)
    return losses


def sigmoid_cross_entropy(
    targets: tf.Tensor,
    logits: tf.Tensor,
    *,
    focal_gamma: float = 0.0,
    class_weights: Sequence[Sequence[float]] | None = None,
) -> tf.Tensor:
    """Loss of each example where any number of labels is right: the mean over the labels.

    Args:
        targets: 1 for the labels that are right, ``(batch, labels)`` float32.
        logits: ``(batch, labels)`` float.
        focal_gamma: as of :func:`softmax_cross_entropy`.
        class_weights: for each label the factors where it is wrong and where it is right.

    Returns:
        ``(batch,)`` float32.
    """
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    losses *= _focus(tf.exp(-losses), focal_gamma)  # exp(-loss) is the probability that the model gave the truth
    if class_weights is not None:
        weights = tf.constant(class_weights, tf.float32)
        losses *= targets * weights[:, 1] + (1 - targets) * weights[:, 0]
    return tf.reduce_mean(losses, -1)


class SoftmaxLoss:
    """:func:`softmax_cross_entropy` with its options, as the tasks that answer one label keep them in their config.

    Args:
        label_smoothing: see :func:`softmax_cross_entropy`, as the next two.
        focal_gamma: 0 is cross-entropy.
        class_weights: one factor per label, or ``none``.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        class_weights: Sequence[float] | Literal["none"] = "none",
    ) -> None:
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.class_weights = None if isinstance(class_weights, str) else [float(weight) for weight in class_weights]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        weights = "none" if self.class_weights is None else list(self.class_weights)
        return {
            "label_smoothing": self.label_smoothing,
            "focal_gamma": self.focal_gamma,
            "class_weights": weights,
        }

    def __call__(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return softmax_cross_entropy(
            targets,
            logits,
            label_smoothing=self.label_smoothing,
            focal_gamma=self.focal_gamma,
            class_weights=self.class_weights,
        )


def balanced_weights(counts: Sequence[int]) -> list[float]:
    """Weights of classes that make each count alike: ``examples / (classes × count)``, as scikit-learn's ``balanced``.

    Their mean over the examples is 1. A class without examples has weight 1.
    """
    total = sum(counts)
    return [total / (len(counts) * count) if count else 1.0 for count in counts]


def _focus(probabilities: tf.Tensor, gamma: float) -> tf.Tensor | float:
    # Not below 1e-7: for gamma < 1 the slope at 0 is infinite.
    return tf.maximum(1 - probabilities, 1e-7) ** gamma if gamma else 1.0
