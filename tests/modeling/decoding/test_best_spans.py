"""The best spans are those that trying all of them finds."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.modeling.decoding.best_spans import best_spans_of_records, best_spans_of_windows
from bert_tf.modeling.mask_values import MASKED


@pytest.mark.parametrize(("n_best", "max_tokens"), [(1, 1), (4, 3), (6, 50)])
def test_spans_of_windows_equal_brute_force(n_best: int, max_tokens: int) -> None:
    random = np.random.default_rng(n_best)
    logits = random.normal(size=(5, 9, 2)).astype(np.float32)
    may_start, may_end = random.random((2, 5, 9)) < 0.6
    may_start[4], may_end[3] = False, False  # windows without a span
    found = [values.numpy() for values in best_spans_of_windows(logits, may_start, may_end, n_best, max_tokens)]
    for window in range(5):
        spans = [
            (logits[window, first, 0] + logits[window, last, 1], first, last)
            for first in np.flatnonzero(may_start[window])
            for last in np.flatnonzero(may_end[window])
            if first <= last < first + max_tokens
        ]
        expected = sorted(spans, reverse=True)[:n_best]
        got = list(zip(*(values[window] for values in found), strict=True))
        assert [span[1:] for span in got[: len(expected)]] == [span[1:] for span in expected]
        np.testing.assert_allclose([span[0] for span in got[: len(expected)]], [span[0] for span in expected])
        assert all(span[0] == MASKED for span in got[len(expected) :])


def test_of_equal_spans_the_first_wins_whatever_the_last_bits_are() -> None:
    logits = np.zeros((1, 4, 2), np.float32)
    logits[0, 2] += 1e-6
    everywhere = np.ones((1, 4), bool)
    _, first, last = best_spans_of_windows(logits, everywhere, everywhere, 3, 2)
    assert list(zip(first.numpy()[0], last.numpy()[0], strict=True)) == [(0, 0), (0, 1), (1, 1)]


def test_spans_of_records_are_those_of_all_their_windows() -> None:
    scores = np.array([[3.0, 1.0], [5.0, 0.0], [2.0, MASKED], [MASKED, MASKED]], np.float32)
    best, which = best_spans_of_records(scores, np.array([0, 0, 1, 2], np.int32), np.int32(3))
    assert best.numpy().tolist() == [[5.0, 3.0], [2.0, MASKED], [MASKED, MASKED]]
    assert which.numpy()[0].tolist() == [2, 0]
    assert which.numpy()[1, 0] == 4
