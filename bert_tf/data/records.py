"""Records: a stream of rows that can be read again and knows where each row came from."""

from __future__ import annotations

import codecs
import datetime
import decimal
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from bert_tf.errors import UserError


class Row(NamedTuple):
    """One record.

    Attributes:
        file: file or data set it came from.
        line: line in the file (of its start), or row of the data set, from 1.
        values: column name to value.
        place: where it is in the file, in place of "line N"; empty if the file holds this record only.
        given: the record as its source has it, where it is kept to be written again; see ``keep_given`` of
            ``open_records``.
    """

    file: str
    line: int
    values: dict[str, Any]
    place: str | None = None
    given: dict[str, Any] | None = None

    def where(self) -> str:
        """Such as ``train.tsv line 17``."""
        place = f"line {self.line}" if self.place is None else self.place
        return f"{self.file} {place}".rstrip()


class Records:
    """A stream of rows that can be iterated again and again, with equal rows in equal order.

    Nothing is held in memory: each iteration reads the source anew.

    Args:
        name: what the stream is called in messages.
        rows: starts a new iteration.
        count: number of rows, where it is known.
    """

    def __init__(self, name: str, rows: Callable[[], Iterator[Row]], count: int | None = None) -> None:
        self.name = name
        self._rows = rows
        self._count = count

    def __iter__(self) -> Iterator[Row]:
        return self._rows()

    def count(self) -> int:
        """Number of rows, by one pass the first time."""
        if self._count is None:
            self._count = sum(1 for _ in self)
        return self._count

    def map(self, function: Callable[[Row], Row]) -> Records:
        """The same stream with every row passed through ``function``."""
        return Records(self.name, lambda: map(function, self), self._count)

    def select(self, chosen: np.ndarray, name: str | None = None) -> Records:
        """The rows at which ``chosen`` is true, in their order.

        Args:
            chosen: (rows,) bool.
            name: name of the new stream; default this one's.

        Raises:
            UserError: (when read) the source has another number of rows than ``chosen``.
        """
        flags = np.asarray(chosen, bool).tobytes()

        def rows() -> Iterator[Row]:
            number = 0
            for number, row in enumerate(self, start=1):
                if number > len(flags):
                    break
                if flags[number - 1]:
                    yield row
            if number != len(flags):
                raise UserError(f"{self.name}: the data has changed since it was first read. Start again.")

        return Records(name or self.name, rows, sum(flags))


def text_of(row: Row, column: str) -> str:
    """The value of a text column as a string: a number as it is written, nothing (None, NaN) as an empty text.

    Raises:
        UserError: the value is a list, an object or another thing that is no text.
    """
    value = row.values[column]
    if isinstance(value, str):
        return value
    if is_missing(value):
        return ""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{row.where()}: the column {column!r} holds bytes that are not UTF-8.") from None
    if isinstance(value, bool | int | float | decimal.Decimal | datetime.date | datetime.time):
        return str(value)
    raise UserError(f"{row.where()}: the column {column!r} holds {type(value).__name__}, not a text.")


def is_missing(value: Any) -> bool:
    """Whether a value stands for "there is none": None, NaN or a blank string."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (isinstance(value, float) and value != value)


def to_utf8(text: str) -> bytes:
    """A text as UTF-8, with U+FFFD for each half of a surrogate pair, so that no character behind it moves."""
    return text.encode("utf-8", _SURROGATES)


def _replace_surrogates(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "\ufffd".encode() * (error.end - error.start), error.end  # bytes: Python's encoder takes no such text


_SURROGATES = "bert_tf_surrogates"
codecs.register_error(_SURROGATES, _replace_surrogates)
