"""Sets of labels: read in every spelling, learned, answered from tuned thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.errors import UserError
from bert_tf.inference.predict import answer_records, build_predict, evaluate_records
from bert_tf.tasks.multi_label import MultiLabelClassifier
from tests.data.small_records import made_records
from tests.tasks.small_tasks import overfit, prepared, small_task

# One token each: f for film, g for good, b for bad.
ROWS = [
    {"text": "f g", "label": "good,film"},
    {"text": "f b", "label": ["film", "bad"]},
    {"text": "g", "label": "good"},
    {"text": "b", "label": ["bad"]},
    {"text": "f", "label": "film"},
    {"text": "s", "label": ""},
    {"text": "s s", "label": []},
    {"text": "f g b", "label": " bad, film ,good"},
]


@pytest.fixture(scope="module")
def task() -> MultiLabelClassifier:
    return small_task("multi_label", prepared("multi_label", ROWS))


def test_overfits_sets_the_empty_one_too(tmp_path: Path) -> None:
    records = prepared("multi_label", ROWS)
    task = small_task("multi_label", records, thresholds="per_label", class_weights="balanced", pooling="mean")
    overfit(task, records, tmp_path)
    metrics = evaluate_records(task, records, batch_size=3, tune=True)
    assert metrics["subset_accuracy"] == metrics["map"] == metrics["macro_f1"] == 1.0
    answers = [answer for _, answer in answer_records(task, records, batch_size=3)]
    assert [set(answer["labels"]) for answer in answers] == [
        {"good", "film"}, {"film", "bad"}, {"good"}, {"bad"}, {"film"}, set(), set(), {"bad", "film", "good"},
    ]  # fmt: skip
    assert answers[0]["scores"] == sorted(answers[0]["scores"], reverse=True)
    assert answers[0]["scores"][0] == answers[0]["probabilities"][answers[0]["labels"][0]]
    assert answers[5]["labels"] == answers[5]["scores"] == []


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ("a,b", ["a", "b"]),
        (["b", "a"], ["b", "a"]),
        (np.array(["a"], object), ["a"]),
        (3, ["3"]),
        ([1.0, 2], ["1", "2"]),
        ("a,a", ["a"]),
        ("  ", []),
        ([], []),
    ],
)
def test_labels_in_every_spelling(value: Any, labels: list[str]) -> None:
    records = prepared("multi_label", [{"text": "x", "label": value}, {"text": "y", "label": "z"}])
    assert sorted(MultiLabelClassifier.learn_from(records, None)["labels"]) == sorted([*labels, "z"])


def test_another_separator_and_rows_without_a_label() -> None:
    records = prepared("multi_label", [{"text": "x", "label": "a, b|c"}, {"text": "y"}])
    options = MultiLabelClassifier.Options(separator="|")
    first, second = records
    assert MultiLabelClassifier.learn_from(made_records([first.values]), None, options)["labels"] == ["a, b", "c"]
    assert "label" not in second.values


def test_balanced_weights_are_of_each_label() -> None:
    rows = [{"text": "x", "label": label} for label in ("a,b", "a", "a", "")]
    facts = MultiLabelClassifier.learn_from(
        prepared("multi_label", rows), None, MultiLabelClassifier.Options(class_weights="balanced")
    )
    assert facts["class_weights"] == [[2.0, 4 / 6], [4 / 6, 2.0]]


@pytest.mark.parametrize(("class_weights", "answered"), [("none", [0.7, 0.3]), ("balanced", [0.5, 0.5])])
def test_a_new_model_answers_how_often_each_label_occurs(class_weights: str, answered: list[float]) -> None:
    rows = [{"text": "x", "label": label} for label in ("a,b", "a", "a", "")]
    task = small_task("multi_label", prepared("multi_label", rows), class_weights=class_weights)
    assert task.get_config()["label_shares"] == [0.7, 0.3]  # with half a text more on either side
    task.output_dense.kernel.assign(0 * task.output_dense.kernel)
    probabilities = task.answer_texts({"text": tf.constant(["x"])})["probabilities"]
    np.testing.assert_allclose(probabilities, [answered], atol=1e-6)


def test_a_label_that_no_text_has_can_be_learned() -> None:
    facts = MultiLabelClassifier.learn_from(prepared("multi_label", [{"text": "x", "label": "a"}]), ["a", "never"])
    assert facts["label_shares"] == [0.75, 0.25]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a,,b", "x.tsv line 2: the label 'a,,b' names an empty label between two separators."),
        ({"a": 1}, "x.tsv line 2: the label is {'a': 1}, neither a list of labels nor a string"),
        ([["a"]], "x.tsv line 2: the label is [['a']], neither a list"),
        ("", "x.tsv: no row has a label; a classifier needs at least one label"),
    ],
)
def test_labels_that_cannot_be_read(value: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        MultiLabelClassifier.learn_from(prepared("multi_label", [{"text": "x", "label": value}]), None)
    assert message in str(caught.value)


def test_unknown_labels_are_named_or_skipped(task: MultiLabelClassifier) -> None:
    records = prepared("multi_label", [ROWS[0], {"text": "b", "label": "film,ugly"}])
    with pytest.raises(UserError, match='line 3: label "ugly" is not one of \\["bad", "film", "good"\\]'):
        evaluate_records(task, records, batch_size=2)
    assert evaluate_records(task, records, batch_size=2, on_unknown_label="skip")["examples"] == 1


def test_thresholds_change_what_was_traced_before(task: MultiLabelClassifier) -> None:
    records = prepared("multi_label", ROWS)
    predict = build_predict(task)
    task.threshold_values.assign([0.0, 1.0, 1.0])
    answers = [answer["labels"] for _, answer in answer_records(task, records, batch_size=8, predict=predict)]
    assert answers == [["bad"]] * len(ROWS)
    task.threshold_values.assign([1.0, 0.0, 1.0])
    answers = [answer["labels"] for _, answer in answer_records(task, records, batch_size=8, predict=predict)]
    assert answers == [["film"]] * len(ROWS)


def test_one_threshold_for_all_or_none_tuned() -> None:
    records = prepared("multi_label", ROWS)
    task = small_task("multi_label", records)
    targets = [task.target(row) for row in records]
    probabilities = np.where(np.array(targets) > 0.5, 0.3, 0.1).astype(np.float32)
    task.tune(targets, {"probabilities": probabilities}, list(records))
    np.testing.assert_allclose(task.threshold_values.numpy(), 0.2, atol=1e-6)
    assert task.evaluate_outputs(targets, {"probabilities": probabilities}, [])["micro_f1"] == 1.0
    fixed = small_task("multi_label", records, thresholds="fixed")
    fixed.tune(targets, {"probabilities": probabilities}, list(records))
    np.testing.assert_array_equal(fixed.threshold_values.numpy(), 0.5)


def test_preset_keeps_the_thresholds(tmp_path: Path, task: MultiLabelClassifier) -> None:
    task.threshold_values.assign([0.1, 0.25, 0.75])
    task.save_to_preset(str(tmp_path))
    again = MultiLabelClassifier.from_preset(str(tmp_path))
    np.testing.assert_array_equal(again.threshold_values.numpy(), np.float32([0.1, 0.25, 0.75]))
    np.testing.assert_allclose(again.get_config()["threshold_values"], [0.1, 0.25, 0.75])
    # A new head on the same weights takes them from the config alone.
    np.testing.assert_allclose(
        MultiLabelClassifier.from_config(again.get_config()).threshold_values.numpy(), [0.1, 0.25, 0.75]
    )


def test_several_devices_answer_sets_of_several_sizes() -> None:
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    records = prepared("multi_label", ROWS)
    with strategy.scope():
        task = small_task("multi_label", records)
    probabilities = [
        list(answer["probabilities"].values()) for _, answer in answer_records(task, records, batch_size=8)
    ]
    task.threshold_values.assign(np.median(probabilities, axis=0))
    shared = list(answer_records(task, records, batch_size=4, predict=build_predict(task, strategy)))
    alone = list(answer_records(task, records, batch_size=4))
    assert [answer["labels"] for _, answer in shared] == [answer["labels"] for _, answer in alone]
    assert len({len(answer["labels"]) for _, answer in alone}) > 1
