"""Losses of each example, equal to Keras's where Keras has them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from bert_tf.modeling.losses.cross_entropy import balanced_weights, sigmoid_cross_entropy, softmax_cross_entropy

LOGITS = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32) * 2
CLASSES = np.array([0, 1, 2, 3, 0, 1])
SETS = np.random.default_rng(4).integers(0, 2, (6, 4)).astype(np.float32)


@pytest.mark.parametrize(("smoothing", "gamma"), [(0.0, 0.0), (0.1, 0.0), (0.0, 2.0), (0.1, 0.5)])
def test_softmax_equals_keras(smoothing: float, gamma: float) -> None:
    found = softmax_cross_entropy(CLASSES, LOGITS, label_smoothing=smoothing, focal_gamma=gamma)
    expected = keras.losses.CategoricalFocalCrossentropy(
        alpha=1.0, gamma=gamma, from_logits=True, label_smoothing=smoothing, reduction="none"
    )(np.eye(4, dtype=np.float32)[CLASSES], LOGITS)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_sigmoid_equals_keras(gamma: float) -> None:
    expected = keras.losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True, reduction="none")(SETS, LOGITS)
    np.testing.assert_allclose(sigmoid_cross_entropy(SETS, LOGITS, focal_gamma=gamma), expected, rtol=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_finite_where_the_model_is_sure(gamma: float) -> None:
    logits = tf.Variable([[200.0, -200.0]])
    with tf.GradientTape(persistent=True) as tape:
        one = softmax_cross_entropy([0], logits, focal_gamma=gamma, label_smoothing=0.1)
        many = sigmoid_cross_entropy([[1.0, 0.0]], logits, focal_gamma=gamma)
    for loss in (one, many):
        assert np.isfinite(loss).all()
        assert np.isfinite(tape.gradient(loss, logits)).all()


def test_class_weights() -> None:
    plain = softmax_cross_entropy(CLASSES, LOGITS)
    weighted = softmax_cross_entropy(CLASSES, LOGITS, class_weights=[1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(weighted, plain * (CLASSES + 1.0), rtol=1e-6)
    # The first label counts three times where it is right, twice where it is wrong; the others not at all.
    sets = sigmoid_cross_entropy(SETS, LOGITS, class_weights=[[2.0, 3.0], *([[0.0, 0.0]] * 3)])
    first = tf.nn.sigmoid_cross_entropy_with_logits(SETS[:, 0], LOGITS[:, 0])
    np.testing.assert_allclose(sets, first * (2 + SETS[:, 0]) / 4, rtol=1e-5)


def test_balanced_weights_are_scikit_learns() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(4), y=CLASSES)
    np.testing.assert_allclose(balanced_weights([2, 2, 1, 1]), expected)
    assert balanced_weights([4, 0]) == [0.5, 1.0]
