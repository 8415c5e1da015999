"""CSV and TSV files.

TSV is read without quoting unless ``--data.quoting on`` says otherwise: the quotation marks in English TSV data sets
(GLUE's among them) are text. A file whose fields are separated by another character than its name says, as Excel
writes CSV in half of Europe, is read by that character. A workbook with the name of a CSV file is read as a workbook.
"""

from __future__ import annotations

import csv
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from bert_tf.data.files import is_workbook, suffix
from bert_tf.data.header_rows import header_of, named_rows
from bert_tf.data.notices import notice
from bert_tf.data.records import Row
from bert_tf.data.sources import excel
from bert_tf.data.text_files import check_encoding, open_text
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".csv", ".tsv")

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar (|)"}
_SEP_LINE = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)  # Excel's own: it says the separator and is no row
_SAMPLE_CHARACTERS = 1 << 16
_SAMPLE_ROWS = 50
_FEWEST_ROWS = 3
"""Rows without a header that must agree on a separator which the file's name does not say."""


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file; without a header the columns are called ``0``, ``1``, and so on. Blank lines are skipped.

    Raises:
        UserError: the file is empty, in no known encoding, or a line has another number of fields than the header.
    """
    if is_workbook(path):
        notice(f"{path}: this is an Excel workbook, and is read as one", logging.INFO)
        yield from excel.read(path, options)
        return
    usual, quoted = _usual(path, options)

    def hint(_: int) -> str:
        why = "quotation marks are text in this file" if quoted else "fields of this file are quoted"
        return f"Fix the line, or, if {why}, pass --data.quoting {'off' if quoted else 'on'}."

    rows = _fields(path, options, usual, quoted)
    yield from named_rows(path, rows, header=options.header, mismatch_hint=hint)


def columns(path: str, options: ReadOptions) -> list[str]:
    """The names of a file's columns, of one without a row too."""
    if is_workbook(path):
        return excel.columns(path, options)
    return header_of(_fields(path, options, *_usual(path, options)), header=options.header)


def _usual(path: str, options: ReadOptions) -> tuple[str, bool]:
    """What separates the fields by the name of the file, and whether they may be quoted."""
    is_csv = suffix(path) == ".csv"
    return "," if is_csv else "\t", options.quoting == "on" or (options.quoting == "auto" and is_csv)


def _fields(path: str, options: ReadOptions, usual: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """``(line number of the row's start, its fields)``."""
    with open_text(path, options.encoding) as file:
        sample, complete = _sample(file)
        whole = sample if complete else sample[:-1]
        separator, skipped = _separator(whole, usual, quoted, options.header)
        if separator != usual:
            notice(f"{path}: the fields are separated by {_SEPARATORS.get(separator, repr(separator))}", logging.INFO)
        lines = chain(sample[skipped:], file)
        if not quoted:
            for number, line in enumerate(lines, start=1 + skipped):
                check_encoding(path, number, line)
                yield number, line.rstrip("\r\n").split(separator)
            return
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        reader = csv.reader(lines, delimiter=separator, strict=True)
        start = 1 + skipped
        try:
            for fields in reader:
                for field in fields:
                    check_encoding(path, start, field)
                yield start, fields
                start = reader.line_num + 1 + skipped
        except csv.Error as error:
            raise UserError(
                f"{path} line {start}: {error} (if quotation marks are text in this file, pass --data.quoting off)."
            ) from None


def _sample(lines: Iterable[str]) -> tuple[list[str], bool]:
    """The first lines, which are to be read again, and whether they are all."""
    sample: list[str] = []
    size = 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if size >= _SAMPLE_CHARACTERS or len(sample) >= 2 * _SAMPLE_ROWS:
            return sample, False
    return sample, True


def _separator(sample: list[str], usual: str, quoted: bool, header: bool) -> tuple[str, int]:
    """What separates the fields, and how many first lines say so and are no rows.

    It is the usual one unless the rows do not fit it, and all of them have as many fields, two at least, by another.
    """
    if sample and (said := _SEP_LINE.fullmatch(sample[0])):
        return said[1], 1
    if _agreed(sample, usual, quoted) > 1:
        return usual, 0
    enough = 1 if header else _FEWEST_ROWS
    others = {one: _agreed(sample, one, quoted, enough) for one in _SEPARATORS if one != usual}
    best = max(others, key=lambda one: others[one])
    return (best if others[best] > 1 else usual), 0


def _agreed(sample: list[str], separator: str, quoted: bool, enough: int = 1) -> int:
    """The number of fields that every row of the sample has by a separator; 0 where they differ."""
    lines = [line.rstrip("\r\n") for line in sample]
    try:
        rows = list(csv.reader(sample, delimiter=separator)) if quoted else [line.split(separator) for line in lines]
    except csv.Error:
        return 0
    rows = [row for row in rows[:_SAMPLE_ROWS] if row and row != [""]]
    counts = set(map(len, rows))
    return counts.pop() if len(counts) == 1 and len(rows) >= enough else 0
