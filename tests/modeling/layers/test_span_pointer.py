"""The span head against its formulas, one span at a time; its loss against the sum over all classes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.modeling.layers.span_pointer import SpanPointer, multilabel_loss, no_span_yet
from bert_tf.modeling.mask_values import MASKED


def test_scores() -> None:
    keras.utils.set_random_seed(1)
    layer = SpanPointer(3, head_size=4)
    features = np.random.default_rng(2).normal(size=(1, 5, 6)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 0]], np.int32)
    scores = layer(features, mask).numpy()
    assert scores.shape == (1, 3, 5, 5)
    projected = layer.projection(features).numpy()[0]
    by_label = layer.label_scores(projected).numpy() / 2

    def turned(vector: np.ndarray, place: int) -> np.ndarray:
        pairs = vector[0::2] + 1j * vector[1::2]
        return pairs * np.exp(1j * place * 10000.0 ** (-np.arange(0, 4, 2) / 4))

    for start in range(5):
        for end in range(5):
            if end < start or end == 4:
                assert (scores[0, :, start, end] == MASKED).all()
                continue
            product = turned(projected[start, :4], start) * np.conj(turned(projected[end, 4:], end))
            expected = product.real.sum() / 2 + by_label[start, :3] + by_label[end, 3:]
            np.testing.assert_allclose(scores[0, :, start, end], expected, atol=1e-5)


def test_loss() -> None:
    scores = np.array([[1.0, -2.0, 0.5, MASKED], [1.0, -2.0, 0.5, MASKED]], np.float32)
    is_true = np.array([[True, False, True, False], [False] * 4])
    found = multilabel_loss(tf.constant(scores), tf.constant(is_true)).numpy()
    first = np.log(1 + np.exp(-2.0)) + np.log(1 + np.exp(-1.0) + np.exp(-0.5))
    assert found.tolist() == pytest.approx([first, np.log(1 + np.exp(1.0) + np.exp(-2.0) + np.exp(0.5))], abs=1e-5)


def test_all_spans_of_a_new_layer_weigh_as_much_as_the_threshold() -> None:
    layer = SpanPointer(2, first_score=no_span_yet(30))
    layer.build((1, 30, 8), (1, 30))
    layer.label_scores.kernel.assign(tf.zeros_like(layer.label_scores.kernel))
    layer.projection.kernel.assign(tf.zeros_like(layer.projection.kernel))
    scores = tf.reshape(layer(tf.ones([1, 30, 8]), tf.ones([1, 30])), [1, 2, 900])
    np.testing.assert_allclose(multilabel_loss(scores, tf.zeros([1, 2, 900], tf.bool)), [[np.log(2)] * 2], rtol=1e-4)


def test_an_odd_size_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        SpanPointer(2, head_size=5)
