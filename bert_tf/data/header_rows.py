"""From the rows of a table to records by column names: the header, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bert_tf.data.notices import notice
from bert_tf.data.records import Row
from bert_tf.errors import UserError


def named_rows(
    path: str, rows: Iterator[tuple[int, list[Any]]], *, header: bool, mismatch_hint: Callable[[int], str]
) -> Iterator[Row]:
    """Rows with the names of the header, or ``0``, ``1``, … without one. Empty rows are skipped.

    A row that repeats the header, as where files were put together, is skipped with a warning.

    Args:
        path: the file, for messages.
        rows: line number and fields.
        header: the first row names the columns.
        mismatch_hint: from the number of a row's fields to what to do if it is not the header's.

    Raises:
        UserError: there is no row, a column is named twice, a row has another number of fields, or a row is a header of
            another order.
    """
    names: list[str] | None = None
    sorted_names: list[str] = []
    for line, fields in rows:
        if not fields or fields == [""]:
            continue
        if names is None:
            names = [str(field) for field in fields] if header else [str(number) for number in range(len(fields))]
            if len(set(names)) != len(names):
                raise UserError(f"{path} line {line}: the header names a column twice: {', '.join(names)}.")
            sorted_names = sorted(map(_plain, names))
            if header:
                continue
        if header and _plain(fields[0]) in sorted_names and sorted(map(_plain, fields)) == sorted_names:
            _check_order(path, line, fields, names)
            continue
        if len(fields) != len(names):
            raise UserError(
                f"{path} line {line}: {len(fields)} fields, but the {'header' if header else 'first line'} "
                f"has {len(names)} ({', '.join(names)}). {mismatch_hint(len(fields))}"
            )
        yield Row(path, line, dict(zip(names, fields, strict=True)))
    if names is None:
        raise UserError(f"{path}: the file is empty.")


def header_of(rows: Iterator[tuple[int, list[Any]]], *, header: bool) -> list[str]:
    """The names of the columns, as :func:`named_rows` gives them; none of an empty table."""
    first = next((fields for _, fields in rows if fields and fields != [""]), [])
    return [str(field) if header else str(number) for number, field in enumerate(first)]


def _check_order(path: str, line: int, fields: Sequence[Any], names: Sequence[str]) -> None:
    if list(map(_plain, fields)) != list(map(_plain, names)):
        raise UserError(
            f"{path} line {line}: here begins a table with other columns ({', '.join(map(str, fields))}) than the "
            f"header's ({', '.join(names)}). Put it into a file of its own."
        )
    notice(f"{path} line {line}: this line repeats the header, and is skipped")


def _plain(field: Any) -> str:
    """A name as it is compared: a file that was put behind another one brings its byte-order mark with it."""
    return str(field).strip().lstrip("\ufeff").strip().casefold()
