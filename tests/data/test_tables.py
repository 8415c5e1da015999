"""Tables as Excel and people make them: other separators, workbooks, headers that stand in a file twice."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bert_tf.data.sources import open_records
from bert_tf.errors import UserError
from tests.data.small_records import write


def values(path: Path, **options: object) -> list[dict[str, Any]]:
    return [row.values for row in open_records(str(path), **options)]


# === Separators ===


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "text;label\nGut, sehr;1\n"),
        ("x.csv", "text\tlabel\nGut, sehr\t1\n"),
        ("x.csv", "text|label\nGut, sehr|1\n"),
        ("x.csv", "sep=;\r\ntext;label\r\nGut, sehr;1\r\n"),
        ("x.csv", "\ufeffsep=\t\r\ntext\tlabel\r\nGut, sehr\t1\r\n"),
        ("x.csv", 'text;label\r"Gut, sehr";1\r'),
        ("x.tsv", "text;label\nGut, sehr;1\n"),
        ("x.tsv", "sep=;\ntext;label\nGut, sehr;1\n"),
    ],
)
def test_another_separator_is_seen_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, content: str
) -> None:
    caplog.set_level("INFO", "bert_tf")
    assert values(write(tmp_path / name, content)) == [{"text": "Gut, sehr", "label": "1"}]
    assert "the fields are separated by a " in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "options", "expected"),
    [
        ("x.csv", "text\na; b\nc; d\n", {}, [{"text": "a; b"}, {"text": "c; d"}]),
        ("x.csv", "a; b\nc; d\n", {"header": False}, [{"0": "a; b"}, {"0": "c; d"}]),
        ("x.csv", 'text,n;m\n"a;b",1\n', {}, [{"text": "a;b", "n;m": "1"}]),
        ("x.csv", 'text\n"a,b"\n', {}, [{"text": "a,b"}]),
        ("x.tsv", "text\na, b\n", {}, [{"text": "a, b"}]),
        ("x.tsv", "sep=\ntext\na\n", {"header": False}, [{"0": "sep="}, {"0": "text"}, {"0": "a"}]),
    ],
)
def test_the_usual_separator_stays(
    tmp_path: Path, name: str, content: str, options: dict[str, Any], expected: list[Any]
) -> None:
    assert values(write(tmp_path / name, content), **options) == expected


# === A header that comes again ===


@pytest.mark.parametrize("again", ["text,label", "\ufeffText , LABEL"])
def test_a_repeated_header_is_skipped_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture, again: str) -> None:
    path = write(tmp_path / "x.csv", f"text,label\na,1\n{again}\nb,0\n")
    assert [row["text"] for row in values(path)] == ["a", "b"]
    assert f"{path} line 3: this line repeats the header, and is skipped" in caplog.text


def test_a_header_of_another_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x.csv line 3: here begins a table with other columns \(label, text\)"):
        values(write(tmp_path / "x.csv", "text,label\na,1\nlabel,text\n0,b\n"))


# === Workbooks ===


def workbook(path: Path, *rows: list[Any], more: bool = False) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if more:
        book.create_sheet("Notes").append(["text"])
    book.save(path.with_suffix(".xlsx"))
    return path.with_suffix(".xlsx").rename(path)


def test_a_workbook_is_read_as_a_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        ["text", "label", "when"],
        ["很好", 1.0, datetime.datetime(2024, 5, 1)],
        [None, None, None],
        ["b", 0.5, datetime.datetime(2024, 5, 1, 3)],
        ["text", "label", "when"],
        ["c", True, None],
    ]
    for name in ("x.xlsx", "y.csv"):
        path = workbook(tmp_path / name, *rows, more=True)
        records = list(open_records(str(path)))
        assert [list(row.values.values()) for row in records] == [
            ["很好", 1, "2024-05-01"],
            ["b", 0.5, "2024-05-01T03:00:00"],
            ["c", True, ""],
        ]
        assert type(records[0].values["label"]) is int
        assert [row.line for row in records] == [2, 4, 6]
        assert f"{path}: the sheet 'Sheet' is read; 'Notes' is not" in caplog.text
        assert f"{path} line 5: this line repeats the header" in caplog.text


def test_formulas_without_a_value_are_refused_and_those_with_one_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", ["text", "label"], ["a", 1], [None, 2], ["b", "=1+1"])
    with pytest.raises(UserError, match="the cell B4 holds a formula whose value was never computed"):
        values(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["text", "label"], ["a", "#N/A"]], "x.xlsx: the cell B2 holds the error #N/A"),
        ([["text"], ["a", "b"]], r"x.xlsx line 2: 2 fields, but the header has 1 \(text\)"),
        ([["text", "text"]], "x.xlsx line 1: the header names a column twice"),
        ([], "x.xlsx: the file is empty"),
    ],
)
def test_what_is_wrong_with_a_workbook(tmp_path: Path, rows: list[list[Any]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        values(workbook(tmp_path / "x.xlsx", *rows))


def test_a_workbook_by_a_name_that_says_text(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", ["text"]).rename(tmp_path / "x.txt")
    with pytest.raises(UserError, match="x.txt: this is an Excel workbook. Give it a name that ends in .xlsx."):
        values(path)


# === Arrays in JSON ===


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", '[{"text": "a"}, {"text": "b"}]'),
        ("x.jsonl", '[{"text": "a"}, {"text": "b"}]'),
        ("x.json", '[\n  {\n    "text": "a"\n  },\n  {"text": "b"}\n]\n'),
        ("x.json", '{"data": [{"text": "a"}, {"text": "b"}]}'),
        ("x.json", '{\n"version": "1",\n"data": [\n{"text": "a"}, {"text": "b"}]}'),
    ],
)
def test_an_array_of_objects_is_read_object_by_object(tmp_path: Path, name: str, content: str) -> None:
    rows = list(open_records(str(write(tmp_path / name, content))))
    assert [row.values for row in rows] == [{"text": "a"}, {"text": "b"}]
    assert rows[1].where() == f"{tmp_path}/{name} record 2"


def test_an_object_on_a_line_stays_a_record_where_it_may_be_one(tmp_path: Path) -> None:
    for lines in ('{"data": [{"a": 1}], "text": "x"}', '{"data": [{"a": 1}]}\n{"data": []}'):
        assert values(write(tmp_path / "x.json", lines))[0]["data"] == [{"a": 1}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", 'x.json record 1: it must be an object such as {"text": "…"}, not int.'),
        ('[{"text": "a"},', "x.json: the JSON breaks off or is broken"),
        ('[{"text": "a"}]\n[{"text": "b"}]', "trailing garbage"),
        ('[{"n": ' + "9" * 5000 + "}]", "x.json: the JSON breaks off or is broken (parse error: integer overflow"),
    ],
)
def test_what_is_wrong_with_an_array(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        values(write(tmp_path / "x.json", content))
    assert message in str(caught.value)
