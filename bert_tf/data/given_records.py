"""Records that a program gives by itself: one text, a list of texts, pairs, mappings, or columns of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bert_tf.data.records import Row, is_missing, text_of
from bert_tf.errors import UserError


def given_rows(records: Any, columns: Sequence[str], list_columns: Sequence[str] = ()) -> list[Row]:
    """Rows of what a caller gave.

    Args:
        records: one record or several. A record is a text, where the model reads one column; a mapping from column to
            text; or a tuple of texts in the order of the columns. Several are a list of these, a mapping from column
            to a list of texts, an array of strings, or a pandas Series or DataFrame.
        columns: that the model reads.
        list_columns: those of them that hold a list of texts a record.

    Raises:
        UserError: a record does not fit the columns, or is no text.
    """
    rows = []
    for number, record in enumerate(_several(records, columns, list_columns), start=1):
        row = Row("record", number, _values(record, columns, f"record {number}"), str(number))
        for name in columns:
            _check(row, name, name in list_columns)
        rows.append(row)
    return rows


def _several(records: Any, columns: Sequence[str], list_columns: Sequence[str]) -> Iterable[Any]:
    if hasattr(records, "to_dict") and hasattr(records, "columns"):
        return records.to_dict("records")  # of a DataFrame, whose own iterator gives the names of its columns
    if isinstance(records, Mapping):
        texts = [name for name in columns if name not in list_columns and name in records]
        if all(isinstance(records[name], str | bytes) for name in texts):
            return [records]
        return _by_record({name: _listed(records[name]) for name in columns if name in records})
    if isinstance(records, str | bytes) or (isinstance(records, tuple) and len(columns) > 1 and _is_record(records)):
        return [records]
    return _listed(records)


def _is_record(values: tuple[Any, ...]) -> bool:
    return bool(values) and isinstance(values[0], str | bytes)


def _listed(values: Any) -> list[Any]:
    values = values.numpy() if hasattr(values, "numpy") else values  # a tensor
    values = values.tolist() if hasattr(values, "tolist") else values  # an array, a Series
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        return [values]
    return list(values)


def _by_record(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise UserError(f"The columns differ in their number of texts: {found}.")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _values(record: Any, columns: Sequence[str], where: str) -> dict[str, Any]:
    if isinstance(record, Mapping):
        return dict(record)
    if len(columns) == 1:
        return {columns[0]: record}
    if isinstance(record, str | bytes) or not isinstance(record, Sequence) or len(record) != len(columns):
        names = ", ".join(columns)
        raise UserError(f"{where}: this model reads {names}: give a mapping with these keys, not {record!r:.60}.")
    return dict(zip(columns, record, strict=True))


def _check(row: Row, column: str, is_list: bool) -> None:
    """Makes the value a text; a list of texts is made and checked by the task that reads it."""
    if is_list:
        return
    if column not in row.values:
        raise UserError(f"{row.where()}: {column} is missing; there are: {', '.join(map(str, row.values))}.")
    value = row.values[column]
    if is_missing(value) and not isinstance(value, str):
        raise UserError(f"{row.where()}: {column} is {value!r}, not a text.")
    row.values[column] = text_of(row, column)
