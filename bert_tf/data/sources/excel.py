"""Excel workbooks (``.xlsx``, ``.xlsm``), by openpyxl, a row at a time: the first sheet that is not hidden."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO
from zipfile import BadZipFile

from bert_tf.data.files import ZIP, open_binary
from bert_tf.data.header_rows import header_of, named_rows
from bert_tf.data.notices import notice
from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".xlsx", ".xlsm", ".xls")


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one workbook; a row's line is its number in the sheet. Empty cells are empty strings, dates ISO 8601.

    Raises:
        UserError: openpyxl is not installed, the file is no workbook, or a cell holds an error or a formula that was
            never computed.
    """

    def hint(fields: int) -> str:
        return "Give the column a name in the first row, or empty its cells."

    with open_binary(path) as file:
        if not file.peek(len(ZIP)).startswith(ZIP):  # type: ignore[attr-defined]
            raise UserError(
                f"{path}: this is no Excel workbook. If it is text, give it a name that ends in .csv or .tsv."
            )
        yield from named_rows(path, _rows(path, file, options.header), header=options.header, mismatch_hint=hint)


def columns(path: str, options: ReadOptions) -> list[str]:
    """The names of a workbook's columns, of one without a row too."""
    with open_binary(path) as file:
        return header_of(_rows(path, file, options.header), header=options.header)


def _rows(path: str, file: BinaryIO, header: bool) -> Iterator[tuple[int, list[Any]]]:
    """The rows as long as the first, or longer where cells beyond it are filled."""
    sheet = _open_sheet(path, file)
    width = 0
    formulas: Iterator[tuple[Any, ...]] | None = None
    passed = 0
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        if any(cell.value is None and cell.data_type != "str" for cell in cells):  # "str": a formula that gave no text
            # Whether a cell is empty, or holds a formula without a value, only the other reading of the sheet tells.
            if formulas is None:
                formulas = _open_sheet(path, file, formulas=True).iter_rows(values_only=True)
            while passed < number:
                written, passed = next(formulas), passed + 1
            _check_formulas(path, number, cells, written)
        values = [_plain(path, number, column, cell) for column, cell in enumerate(cells)]
        while values and values[-1] == "":
            values.pop()
        if values:
            width = width or len(values)
            yield number, values + [""] * (width - len(values))


def _open_sheet(path: str, file: BinaryIO, *, formulas: bool = False) -> Any:
    try:
        import openpyxl
    except ImportError:
        raise UserError(f"{path}: Excel workbooks are read by openpyxl: pip install 'bert-tf[excel]'.") from None
    try:
        workbook = openpyxl.load_workbook(file, read_only=True, data_only=not formulas)
    except (BadZipFile, KeyError, ValueError, TypeError, SyntaxError) as error:  # XML's ParseError is a SyntaxError
        raise UserError(f"{path}: not a readable Excel workbook ({error}).") from None
    sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"] or workbook.worksheets
    if not sheets:
        raise UserError(f"{path}: the workbook has no sheet with cells.")
    if len(workbook.worksheets) > 1 and not formulas:
        others = ", ".join(repr(sheet.title) for sheet in workbook.worksheets if sheet is not sheets[0])
        notice(f"{path}: the sheet {sheets[0].title!r} is read; {others} is not", logging.WARNING)
    sheets[0].reset_dimensions()  # what a file says about its size is often wrong
    return sheets[0]


def _check_formulas(path: str, number: int, cells: tuple[Any, ...], written: tuple[Any, ...]) -> None:
    for column, (cell, formula) in enumerate(zip(cells, written, strict=False)):
        if cell.value is None and cell.data_type != "str" and formula is not None:
            raise UserError(
                f"{path}: the cell {_name(column)}{number} holds a formula whose value was never computed. Open the "
                "workbook in Excel or LibreOffice and save it, or save it as CSV."
            )


def _plain(path: str, number: int, column: int, cell: Any) -> Any:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "e":
        raise UserError(f"{path}: the cell {_name(column)}{number} holds the error {value}. Mend it or empty it.")
    if isinstance(value, float) and value.is_integer():
        return int(value)  # Excel knows no whole numbers
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value) if isinstance(value, datetime.timedelta) else value


def _name(column: int) -> str:
    """A column as Excel calls it: ``A``, …, ``Z``, ``AA``, …"""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
