"""Multi-label metrics on a case that is counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.metrics.multi_label_metrics import multi_label_metrics

TARGETS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], bool)
PROBABILITIES = np.array([[0.9, 0.2, 0.1], [0.4, 0.8, 0.6], [0.3, 0.1, 0.2], [0.6, 0.7, 0.0]])


def test_counted_by_hand() -> None:
    """Answered: {a}, {b, c}, {}, {a, b}: three right, two wrong, one missed."""
    found = multi_label_metrics(TARGETS, PROBABILITIES, PROBABILITIES >= 0.5, ["a", "b", "c"])
    assert (found["micro_precision"], found["micro_recall"]) == (3 / 5, 3 / 4)
    assert found["micro_f1"] == pytest.approx(2 * 3 / 9)
    assert found["per_label"]["a"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert found["macro_f1"] == pytest.approx((0.5 + 1.0 + 0.0) / 3)
    assert found["subset_accuracy"] == 2 / 4
    assert found["hamming_loss"] == 3 / 12
    # a is ranked right, wrong, right: (1 + 2/3) / 2; b perfectly; c does not occur.
    assert found["map"] == pytest.approx((5 / 6 + 1) / 2)
    assert found["examples"] == 4


def test_nothing_true_and_nothing_answered() -> None:
    found = multi_label_metrics(TARGETS[2:3], PROBABILITIES[2:3], PROBABILITIES[2:3] >= 0.5, ["a", "b", "c"])
    assert (found["micro_f1"], found["macro_f1"], found["map"], found["subset_accuracy"]) == (0.0, 0.0, 0.0, 1.0)
