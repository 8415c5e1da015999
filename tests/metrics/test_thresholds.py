"""The threshold of best F1 equals that of trying every one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from bert_tf.metrics.thresholds import best_f1_threshold


@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_is_better(seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.integers(0, 12, 60) / 11  # with ties
    targets = random.random(60) < probabilities * 0.7
    best = best_f1_threshold(targets, probabilities)
    scores = [f1_score(targets, probabilities >= t, zero_division=0) for t in np.linspace(0.02, 0.98, 25)]
    assert f1_score(targets, probabilities >= best) == pytest.approx(max(scores))
    assert np.abs(probabilities - best).min() > 0.04  # halfway between two: never at one


def test_ties_of_f1_stay_near_the_default_and_no_target_changes_nothing() -> None:
    # Any threshold between 0.1 and 0.9 is perfect.
    assert best_f1_threshold(np.array([True, False]), np.array([0.9, 0.1])) == pytest.approx(0.5)
    assert best_f1_threshold(np.array([False, False]), np.array([0.9, 0.1])) == 0.5
    assert best_f1_threshold(np.array([True, True]), np.array([0.2, 0.2])) < 0.2
