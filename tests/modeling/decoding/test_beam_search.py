"""Search finds what an enumeration of all sequences finds; one beam is greedy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.modeling.decoding.beam_search import beam_search, greedy_search

VOCABULARY, LENGTH, END, START = 4, 4, 1, 3
BATCH = 6


def random_model(seed: int) -> np.ndarray:
    """Logits that depend on the text, the position, and the two tokens before: ``(batch, position, a, b, token)``."""
    shape = (BATCH, LENGTH, VOCABULARY, VOCABULARY, VOCABULARY)
    return np.random.default_rng(seed).normal(scale=2.0, size=shape).astype(np.float32)


def steps_of(table: np.ndarray) -> Any:
    """A step whose state is ``(text, last token)``: a search that mixes up rows of the state finds other sequences."""
    logits = tf.constant(table)

    def step(ids: tf.Tensor, position: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        text, before = state["text"], state["before"]
        places = tf.stack([text, tf.fill(tf.shape(text), position), before, ids], 1)
        return tf.gather_nd(logits, places), {"text": text, "before": ids}

    return step


def start() -> tuple[tf.Tensor, Any]:
    return tf.fill([BATCH], START), {"text": tf.range(BATCH), "before": tf.zeros([BATCH], tf.int32)}


def score(table: np.ndarray, text: int, tokens: tuple[int, ...], penalty: float) -> float:
    total, before, last = 0.0, 0, START
    for position, token in enumerate(tokens):
        logits = table[text, position, before, last].astype(np.float64)
        total += logits[token] - np.log(np.exp(logits).sum())
        before, last = last, token
    return total / ((5 + len(tokens)) / 6) ** penalty


def best_of_all(table: np.ndarray, text: int, penalty: float) -> tuple[float, tuple[int, ...]]:
    others = [token for token in range(VOCABULARY) if token != END]
    found = []
    for length in range(1, LENGTH + 1):
        for beginning in itertools.product(others, repeat=length - 1):
            found.append((*beginning, END))
            if length == LENGTH:
                found += [(*beginning, token) for token in others]
    return max((score(table, text, tokens, penalty), tokens) for tokens in found)


def padded(tokens: tuple[int, ...]) -> list[int]:
    kept = [token for token in tokens if token != END]
    return kept + [0] * (LENGTH - len(kept))


@pytest.mark.parametrize("penalty", [0.0, 0.6, 2.0])
def test_with_enough_beams_it_finds_the_best_of_all(penalty: float) -> None:
    table = random_model(1)
    search = tf.function(
        lambda ids, state: beam_search(
            steps_of(table), ids, state, beam_size=120, max_length=LENGTH, end_id=END, length_penalty=penalty
        )
    )
    found = search(*start())
    for text in range(BATCH):
        expected, tokens = best_of_all(table, text, penalty)
        assert found.ids[text].numpy().tolist() == padded(tokens)
        assert float(found.scores[text]) == pytest.approx(expected, abs=1e-4)


def test_one_beam_is_greedy() -> None:
    for seed in range(5):
        step = steps_of(random_model(seed))
        options = {"max_length": LENGTH, "end_id": END, "length_penalty": 0.6}
        greedy = greedy_search(step, *start(), **options)
        beam = beam_search(step, *start(), beam_size=1, **options)
        np.testing.assert_array_equal(beam.ids, greedy.ids)
        np.testing.assert_allclose(beam.scores, greedy.scores, atol=1e-5)


def test_greedy_takes_the_likeliest_token_each_time() -> None:
    table = random_model(2)
    found = greedy_search(steps_of(table), *start(), max_length=LENGTH, end_id=END)
    for text in range(BATCH):
        before, last, tokens = 0, START, []
        for position in range(LENGTH):
            token = int(table[text, position, before, last].argmax())
            before, last = last, token
            tokens.append(token)
            if token == END:
                break
        assert found.ids[text].numpy().tolist() == padded(tuple(tokens))
        assert float(found.scores[text]) == pytest.approx(score(table, text, tuple(tokens), 0.0), abs=1e-4)


def test_a_text_does_not_depend_on_its_neighbours() -> None:
    step = steps_of(random_model(3))
    options = {"beam_size": 3, "max_length": LENGTH, "end_id": END, "length_penalty": 0.6}
    together = beam_search(step, *start(), **options)
    ids, state = start()
    alone = beam_search(step, ids[2:3], {name: value[2:3] for name, value in state.items()}, **options)
    np.testing.assert_array_equal(alone.ids[0], together.ids[2])
    np.testing.assert_allclose(alone.scores[0], together.scores[2], atol=1e-6)


def test_no_texts() -> None:
    search = tf.function(
        lambda ids: beam_search(
            lambda ids, _, state: (tf.zeros([tf.shape(ids)[0], VOCABULARY]), state),
            ids,
            {},
            beam_size=2,
            max_length=LENGTH,
            end_id=END,
        ),
        input_signature=[tf.TensorSpec([None], tf.int32)],
    )
    assert search(tf.zeros([0], tf.int32)).ids.shape == (0, LENGTH)
