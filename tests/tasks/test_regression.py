"""Numbers: learned on any scale, kept between bounds, refused where they are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.errors import UserError
from bert_tf.inference.predict import answer_records, evaluate_records
from bert_tf.tasks.regression import TextRegressor
from tests.data.small_records import made_records
from tests.tasks.small_tasks import overfit, small_task

# One token each.
PAIRS = [("g", "g", 5), ("g", "b", "0"), ("f", "f", 5.0), ("f", "s", "0.5"), ("s", "g", 2)]
RECORDS = made_records({"text": a, "text_pair": b, "label": score} for a, b, score in PAIRS)


@pytest.mark.parametrize(("scale", "head"), [(1000.0, {}), (1.0, {"bounds": [0, 5]})])
def test_overfits_pairs(tmp_path: Path, scale: float, head: dict[str, Any]) -> None:
    records = made_records({**row.values, "label": float(row.values["label"]) * scale + scale - 1} for row in RECORDS)
    task = small_task("regression", records, pooling="mean", **head)
    assert task.pair
    overfit(task, records, tmp_path)
    metrics = evaluate_records(task, records, batch_size=2)
    assert metrics["pearson"] > 0.95
    assert metrics["mae"] < 0.5 * scale
    answers = [answer["score"] for _, answer in answer_records(task, records, batch_size=2)]
    np.testing.assert_allclose(answers, [row.values["label"] for row in records], atol=1.5 * scale)


def test_standardised_by_the_training_data() -> None:
    facts = TextRegressor.learn_from(RECORDS, None)
    scores = [5, 0, 5, 0.5, 2]
    assert facts["pair"] is True
    assert facts["mean"] == pytest.approx(np.mean(scores))
    assert facts["standard_deviation"] == pytest.approx(np.std(scores))
    task = small_task("regression", RECORDS)
    outputs = tf.constant([[0.0], [1.0]])
    np.testing.assert_allclose(task.postprocess(outputs)["score"], [2.5, 2.5 + np.std(scores)], rtol=1e-6)
    np.testing.assert_allclose(task.loss_per_example(tf.constant([2.5, 2.5]), outputs), [0.0, 1.0], atol=1e-6)
    constant = TextRegressor.learn_from(made_records([{"text": "a", "label": 7}] * 2), None)
    assert (constant["mean"], constant["standard_deviation"]) == (7.0, 1.0)


def test_bounds_are_never_left() -> None:
    task = small_task("regression", RECORDS, bounds=[-1.0, 5.0])
    outputs = tf.constant([[-100.0], [0.0], [100.0]])
    np.testing.assert_allclose(task.postprocess(outputs)["score"], [-1.0, 2.0, 5.0], atol=1e-6)
    # Least where the answer is the target.
    losses = [float(task.loss_per_example(tf.constant([2.0]), tf.constant([[x]]))[0]) for x in (-1.0, 0.0, 1.0)]
    assert losses[1] < min(losses[0], losses[2])


@pytest.mark.parametrize(
    ("label", "head", "message"),
    [
        ("much", {}, "x.tsv line 3: the label 'much' is not a number. Fix the row"),
        ("nan", {}, "x.tsv line 3: the label 'nan' is not a number"),
        (["1"], {}, "x.tsv line 3: the label is a list, ['1']"),
        (7, {"bounds": [0, 5]}, "x.tsv line 3: the label 7 is outside of --head.bounds 0 5"),
        ("", {}, "x.tsv line 3: the label is empty"),
    ],
)
def test_targets_that_are_no_numbers_name_their_row(label: Any, head: dict[str, Any], message: str) -> None:
    task = small_task("regression", RECORDS, **head)
    records = made_records([{**RECORDS_ROW, "label": 1}, {**RECORDS_ROW, "label": label}])
    with pytest.raises(UserError) as caught:
        evaluate_records(task, records, batch_size=2)
    assert message in str(caught.value)
    if label and not isinstance(label, list):
        assert evaluate_records(task, records, batch_size=2, on_unknown_label="skip")["examples"] == 1


RECORDS_ROW = {"text": "good", "text_pair": "bad"}


@pytest.mark.parametrize("bounds", [[5, 0], [1], [0, 1, 2]])
def test_bounds_that_are_none(bounds: list[Any]) -> None:
    with pytest.raises(UserError, match="--head.bounds: give the lowest and the highest answer, such as 0 5"):
        small_task("regression", RECORDS, bounds=bounds)


def test_data_that_cannot_train() -> None:
    with pytest.raises(UserError, match="no row has a number to train on"):
        TextRegressor.learn_from(made_records([{"text": "a", "label": "b"}]), None)
    with pytest.raises(UserError, match="--data.labels: regression answers numbers"):
        TextRegressor.learn_from(RECORDS, ["a", "b"])
