"""The losses of sentence vectors against the sums they stand for."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from bert_tf.modeling.losses.embedding_losses import contrastive_loss, cosent_loss, first_of_equals, triplet_loss


def unit_vectors(rows: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 5)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_contrastive_is_cross_entropy_over_the_batch_without_equal_texts() -> None:
    anchors, positives, negatives = unit_vectors(4, 1), unit_vectors(4, 2), unit_vectors(4, 3)
    anchor_ids, positive_ids = [1, 2, 3, 3], [7, 8, 8, 9]  # 1 and 2 share a positive, 2 and 3 an anchor
    loss = contrastive_loss(
        tf.constant(anchors),
        tf.constant(np.concatenate([positives, negatives])),
        tf.constant(anchor_ids),
        tf.constant(positive_ids),
        0.1,
    )
    for i in range(4):
        others = [
            j for j in range(4) if j != i and positive_ids[j] != positive_ids[i] and anchor_ids[j] != anchor_ids[i]
        ]
        own = np.exp(anchors[i] @ positives[i] / 0.1)
        rest = sum(np.exp(anchors[i] @ positives[j] / 0.1) for j in others)
        rest += sum(np.exp(anchors[i] @ negative / 0.1) for negative in negatives)
        np.testing.assert_allclose(loss[i], -np.log(own / (own + rest)), rtol=1e-4)


def test_cosent_is_the_sum_over_pairs_in_wrong_order() -> None:
    cosines = np.array([0.9, 0.1, 0.5, 0.5], np.float32)
    scores = np.array([1.0, 5.0, 3.0, 3.0], np.float32)
    counted = np.array([True, True, True, False])
    total = sum(np.exp((cosines[j] - cosines[i]) / 0.5) for i in range(3) for j in range(3) if scores[i] > scores[j])
    loss = cosent_loss(tf.constant(cosines), tf.constant(scores), tf.constant(counted), 0.5)
    np.testing.assert_allclose(loss, np.log(1 + total), rtol=1e-5)
    nothing = cosent_loss(tf.constant(cosines), tf.constant([1.0] * 4), tf.constant(counted), 0.5)
    assert float(nothing) == 0.0


def test_triplet_ends_at_the_margin() -> None:
    a, p, n = (tf.constant([[1.0, 0.0]]), tf.constant([[0.8, 0.6]]), tf.constant([[0.6, 0.8]]))
    np.testing.assert_allclose(triplet_loss(a, p, n, 0.3), [0.1], atol=1e-6)
    assert float(triplet_loss(a, p, n, 0.2)[0]) < 1e-6


def test_first_of_equals() -> None:
    found = first_of_equals(tf.constant([1, 1, 2, 1]), tf.constant([5, 6, 5, 5]))
    assert found.numpy().tolist() == [True, True, True, False]
