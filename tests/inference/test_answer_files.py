"""Answers in the format that the ending says, under the user's own column names, whole or not at all."""

from __future__ import annotations

import csv
import errno
import gc
import gzip
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from bert_tf.data.records import Row
from bert_tf.data.sources import ReadOptions, columns_before_rows, open_records
from bert_tf.errors import UserError
from bert_tf.inference import answer_files
from bert_tf.inference.answer_files import answer_format, columns_of, flat, open_answers
from bert_tf.tasks.answer_values import record_of

ROWS = [
    {"id": "1", "评论": "好", "标签": "=1+1"},
    {"id": "2", "评论": 'a "b",\tc\nd', "标签": ""},
]
ANSWERS = [
    {"label": "pos", "score": 0.25, "probabilities": {"neg": 0.75, "pos": 0.25}, "n": [{"a": 1}]},
    {"label": "neg", "score": 0.1, "probabilities": {"neg": 0.9, "pos": 0.1}, "n": []},
]
COLUMNS = ["id", "评论", "标签", "prediction.label", "prediction.score"]
COLUMNS += ["prediction.probabilities.neg", "prediction.probabilities.pos", "prediction.n"]


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    records = [Row("x", number, {"text": "…"}, given=dict(values)) for number, values in enumerate(rows, start=1)]
    with open_answers(str(path), columns_of(str(path), records)) as write_answer:
        for row, answer in zip(records, ANSWERS, strict=True):
            write_answer(row, answer)
    return path


def test_csv_is_read_by_excel_and_keeps_the_users_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == COLUMNS
    assert lines[1] == ["1", "好", "=1+1", "pos", "0.25", "0.75", "0.25", '[{"a": 1}]']
    assert lines[2][1] == ROWS[1]["评论"]


def test_tsv_and_compressed_files_are_read_back(tmp_path: Path) -> None:
    lines = write(tmp_path / "x.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "\t".join(COLUMNS)
    assert lines[2].split("\t")[1] == 'a "b", c d'
    with gzip.open(write(tmp_path / "x.csv.gz"), "rt", encoding="utf-8-sig", newline="") as file:
        assert next(csv.reader(file)) == COLUMNS
    assert [row.values["评论"] for row in open_records(str(tmp_path / "x.csv.gz"))] == [row["评论"] for row in ROWS]


def test_jsonl_keeps_the_answer_whole(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in write(tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"id": "1", "评论": "好", "标签": "=1+1", "prediction": ANSWERS[0]}


def test_excel_holds_texts_not_formulas(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(write(tmp_path / "x.xlsx")).active
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert cells[0] == COLUMNS
    assert cells[1][:5] == ["1", "好", "=1+1", "pos", 0.25]
    assert sheet["C2"].data_type == "s"


def test_a_column_of_the_users_called_prediction_stays_his(tmp_path: Path) -> None:
    rows = [{"text": "a", "prediction": "mine"}, {"text": "b", "prediction": "mine"}]
    line = json.loads(write(tmp_path / "x.jsonl", rows).read_text(encoding="utf-8").splitlines()[0])
    assert (line["prediction"], line["model_prediction"]["label"]) == ("mine", "pos")
    head = write(tmp_path / "x.tsv", rows).read_text(encoding="utf-8").splitlines()[0]
    assert head.startswith("text\tprediction\tmodel_prediction.label")


def test_a_column_that_the_first_record_lacks_is_in_the_table(tmp_path: Path) -> None:
    lines = write(tmp_path / "x.tsv", [{"a": "a"}, {"a": "b", "more": 1}]).read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["a", "more"], ["a", ""], ["b", "1"]]


def test_the_record_is_written_as_it_was_given(tmp_path: Path) -> None:
    """Also where a column has a name of ours, or is read as another type."""
    (tmp_path / "in.csv").write_text("评论,text,label\n5,mine,TAG\n", encoding="utf-8")
    columns = {"text": "评论", "label": "标签"}
    records = open_records(
        str(tmp_path / "in.csv"), columns=columns, required=["text"], text_columns=["text"], keep_given=True
    )
    (row,) = records
    assert row.values["text"] == "5"
    assert record_of(row) == {"评论": "5", "text": "mine", "label": "TAG"}


def test_long_texts_and_numbers_stay_whole_or_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = write(tmp_path / "x.xlsx", [{"a": 123456789012345678}, {"a": "x" * 40_000}])
    assert openpyxl.load_workbook(path).active["A2"].value == "123456789012345678"
    assert "32,767 characters" in caplog.text


def test_nothing_is_left_of_a_file_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), open_answers(str(path)) as write_answer:
        write_answer(Row("x", 1, {"text": "a"}), {"label": 1 / 0})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["x.txt", "x", "x.parquet", "x.xlsx.gz"])
def test_an_unknown_ending_names_the_known_ones(path: str) -> None:
    with pytest.raises(UserError, match=r"--output .*\.jsonl, .*\.csv"):
        answer_format(path)


def test_flat() -> None:
    assert flat({"a": {"b": 1, "c": []}, "d": 2}, "p") == {"p.a.b": 1, "p.a.c": [], "p.d": 2}


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".xlsx", ".csv.gz"])
def test_a_table_without_a_record_has_its_header(tmp_path: Path, ending: str) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,评论,标签\n", encoding="utf-8")
    path = str(tmp_path / f"out{ending}")
    with open_answers(path, columns_before_rows([str(source)], ReadOptions()), lambda: ANSWERS[0]):
        pass
    assert columns_before_rows([path], ReadOptions()) == COLUMNS
    assert list(open_records(path)) == []


def test_columns_are_known_before_the_first_row(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"a": pyarrow.array([], "string")}), tmp_path / "a.parquet")
    (tmp_path / "b.tsv").write_text("\nb\tc\n")
    (tmp_path / "c.jsonl").write_text("")
    (tmp_path / "d.csv").write_text("")
    specs = [str(tmp_path / name) for name in ("a.parquet", "b.tsv", "c.jsonl", "d.csv")]
    assert columns_before_rows(specs, ReadOptions()) == ["a", "b", "c"]
    assert columns_before_rows(specs, ReadOptions(header=False)) == ["a", "0", "1"]


def stopped(path: str) -> None:
    with open_answers(path) as write_answer:
        write_answer(Row("x", 1, ROWS[0]), ANSWERS[0])
        raise KeyboardInterrupt


def test_a_full_disk_below_a_workbook_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def full_disk(path: str, flag: str) -> Iterator[io.BytesIO]:
        with FullDisk() as file:
            yield file

    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    monkeypatch.setattr(answer_files, "open_bytes_atomically", full_disk)
    with pytest.raises(UserError, match=r"--output: cannot be written \(No space left on device\)"):
        write(tmp_path / "x.xlsx")
    with pytest.raises(KeyboardInterrupt):
        stopped(str(tmp_path / "x.xlsx"))
    gc.collect()
    assert ignored == []
