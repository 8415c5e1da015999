"""Answers to files: the user's records, with the user's column names, and what the model says of each.

The ending decides the format. ``.jsonl`` has an object ``prediction`` in each line; tables have a column for each of
its keys, such as ``prediction.label`` and ``prediction.probabilities.good``, and JSON in a cell for lists.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import IO, Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

from bert_tf.atomic_file import open_bytes_atomically, write_errors
from bert_tf.data.notices import notice
from bert_tf.data.records import Row
from bert_tf.errors import UserError
from bert_tf.tasks.answer_values import free_name, record_of, short_floats

PREDICTION = "prediction"
_LONGEST_CELL, _MOST_ROWS = 32_767, 1_048_576
"""Of an Excel worksheet."""

Write = Callable[[Row, Mapping[str, Any]], None]
_WriteLine = Callable[[dict[str, Any], dict[str, Any]], None]
Example = Callable[[], Mapping[str, Any]]
"""An answer to a record that there is not, whose keys are columns."""


def answer_format(path: str | None) -> str:
    """The format of an output: its extension, ``.jsonl`` for the standard output.

    Raises:
        UserError: there is no such format, or the package that writes it is not installed.
    """
    if path is None or path.startswith("/dev/"):
        return ".jsonl"
    if os.path.isdir(path):
        raise UserError(f"--output {path}: cannot be written (Is a directory).")
    ending = next((ending for ending in _WRITERS if path.lower().removesuffix(".gz").endswith(ending)), None)
    if ending is None or (ending == ".xlsx" and path.lower().endswith(".gz")):
        raise UserError(
            f"--output {path}: the format is told by the ending, one of {', '.join(_WRITERS)} (all but .xlsx also with "
            ".gz)."
        )
    if ending == ".xlsx" and find_spec("openpyxl") is None:
        raise UserError(f'--output {path}: .xlsx needs openpyxl: pip install "bert-tf[excel]".')
    return ending


@contextmanager
def open_answers(path: str | None, columns: Sequence[str] = (), example: Example | None = None) -> Iterator[Write]:
    """A function that writes a record with its answer; the file gets its name once it is complete.

    Args:
        path: ``None`` for the standard output.
        columns: of the records, for tables; of :func:`columns_of`. Default those of the first record.
        example: for the header of a table without a record; it has none by default.

    Raises:
        UserError: the format is not known, or the file cannot be written.
    """
    make = _WRITERS[answer_format(path)]

    def write_to(write: _WriteLine) -> Write:
        return lambda row, answer: write(record_of(row), short_floats(dict(answer)))

    if path is None:
        with _jsonl(sys.stdout, columns, example) as write:
            yield write_to(write)
        return
    with (
        open_bytes_atomically(path, "--output") as file,
        _compressed(path, file) as inner,
        make(inner, columns, example) as write,
    ):
        yield write_to(write)


def columns_of(path: str | None, records: Iterable[Row]) -> list[str]:
    """The columns that any record has, in the order in which they come up; none where the format needs no list of them.

    A table has its columns in its first line: JSON Lines whose records differ are read once before they are answered.
    """
    if answer_format(path) in (".jsonl", ".ndjson"):
        return []
    return list(dict.fromkeys(name for row in records for name in record_of(row)))


@contextmanager
def _compressed(path: str, file: BinaryIO) -> Iterator[Any]:
    if not path.lower().endswith(".gz"):
        yield file
        return
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as compressed:
        yield compressed


@contextmanager
def _jsonl(file: IO[Any], columns: Sequence[str], example: Example | None) -> Iterator[_WriteLine]:
    text: Any = file if file is sys.stdout else io.TextIOWrapper(file, "utf-8", newline="\n")

    def write(values: dict[str, Any], answer: dict[str, Any]) -> None:
        name = free_name(PREDICTION, values)
        text.write(json.dumps({**values, name: answer}, ensure_ascii=False, default=str) + "\n")

    yield write
    if text is not file:  # the command itself flushes the standard output, and says why it cannot
        text.flush()
        text.detach()


@contextmanager
def _delimited(file: IO[Any], own: Sequence[str], example: Example | None, delimiter: str) -> Iterator[_WriteLine]:
    # Excel takes a file without a byte order mark for the system's encoding.
    text = io.TextIOWrapper(file, "utf-8-sig" if delimiter == "," else "utf-8", newline="")
    table = csv.writer(text, lineterminator="\n") if delimiter == "," else None
    columns = _Columns(own)

    def write_line(cells: Sequence[Any]) -> None:
        if table is not None:
            table.writerow(cells)
        else:  # TSV knows no quotation marks: what would break the line becomes a blank
            text.write("\t".join(" ".join(str(cell).splitlines()).replace("\t", " ") for cell in cells) + "\n")

    def write(values: dict[str, Any], answer: dict[str, Any]) -> None:
        if not columns.names:
            write_line(columns.begin(values, answer))
        write_line([_cell(cell) for cell in columns.cells(values, answer)])

    yield write
    if not columns.names and example is not None:
        write_line(columns.begin({}, example()))
    text.flush()
    text.detach()


@contextmanager
def _excel(file: IO[Any], own: Sequence[str], example: Example | None) -> Iterator[_WriteLine]:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.writer.excel import ExcelWriter

    book = Workbook(write_only=True)
    sheet = book.create_sheet("predictions")
    columns = _Columns(own)
    written = 0

    def cell(value: Any) -> Any:
        value = _cell(value)
        if isinstance(value, int) and abs(value) >= 10**15:  # Excel keeps 15 digits
            value = str(value)
        if not isinstance(value, str):
            return value
        if len(value) > _LONGEST_CELL or ILLEGAL_CHARACTERS_RE.search(value):
            notice(
                "a cell of a worksheet holds 32,767 characters and no control characters, so some texts were cut: "
                "write .csv or .jsonl to keep them whole"
            )
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value)[:_LONGEST_CELL])
        made.data_type = "s"  # also what begins with "=": it is a text, no formula
        return made

    def write(values: dict[str, Any], answer: dict[str, Any]) -> None:
        nonlocal written
        if not columns.names:
            sheet.append([cell(name) for name in columns.begin(values, answer)])
            written = 1
        written += 1
        if written > _MOST_ROWS:
            raise UserError(f"--output: a worksheet has room for {_MOST_ROWS - 1:,} records: write .csv or .jsonl.")
        sheet.append([cell(value) for value in columns.cells(values, answer)])

    archive = ZipFile(file, "w", ZIP_DEFLATED, allowZip64=True)
    try:
        yield write
        if not columns.names and example is not None:
            sheet.append([cell(name) for name in columns.begin({}, example())])
        with write_errors("--output"):
            sheet.close()
            ExcelWriter(book, archive).save()
    except BaseException:
        # Else they would go on when they are collected, and complain on stderr.
        archive.fp = None
        with suppress(Exception):
            sheet.close()
        raise


_WRITERS: dict[str, Callable[[IO[Any], Sequence[str], Example | None], Any]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".csv": lambda file, own, example: _delimited(file, own, example, ","),
    ".tsv": lambda file, own, example: _delimited(file, own, example, "\t"),
    ".xlsx": _excel,
}


class _Columns:
    """The columns of a table: those of the records, then those of the first answer."""

    def __init__(self, own: Sequence[str]) -> None:
        self.names: list[str] = []
        self._own = list(own)

    def begin(self, values: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
        """The names, from the first record."""
        self._own = self._own or list(values)
        self._prefix = free_name(PREDICTION, [name.split(".")[0] for name in self._own])
        self._answer = list(flat(answer, self._prefix))
        self.names = [*self._own, *self._answer]
        return self.names

    def cells(self, values: Mapping[str, Any], answer: Mapping[str, Any]) -> list[Any]:
        """The values under the names; what a record lacks is empty."""
        answers = flat(answer, self._prefix)
        return [values.get(name) for name in self._own] + [answers.get(name) for name in self._answer]


def flat(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """``{"a": {"b": 1}}`` to ``{"prefix.a.b": 1}``."""
    made: dict[str, Any] = {}
    for key, value in values.items():
        made |= flat(value, f"{prefix}.{key}") if isinstance(value, Mapping) else {f"{prefix}.{key}": value}
    return made


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return "" if value is None else value
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
