"""Ordinal metrics on cases that are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.metrics.ordinal_metrics import ordinal_metrics

LABELS = ["poor", "fair", "good"]


def scored(targets: list[int], predicted: list[int]) -> dict[str, object]:
    return ordinal_metrics(np.array(targets), np.eye(3)[predicted], np.array(predicted), LABELS)


def test_counted_by_hand() -> None:
    found = scored([0, 1, 2, 2], [0, 2, 2, 0])
    assert found["mae"] == (0 + 1 + 0 + 2) / 4
    assert found["accuracy"] == 0.5
    assert found["off_by_one_accuracy"] == 0.75
    # Squared distances 0, 1, 0, 4, mean 1.25; by chance, of truth (1, 1, 2) and answer (2, 0, 2) sixteenths:
    # (0*2 + 4*2 + 1*2 + 1*2 + 4*2*2 + 0) / 16 = 1.75.
    assert found["quadratic_kappa"] == pytest.approx(1 - 1.25 / 1.75)
    assert found["per_label"]["good"]["support"] == 2


def test_constant_truth_and_answer_have_no_kappa() -> None:
    assert scored([1, 1], [1, 1])["quadratic_kappa"] == 0.0
