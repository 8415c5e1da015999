"""The metrics on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.metrics.classification_metrics import classification_metrics

LABELS = ["a", "b", "c"]


def one_hot(classes: list[int]) -> np.ndarray:
    return np.eye(3)[classes]


def test_counted_by_hand() -> None:
    """True a a b b c, predicted a b b b a."""
    found = classification_metrics(np.array([0, 0, 1, 1, 2]), one_hot([0, 1, 1, 1, 0]), LABELS)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["confusion_matrix"] == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert found["per_label"]["a"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert found["per_label"]["b"]["precision"] == pytest.approx(2 / 3)
    assert found["per_label"]["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert found["precision"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert found["recall"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found["f1"] == pytest.approx((0.5 + 0.8 + 0) / 3)
    assert found["weighted_f1"] == pytest.approx((2 * 0.5 + 2 * 0.8 + 0) / 5)
    assert found["examples"] == 5


def test_two_labels_also_have_the_f1_of_the_second() -> None:
    """As GLUE scores MRPC and QQP. True 0 0 1 1 1, answered 0 1 1 1 0."""
    found = classification_metrics(np.array([0, 0, 1, 1, 1]), np.eye(2)[[0, 1, 1, 1, 0]], ["0", "1"])
    assert found["f1_positive"] == found["per_label"]["1"]["f1"] == pytest.approx(4 / 6)
    assert "f1_positive" not in classification_metrics(np.array([0, 1]), one_hot([0, 1]), LABELS)


def test_answers_may_be_others_than_the_most_probable() -> None:
    found = classification_metrics(np.array([0, 1]), one_hot([0, 1]), LABELS, predicted=np.array([2, 1]))
    assert found["accuracy"] == 0.5
    assert found["confusion_matrix"][0] == [0, 0, 1]


def test_a_label_that_does_not_occur_does_not_lower_the_average() -> None:
    found = classification_metrics(np.array([0, 1]), one_hot([0, 1]), LABELS)
    assert found["f1"] == found["precision"] == found["recall"] == 1.0
    assert found["per_label"]["c"]["support"] == 0


def test_loss_is_the_mean_cross_entropy_and_finite() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    found = classification_metrics(np.array([0, 1]), probabilities, LABELS)
    assert found["loss"] == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2)
    assert np.isfinite(classification_metrics(np.array([2]), one_hot([0]), LABELS)["loss"])


def test_constant_answers_have_no_correlation() -> None:
    assert classification_metrics(np.array([0, 1, 2]), one_hot([1, 1, 1]), LABELS)["mcc"] == 0.0
