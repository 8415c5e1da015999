"""The baselines: what they answer, and that they never look at the test set."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.metrics.baselines import majority_baseline, tfidf_baseline

LABELS = ["bad", "good", "never seen"]
GOOD, BAD = ["很好看", "喜欢", "good fun"] * 5, ["很难看", "讨厌", "no fun"] * 5


def test_majority_answers_the_most_frequent_class() -> None:
    found = majority_baseline(np.array([0, 1, 1, 1]), np.array([0, 0, 1]), LABELS)
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["loss"] == pytest.approx(-(2 * np.log(0.25) + np.log(0.75)) / 3)


def test_tfidf_learns_chinese_without_a_segmenter() -> None:
    targets = np.array([1] * 15 + [0] * 15)
    found = tfidf_baseline([*GOOD, *BAD], targets, ["喜欢这个", "讨厌这个", "good"], np.array([1, 0, 1]), LABELS)
    assert found["accuracy"] == 1.0


def test_a_label_that_training_never_showed_counts_as_an_error() -> None:
    targets = np.array([1] * 15 + [0] * 15)
    found = tfidf_baseline([*GOOD, *BAD], targets, ["喜欢"], np.array([2]), LABELS)
    assert found["accuracy"] == 0.0
    assert np.isfinite(found["loss"])
