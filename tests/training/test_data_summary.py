"""What is said of the data before training: examples, labels, imbalance, texts that are cut off."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bert_tf.data.batching import LabelledRows
from bert_tf.training import data_summary
from bert_tf.training.data_summary import DataSummary
from tests.tasks.small_tasks import prepared, small_task


def summarised(
    name: str, rows: Iterable[Mapping[str, Any]], caplog: pytest.LogCaptureFixture, length: int = 32, **head: Any
) -> tuple[str, DataSummary]:
    """The log of a task's training data, and their summary."""
    records = prepared(name, rows)
    task = small_task(name, records, sequence_length=length, **head)
    summary = DataSummary()
    watched = summary.watch(LabelledRows(records, task))
    assert watched.count() == watched.count()  # the second pass counts nothing
    with caplog.at_level(logging.INFO, logger="bert_tf"):
        summary.finish(task, name, {"class_weights": "none", **head})
    return caplog.text, summary


def labelled(**counts: int) -> list[dict[str, Any]]:
    return [{"text": f"text {i}", "label": label} for label, count in counts.items() for i in range(count)]


def test_label_counts_and_positive_label(caplog: pytest.LogCaptureFixture) -> None:
    said, summary = summarised("classification", labelled(好评=1, 差评=3), caplog)
    assert "training data: 4 examples; no validation data: the last epoch is kept" in said
    assert "labels  差评: 3 (75 %), 好评: 1 (25 %)" in said
    assert "positive label: 差评 (f1_positive is its F1; --head.positive_label chooses)" in said
    assert "imbalanced" not in said
    assert summary.facts()["labels"] == {"差评": 3, "好评": 1}


@pytest.mark.parametrize("name", ["classification", "document_classification"])
def test_imbalance_names_the_flag(name: str, caplog: pytest.LogCaptureFixture) -> None:
    said, _ = summarised(name, labelled(a=20, b=2, c=9), caplog)
    assert "the labels are imbalanced: 'a' is 10 times as frequent as 'b'. With --head.class_weights balanced" in said


def test_imbalance_of_balanced_weights_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    said, _ = summarised("classification", labelled(a=20, b=2), caplog, class_weights="balanced")
    assert "imbalanced" not in said


def test_many_labels_stay_short(caplog: pytest.LogCaptureFixture) -> None:
    said, summary = summarised("classification", labelled(**{f"label{i:02}": 1 + i for i in range(30)}), caplog)
    line = next(line for line in said.splitlines() if "  labels  " in line)
    assert "label29: 30 (6.5 %)" in line
    assert "… 18 more …, label02: 3 (0.6 %), label01: 2 (0.4 %), label00: 1 (0.2 %)" in line
    assert len(summary.facts()["labels"]) == 30


def test_sets_of_labels_are_shares_of_the_texts(caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"text": "x", "label": label} for label in ("a,b", "a", "a", "")]
    assert "labels  a: 3 (75 %), b: 1 (25 %)" in summarised("multi_label", rows, caplog)[0]


def test_entities_are_counted_by_label(caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"text": "Ann in Rome", "spans": [[0, 3, "person"], [7, 11, "place"]]}, {"text": "Bo", "spans": []}]
    rows += [{"text": "Ann", "spans": [[0, 3, "person"]]}]
    assert "entities  person: 2 (67 %), place: 1 (33 %)" in summarised("tagging", rows, caplog)[0]


def test_questions_are_counted_by_what_becomes_of_them(caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        {"question": "who", "context": "Ann lives in Rome", "answers": [{"text": answer, "answer_start": None}]}
        for answer in ("Ann", "Rome", "Bonn")
    ]
    rows.append({"question": "who", "context": "Ann lives in Rome", "answers": []})
    said, _ = summarised("question_answering", rows, caplog, max_query_length=4, stride=4)
    assert (
        "questions  answered: 2 (50 %), answer not found in its context: 1 (25 %), without an answer: 1 (25 %)" in said
    )


