"""Records: read again and again, cut by masks, values as texts."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from bert_tf.data.records import Records, Row, is_missing, text_of
from bert_tf.errors import UserError
from tests.data.small_records import made_records

NUMBERS = made_records({"n": n} for n in range(5))


def test_where_names_file_and_line() -> None:
    assert Row("train.tsv", 17, {}).where() == "train.tsv line 17"


def test_count_reads_once() -> None:
    passes: list[int] = []

    def rows() -> Any:
        passes.append(1)
        return iter(NUMBERS)

    records = Records("x", rows)
    assert (records.count(), records.count(), len(passes)) == (5, 5, 1)


def test_select_and_map_can_be_read_again() -> None:
    mask = np.array([1, 0, 1, 0, 1], bool)
    records = NUMBERS.select(mask, "odd ones").map(lambda row: row._replace(values={"n": row.values["n"] * 10}))
    assert [[row.values["n"] for row in records] for _ in range(2)] == [[0, 20, 40]] * 2
    assert [row.line for row in records] == [2, 4, 6]
    assert (records.name, records.count()) == ("odd ones", 3)


@pytest.mark.parametrize("length", [4, 6])
def test_a_source_that_changed_is_noticed(length: int) -> None:
    with pytest.raises(UserError, match="x.tsv: the data has changed since it was first read"):
        list(NUMBERS.select(np.ones(length, bool)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("很好", "很好"),
        (7, "7"),
        (0.5, "0.5"),
        (None, ""),
        (float("nan"), ""),
        ("好".encode(), "好"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
    ],
)
def test_values_as_texts(value: Any, text: str) -> None:
    assert text_of(Row("x", 1, {"text": value}), "text") == text


@pytest.mark.parametrize("value", [["a"], {"a": 1}])
def test_a_nested_value_is_no_text(value: Any) -> None:
    with pytest.raises(UserError, match=f"x.jsonl line 3: the column 'text' holds {type(value).__name__}, not a text"):
        text_of(Row("x.jsonl", 3, {"text": value}), "text")


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(UserError, match="x line 1: the column 'text' holds bytes that are not UTF-8"):
        text_of(Row("x", 1, {"text": b"\xff"}), "text")


def test_missing_values() -> None:
    assert all(map(is_missing, (None, float("nan"), "", " ")))
    assert not any(map(is_missing, (0, 0.0, False, "0", [])))
