"""CSV and TSV files.

TSV is read without quoting unless ``--data.quoting on`` says otherwise: the quotation marks in English TSV data sets
(GLUE's among them) are text.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf.data.files import check_encoding, open_text, suffix
from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".csv", ".tsv")


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file; without a header the columns are called ``0``, ``1``, and so on. Blank lines are passed over.

    Raises:
        UserError: the file is empty, not UTF-8, or a line has another number of fields than the header.
    """
    is_csv = suffix(path) == ".csv"
    quoted = options.quoting == "on" or (options.quoting == "auto" and is_csv)
    names: list[str] | None = None
    for line, fields in _fields(path, "," if is_csv else "\t", quoted):
        if not fields or fields == [""]:
            continue
        if names is None:
            names = fields if options.header else [str(number) for number in range(len(fields))]
            if len(set(names)) != len(names):
                raise UserError(f"{path} line {line}: the header names a column twice: {', '.join(names)}.")
            if options.header:
                continue
        if len(fields) != len(names):
            flag = "off" if quoted else "on"
            why = "quotation marks are text in this file" if quoted else "fields of this file are quoted"
            raise UserError(
                f"{path} line {line}: {len(fields)} fields, but the {'header' if options.header else 'first line'} "
                f"has {len(names)} ({', '.join(names)}). Fix the line, or, if {why}, pass --data.quoting {flag}."
            )
        yield Row(path, line, dict(zip(names, fields, strict=True)))
    if names is None:
        raise UserError(f"{path}: the file is empty.")


def _fields(path: str, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """``(line number of the row's start, its fields)``."""
    with open_text(path) as file:
        if not quoted:
            for number, line in enumerate(file, start=1):
                check_encoding(path, number, line)
                yield number, line.rstrip("\r\n").split(delimiter)
            return
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        start = 1
        try:
            for fields in reader:
                for field in fields:
                    check_encoding(path, start, field)
                yield start, fields
                start = reader.line_num + 1
        except csv.Error as error:
            raise UserError(
                f"{path} line {start}: {error} (if quotation marks are text in this file, pass --data.quoting off)."
            ) from None
