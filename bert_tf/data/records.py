"""Records: a stream of rows that can be read again and knows where each row came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One record.

    Attributes:
        file: file or data set it came from.
        line: line in the file (of its start), or row of the data set, from 1.
        values: column name to value.
    """

    file: str
    line: int
    values: dict[str, Any]

    def where(self) -> str:
        """Such as ``train.tsv line 17``."""
        return f"{self.file} line {self.line}"


class Records:
    """A stream of rows that can be iterated again and again, with equal rows in equal order.

    Nothing is held in memory: each iteration reads the source anew.

    Args:
        name: what the stream is called in messages.
        rows: starts a new iteration.
    """

    def __init__(self, name: str, rows: Callable[[], Iterator[Row]]) -> None:
        self.name = name
        self._rows = rows
        self._count: int | None = None

    def __iter__(self) -> Iterator[Row]:
        return self._rows()

    def count(self) -> int:
        """Number of rows, by one pass the first time."""
        if self._count is None:
            self._count = sum(1 for _ in self)
        return self._count
