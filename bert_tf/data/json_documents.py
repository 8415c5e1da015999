"""JSON documents that are read in pieces, by ijson: memory holds one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import ijson

from bert_tf.data.text_files import check_encoding, open_text
from bert_tf.errors import UserError


def json_items(path: str, prefix: str, encoding: str) -> Iterator[Any]:
    """The values below ``prefix``, as ijson writes it (``item`` for those of the array that is the document).

    Raises:
        UserError: the file is not JSON.
    """
    with open_text(path, encoding) as file:
        try:
            yield from ijson.items(_Utf8Reader(path, file), prefix, use_float=True)
        except ijson.IncompleteJSONError as error:
            raise UserError(f"{path}: the JSON breaks off or is broken ({_reason(error)}).") from None
        except ijson.JSONError as error:
            raise UserError(f"{path}: not valid JSON ({_reason(error)}).") from None
        except ValueError as error:  # a number of thousands of digits
            raise UserError(f"{path}: JSON that cannot be read ({_reason(error)}).") from None


class _Utf8Reader:
    """A text file as the bytes that ijson reads, whatever its encoding is."""

    def __init__(self, path: str, file: IO[str]) -> None:
        self._path = path
        self._file = file
        self._lines = 0

    def read(self, size: int = -1) -> bytes:
        text = self._file.read(size)
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError as error:
            check_encoding(self._path, self._lines + text.count("\n", 0, error.start) + 1, text)
            raise
        finally:
            self._lines += text.count("\n")


def _reason(error: Exception) -> str:
    """The parser's reason and the place it shows, on one line."""
    return " ".join(str(error).split())[:200]
