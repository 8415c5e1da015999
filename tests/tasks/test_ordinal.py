"""Ordered labels: learned, answered as the median, and CORAL's loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.errors import UserError
from bert_tf.inference.predict import answer_records, evaluate_records
from bert_tf.tasks.ordinal import OrdinalClassifier, rank_log_odds
from tests.data.small_records import made_records
from tests.tasks.small_tasks import overfit, small_task

STARS = "abdef"  # one token each
RECORDS = made_records({"text": f"{text} {extra}", "label": n} for n, text in enumerate(STARS, 1) for extra in "ot")


def test_overfits_five_stars(tmp_path: Path) -> None:
    task = small_task("ordinal", RECORDS, pooling="mean")
    assert task.labels == ["1", "2", "3", "4", "5"]
    overfit(task, RECORDS, tmp_path)
    metrics = evaluate_records(task, RECORDS, batch_size=4)
    assert metrics["accuracy"] >= 0.9
    assert metrics["quadratic_kappa"] > 0.9
    assert metrics["mae"] <= 0.1
    answers = [answer for _, answer in answer_records(task, RECORDS, batch_size=4)]
    right = [answer["label"] == str(row.values["label"]) for answer, row in zip(answers, RECORDS, strict=True)]
    assert np.mean(right) == metrics["accuracy"]
    ranks = [answer["expected_rank"] for answer in answers]
    np.testing.assert_allclose(ranks, np.repeat(range(5), 2), atol=1.0)


def test_words_need_their_order() -> None:
    rows = made_records({"text": "x", "label": label} for label in ("poor", "fair", "very good"))
    with pytest.raises(UserError, match=r"'fair'. Name them, lowest first: --data.labels fair poor 'very good'"):
        OrdinalClassifier.learn_from(rows, None)
    assert OrdinalClassifier.learn_from(rows, ["poor", "fair", "very good"])["labels"] == ["poor", "fair", "very good"]


def test_numbers_are_in_their_order() -> None:
    rows = made_records({"text": "x", "label": label} for label in ("10.5", "2.5", "-3", "7"))
    assert OrdinalClassifier.learn_from(rows, None)["labels"] == ["-3", "2.5", "7", "10.5"]


def test_words_like_numbers_are_words() -> None:
    rows = made_records({"text": "x", "label": label} for label in ("--5", "nan", "1"))
    with pytest.raises(UserError, match="nothing says the order of labels such as '--5'"):
        OrdinalClassifier.learn_from(rows, None)


def test_before_training_answers_have_the_frequencies_of_the_data() -> None:
    rows = [{"text": "x", "label": label} for label in "1" * 60 + "2" * 20 + "3" * 20]
    facts = OrdinalClassifier.learn_from(made_records(rows), None)
    assert facts["rank_biases"] == rank_log_odds([60, 20, 20])
    task = small_task("ordinal", made_records(rows))
    task.rank.kernel.assign(0 * task.rank.kernel)
    found = task.answer_texts({"text": tf.constant(["x"])})
    np.testing.assert_allclose(found["probabilities"][0], [0.6, 0.2, 0.2], atol=0.02)


def test_answers_are_what_the_numbers_say() -> None:
    task = small_task("ordinal", RECORDS, dropout=0.1)
    logits = np.log([[0.9 / 0.1, 0.8 / 0.2, 0.45 / 0.55, 0.1 / 0.9], [0.2 / 0.8, 0.4 / 0.6, 0.1 / 0.9, 0.05 / 0.95]])
    found = {name: value.numpy() for name, value in task.postprocess(tf.constant(logits, tf.float32)).items()}
    assert found["label"].tolist() == [b"3", b"1"]  # beyond two ranks with more than 0.5; beyond none
    np.testing.assert_allclose(found["probabilities"][0], [0.1, 0.1, 0.35, 0.35, 0.1], atol=1e-6)
    np.testing.assert_allclose(found["score"], [0.35, 0.6], atol=1e-6)
    np.testing.assert_allclose(found["expected_rank"], [2.25, 0.75], atol=1e-6)
    assert (found["probabilities"] >= 0).all()  # although the second one's questions contradict each other


def test_loss_is_corals() -> None:
    """Cao et al. 2020, equation 4: the cross-entropies of "beyond rank k?", added."""
    task = small_task("ordinal", RECORDS)
    logits = np.array([[2.0, 1.0, -1.0, -2.0]] * 2, np.float32)
    p = 1 / (1 + np.exp(-logits[0]))
    expected = [-np.log([1 - p[0], 1 - p[1], 1 - p[2], 1 - p[3]]).sum(), -np.log([p[0], p[1], p[2], 1 - p[3]]).sum()]
    np.testing.assert_allclose(task.loss_per_example(tf.constant([0, 3]), tf.constant(logits)), expected, rtol=1e-5)


@pytest.mark.parametrize("labels", [["poor", "fair", "good"]])
def test_words_have_the_order_that_was_given(labels: list[str]) -> None:
    records = made_records({"text": "x", "label": label} for label in ("good", "poor", "fair"))
    assert OrdinalClassifier.learn_from(records, labels)["labels"] == labels
