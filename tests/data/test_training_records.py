"""What ``fit`` takes: texts and labels, records, columns, ``tf.data``, data specs, for tasks of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.training_records import SAMPLE_WEIGHT, training_records
from bert_tf.errors import UserError
from bert_tf.tasks import find_schema
from tests.conftest import write_tsv

TEXTS, LABELS = ["x y", "z", "x"], ["b", "a", "b"]
OPTIONS = SimpleNamespace(separator=",", scheme="iob1")


def read(task: str, x: Any, y: Any = None, weights: Any = None, labels: Any = ("a", "b")) -> list[Mapping[str, Any]]:
    """The values of the records."""
    return [row.values for row in training_records(find_schema(task), x, y, weights, options=OPTIONS, labels=labels)]


def tensors(batch: int | None) -> tf.data.Dataset:
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, LABELS))
    return dataset if batch is None else dataset.batch(batch)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (TEXTS, LABELS),
        (tuple(TEXTS), np.array(LABELS)),
        (np.array(TEXTS), np.array(LABELS, object)),
        (np.array(TEXTS, object), [1, 0, 1]),
        (tf.constant(TEXTS), np.array([1, 0, 1], np.int64)),
        (TEXTS, np.array([1.0, 0.0, 1.0])),
        ([{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)], None),
        ([{"text": text} for text in TEXTS], LABELS),
        ({"text": TEXTS, "label": LABELS}, None),
        ({"text": np.array(TEXTS)}, LABELS),
        (tensors(None), None),
        (tensors(2), None),
        (tf.data.Dataset.from_tensor_slices({"text": TEXTS, "label": [1, 0, 1]}).batch(2), None),
    ],
)
def test_texts_and_labels_in_every_form(x: Any, y: Any) -> None:
    assert read("classification", x, y) == [
        {"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)
    ]


def test_data_specs(tmp_path: Path) -> None:
    path = write_tsv(tmp_path / "train.tsv", list(zip(TEXTS, LABELS, strict=True)))
    expected = read("classification", TEXTS, LABELS)
    assert read("classification", str(path)) == expected
    assert read("classification", [path, str(path)]) == expected * 2
    assert len(read("classification", "demo:zh_reviews")) > 100
    with pytest.raises(UserError, match=r"is no data spec, and of a text there is nothing to learn without y"):
        read("classification", TEXTS)


def test_class_numbers_and_names() -> None:
    """Numbers count the labels, unless the labels are numbers."""
    assert [row["label"] for row in read("classification", TEXTS, [2, 1, 2], labels=["1", "2", "3"])] == ["2", "1", "2"]
    with pytest.raises(UserError, match="record 2: there is no class 7: the 2 labels are counted from 0"):
        read("classification", TEXTS, [1, 7, 0])
    ones = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert [row["label"] for row in read("multi_label", TEXTS, ones, labels=list("abc"))] == [["a", "c"], [], ["b"]]
    assert [row["label"] for row in read("multi_label", TEXTS, [["a"], [], ["b"]], labels=list("ab"))] == [
        ["a"],
        [],
        ["b"],
    ]


def test_pairs_questions_choices_and_translations() -> None:
    assert read("classification", (["a", "b"], ["c", "d"]), ["a", "b"])[1] == {
        "text": "b",
        "text_pair": "d",
        "label": "b",
    }
    assert read("embedding", [("a", "b")], [0.5]) == [{"text": "a", "text_pair": "b", "label": 0.5}]
    assert read("embedding", ["a", "b"]) == [{"text": "a"}, {"text": "b"}]
    answer = read("question_answering", {"question": ["who"], "context": ["it is me"]}, ["me"])[0]
    assert answer["answers"] == [{"text": "me", "answer_start": None}]
    assert read("multiple_choice", [("t", ["p", "q"])], [1])[0]["choices"] == ["p", "q"]
    assert read("translation", ["a"], ["b"]) == [{"text": "a", "translation": "b"}]
    with pytest.raises(UserError, match="there is no 'context'; a record to train on has 'question', 'context'"):
        read("question_answering", [{"question": "q", "answers": []}])


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([["Bo", "ran"]], [["B-PER", "O"]]),
        (["Bo ran"], [["B-PER", "O"]]),
        ([{"text": "Bo ran"}], [[(0, 2, "PER")]]),
        (tf.data.Dataset.from_tensors({"tokens": ["Bo", "ran"], "tags": ["B-PER", "O"]}), None),
        (tf.data.Dataset.from_tensors({"tokens": tf.ragged.constant([["Bo", "ran"]]), "tags": [["B-PER", "O"]]}), None),
    ],
)
def test_tags_and_spans(x: Any, y: Any) -> None:
    (row,) = read("tagging", x, y, labels=["PER"])
    assert row["text"] == "Bo ran"
    assert row["spans"] == [{"start": 0, "end": 2, "label": "PER"}]


def test_weights_and_what_does_not_fit() -> None:
    assert [row[SAMPLE_WEIGHT] for row in read("classification", TEXTS, LABELS, np.array([1, 2, 0.5]))] == [1, 2, 0.5]
    for x, y, message in (
        (TEXTS, LABELS[:2], "3 records, but y has 2"),
        ({"text": TEXTS, "label": ["a"]}, None, "The columns differ in their number of records: text 3, label 1"),
        (iter(TEXTS), None, "A generator can be read once only"),
        (tensors(2).repeat(), None, "The dataset has no end"),
        (tensors(2), LABELS, "y and sample_weight are part of a tf.data.Dataset"),
        (TEXTS, ["a", None, "b"], "record 2: there is no 'label'"),
        (TEXTS, ["a", float("nan"), "b"], "record 2: the label is empty"),
        (None, None, "fit needs data"),
    ):
        with pytest.raises(UserError) as caught:
            read("classification", x, y)
        assert message in str(caught.value)