def test_numbers_have_a_range(caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"text": "x", "label": label} for label in (0, "2.5", 5, 1.5)]
    said, summary = summarised("regression", rows, caplog)
    assert "numbers: from 0 to 5, mean 2.25" in said
    assert summary.facts()["numbers"] == {"min": 0.0, "mean": 2.25, "max": 5.0}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("classification", {"text": "so " * 20}),
        ("classification", {"text": "so so", "text_pair": "so " * 12}),
        ("regression", {"text": "so " * 20}),
        ("multiple_choice", {"text": "so", "choices": ["so " * 12, "so"]}),
        ("document_classification", {"text": "so " * 200}),
    ],
)
def test_texts_that_are_cut_off(name: str, row: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """``so`` is two tokens of the small vocabulary."""
    short = {column: ["so", "so"] if column == "choices" else "so" for column in row}
    head = {"max_windows": 2} if name == "document_classification" else {}
    labels = [1, 0, 1, 0]
    rows = [{**values, "label": label} for values, label in zip([row, short, short, short], labels, strict=True)]
    said, summary = summarised(name, rows, caplog, length=16, **head)
    limit = 16 if name != "document_classification" else 16 + 14 * 3 // 4
    assert f"25 % of the texts are longer than {limit} tokens and lose their end" in said
    assert summary.facts()["lengths"]["cut_off"] == 0.25
    if name == "document_classification":
        assert "lose their end: --head.max_windows sets how much is read" in said
    else:
        assert ": --data.sequence_length " in said


def test_a_backbone_that_reads_no_more_says_so(caplog: pytest.LogCaptureFixture) -> None:
    rows = [*labelled(a=1, b=1), {"text": "so " * 50, "label": "a"}]
    said, _ = summarised("classification", rows, caplog, length=64)
    assert (
        "33 % of the texts are longer than 64 tokens and lose their end; the backbone reads no more; --task doc" in said
    )


@pytest.mark.parametrize(
    ("name", "rows", "head"),
    [
        ("tagging", [{"text": "so " * 50, "spans": [[0, 2, "a"]]}], {}),
        (
            "document_classification",
            [{"text": "so " * 50, "label": label} for label in "ab"],
            {"strategy": "head_tail", "head_tokens": 4},
        ),
        ("classification", [{"text": "so", "label": label} for label in "ab"], {}),
    ],
)
def test_nothing_is_said_where_nothing_is_cut_off(
    name: str, rows: list[dict[str, Any]], head: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert "lose their end" not in summarised(name, rows, caplog, length=16, **head)[0]


def test_held_out_records_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    task = small_task("classification", prepared("classification", labelled(a=1, b=1)))
    summary = DataSummary()
    summary.validation, summary.test = 2000, 30
    with caplog.at_level(logging.INFO, logger="bert_tf"):
        summary.finish(task, "classification", {})
    assert "validation: 2,000; test: 30" in caplog.text
    assert (summary.facts()["validation_examples"], summary.facts()["test_examples"]) == (2000, 30)


def test_labels_that_never_occur_are_named(caplog: pytest.LogCaptureFixture) -> None:
    task = small_task("classification", prepared("classification", labelled(a=1, b=1, c=1)))
    summary = DataSummary()
    summary.watch(LabelledRows(prepared("classification", labelled(a=1, b=1)), task)).count()
    with caplog.at_level(logging.WARNING, logger="bert_tf"):
        summary.finish(task, "classification", {})
    assert "no training example has 'c' of --data.labels." in caplog.text


def test_memory_does_not_grow_with_the_file(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_summary, "SAMPLE", 3)
    rows = [{"text": "so " * (20 if number % 2 else 1), "label": "ab"[number % 2]} for number in range(40)]
    records = prepared("classification", rows)
    summary = DataSummary()
    task = small_task("classification", records, sequence_length=16)
    summary.watch(LabelledRows(records, task)).count()
    assert len(summary._sample) == 3
    with caplog.at_level(logging.INFO, logger="bert_tf"):
        summary.finish(task, "classification", {})
    assert "of the texts are longer than 16 tokens" in caplog.text
    assert (summary.facts()["lengths"]["texts"], summary.facts()["lengths"]["sampled"]) == (3, True)


def test_the_run_keeps_the_summary(trained_run: Path) -> None:
    data = json.loads((trained_run / "environment.json").read_text(encoding="utf-8"))["data"]
    assert (data["examples"], data["validation_examples"]) == (64, 16)
    assert data["labels"] == {"bad": 32, "good": 32}
    assert data["lengths"]["limit"] == 32
