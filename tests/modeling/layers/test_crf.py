"""The conditional random field against sums over every sequence of tags."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.modeling.layers.crf import (
    ConditionalRandomField,
    log_likelihood,
    log_partition,
    marginals,
    viterbi,
)
from bert_tf.modeling.mask_values import MASKED_IN_HALF_PRECISION

TAGS = 3
MASKS = ["11111", "11100", "00111", "01011", "00100", "00000"]


def brute_force(emissions: np.ndarray, mask: list[bool], scores: list[np.ndarray]) -> dict[tuple[int, ...], float]:
    """Score of every sequence of tags at the places that are not masked."""
    transitions, first, last = scores
    places = [index for index, here in enumerate(mask) if here]
    found = {}
    for tags in itertools.product(range(TAGS), repeat=len(places)):
        score = sum(emissions[place, tag] for place, tag in zip(places, tags, strict=True))
        score += sum(transitions[a, b] for a, b in itertools.pairwise(tags))
        found[tags] = score + (first[tags[0]] + last[tags[-1]] if tags else 0.0)
    return found


Case = tuple[np.ndarray, np.ndarray, list[np.ndarray]]


def tensors(case: Case) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]]:
    emissions, mask, scores = case
    return tf.constant(emissions), tf.constant(mask), tuple(map(tf.constant, scores))


@pytest.fixture(scope="module")
def case() -> Case:
    random = np.random.default_rng(7)
    mask = np.array([[c == "1" for c in row] for row in MASKS])
    emissions = random.normal(size=(len(MASKS), 5, TAGS)).astype(np.float32)
    scores = [random.normal(size=shape).astype(np.float32) for shape in ((TAGS, TAGS), (TAGS,), (TAGS,))]
    scores[0][0, 2] = MASKED_IN_HALF_PRECISION
    return emissions, mask, scores


def test_log_likelihood_and_partition(case: Case) -> None:
    emissions, mask, scores = case
    tags = np.random.default_rng(3).integers(0, TAGS, mask.shape).astype(np.int32)
    tags[0] = [0, 1, 2, 0, 0]
    e, m, s = tensors(case)
    found = log_likelihood(e, tf.constant(np.where(mask, tags, -1)), m, s).numpy()
    partitions = log_partition(e, m, s).numpy()
    for row in range(len(MASKS)):
        all_scores = brute_force(emissions[row], mask[row], scores)
        total = np.logaddexp.reduce(list(all_scores.values()))
        chosen = all_scores[tuple(tags[row][mask[row]])]
        assert found[row] == pytest.approx(chosen - total, abs=1e-4, rel=1e-5)
        if mask[row].any():
            assert partitions[row] == pytest.approx(total, abs=1e-4)


def test_viterbi(case: Case) -> None:
    emissions, mask, scores = case
    found = viterbi(*tensors(case)).numpy()
    for row in range(len(MASKS)):
        all_scores = brute_force(emissions[row], mask[row], scores)
        assert tuple(found[row][mask[row]]) == max(all_scores, key=all_scores.__getitem__)


def test_marginals(case: Case) -> None:
    emissions, mask, scores = case
    found = marginals(*tensors(case)).numpy()
    for row in range(len(MASKS)):
        all_scores = brute_force(emissions[row], mask[row], scores)
        total = np.logaddexp.reduce(list(all_scores.values()))
        for number, place in enumerate(np.flatnonzero(mask[row])):
            for tag in range(TAGS):
                expected = sum(np.exp(score - total) for tags, score in all_scores.items() if tags[number] == tag)
                assert found[row, place, tag] == pytest.approx(expected, abs=1e-5)


def test_marginals_of_a_long_text_are_probabilities() -> None:
    """Scores add up to thousands, of which float32 keeps a few digits behind the point."""
    emissions = 20 * np.random.default_rng(5).normal(size=(2, 600, TAGS)).astype(np.float32)
    scores = tf.zeros([TAGS, TAGS]), tf.zeros([TAGS]), tf.zeros([TAGS])
    found = marginals(tf.constant(emissions), tf.ones([2, 600], tf.bool), scores).numpy()
    assert found.max() <= 1
    np.testing.assert_allclose(found, tf.nn.softmax(emissions), atol=2e-3)


def test_learns_transitions_that_no_emission_tells() -> None:
    """The second of two tokens has the tag that the first has not."""
    inputs = keras.Input((2, 2))
    layer = ConditionalRandomField(2)
    model = keras.Model(inputs, layer(inputs))
    assert len(model.trainable_variables) == 3
    emissions = tf.constant([[[3.0, 0.0], [0.0, 0.0]], [[0.0, 3.0], [0.0, 0.0]]])
    tags, mask = tf.constant([[0, 1], [1, 0]]), tf.ones([2, 2], tf.bool)
    optimizer = keras.optimizers.Adam(1e-3)
    for _ in range(30):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(log_likelihood(model(emissions), tags, mask, layer.scores()))
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    assert viterbi(emissions, mask, layer.scores()).numpy().tolist() == [[0, 1], [1, 0]]


def test_compiles_with_xla(case: Case) -> None:
    emissions, mask, scores = tensors(case)
    tags = tf.zeros(mask.shape, tf.int32)
    compiled = tf.function(lambda e: log_likelihood(e, tags, mask, scores), jit_compile=True)
    np.testing.assert_allclose(compiled(emissions), log_likelihood(emissions, tags, mask, scores), atol=1e-4)
