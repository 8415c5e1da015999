"""Regression metrics on cases that are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.metrics.regression_metrics import regression_metrics


def test_counted_by_hand() -> None:
    found = regression_metrics(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0]))
    assert found["pearson"] == pytest.approx(0.8)
    assert found["spearman"] == pytest.approx(0.8)
    assert (found["mse"], found["mae"], found["examples"]) == (0.5, 0.5, 4)


def test_ranks_with_ties_and_any_monotone_scale() -> None:
    found = regression_metrics(np.array([0.0, 1.0, 1.0, 2.0]), np.array([0.0, 10.0, 10.0, 1000.0]))
    assert found["spearman"] == pytest.approx(1.0)
    assert found["pearson"] < 0.9
    assert found["pearson_spearman"] == pytest.approx((found["pearson"] + 1) / 2)


@pytest.mark.parametrize("scores", [[2.0, 2.0], [2.0]])
def test_constants_have_no_correlation(scores: list[float]) -> None:
    found = regression_metrics(np.arange(len(scores), dtype=float), np.array(scores))
    assert (found["pearson"], found["spearman"]) == (0.0, 0.0)
