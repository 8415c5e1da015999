"""Text files of any encoding and any line end, read in pieces."""

from __future__ import annotations

import codecs
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

from bert_tf import encodings
from bert_tf.data.files import ZIP, open_binary
from bert_tf.data.notices import notice
from bert_tf.errors import UserError

FLAG = "--data.encoding"

# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}
_CHUNK = 1 << 16
_SAMPLE = 1 << 17
_SHOWN = 20


@contextmanager
def open_text(path: str, encoding: str = encodings.AUTO) -> Iterator[TextIO]:
    """Opens a text file.

    Lines end at ``\\n`` and keep their ends; in a file without one, at ``\\r``. Bytes that are not UTF-8, in a file
    that is, become surrogates, which :func:`check_encoding` finds.

    Args:
        path: a local or remote, plain or compressed file.
        encoding: Python's name of it. ``auto``: UTF-8, or what the bytes are most probably, said in the log. A
            byte-order mark decides in either case.

    Raises:
        UserError: as :func:`bert_tf.data.files.open_binary`, or (here or when read) the file is not text, or in no
            encoding that can be guessed, or not in the one it seems to be in.
    """
    with open_binary(path) as file:
        reader = _Utf8(path, file, encoding)
        yield io.TextIOWrapper(io.BufferedReader(reader, _CHUNK), "utf-8", errors="surrogateescape", newline="\n")


def check_encoding(path: str, line: int, text: str) -> None:
    """Raises UserError if the line held bytes that are not UTF-8."""
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) - 0xDC00
        raise UserError(
            f"{path} line {line}: the byte 0x{byte:02x} is not UTF-8, as the text before it is. Mend the line, or, if "
            f"the whole file is in another encoding, pass {FLAG} NAME."
        ) from None


class _Utf8(io.RawIOBase):
    """The bytes of a text file as UTF-8 without a byte-order mark, its lines ending at ``\\n``.

    As long as the bytes are ASCII nothing is decided; the first others decide, with what follows them.
    """

    def __init__(self, path: str, file: BinaryIO, encoding: str) -> None:
        self._path = path
        self._file = file
        self._asked = None if encoding == encodings.AUTO else encodings.codec_name(encoding)
        self._ready = b""
        self._ended = False
        self._lines = 0
        self._name = ""  # of the encoding, once it is known
        self._guessed = False
        self._carriage_returns = False
        self._decoder: codecs.IncrementalDecoder | None = None  # none for UTF-8, which passes as it is
        self._begin()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            self._ready = self._as_utf8(self._next())
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _next(self, size: int = _CHUNK) -> bytes:
        data = self._file.read(size)
        self._ended = len(data) < size
        return data

    def _begin(self) -> None:
        """Reads the beginning, which tells a mark, zero bytes and the line end."""
        start = self._next()
        if start.startswith(ZIP):
            raise UserError(f"{self._path}: this is an Excel workbook. Give it a name that ends in .xlsx.")
        mark = next((mark for mark in _BYTE_ORDER_MARKS if start.startswith(mark)), b"")
        if mark:
            self._decide(_BYTE_ORDER_MARKS[mark])
        elif self._asked:
            if self._asked != "utf-8" and not start.isascii() and encodings.is_utf8(start, complete=self._ended):
                notice(f"{self._path}: it seems to be UTF-8, but is read as {self._asked.upper()}, because of {FLAG}")
            self._decide(self._asked)
        elif b"\0" in start and (wide := encodings.guess_wide(start)):
            self._guessed = True
            self._decide(wide)
        elif b"\0" in start[:4]:
            raise UserError(f"{self._path}: this is not text (there is a zero byte at its start). {_if_text()}")
        text = start[len(mark) :]
        plain = text.replace(b"\0", b"")  # of UTF-16, too, a line end is one of these bytes beside zeros
        self._carriage_returns = b"\r" in plain and b"\n" not in plain
        if self._carriage_returns:
            notice(f"{self._path}: its lines end with a carriage return alone (\\r)", logging.INFO)
        self._ready = self._as_utf8(text)

    def _as_utf8(self, data: bytes) -> bytes:
        if not self._name:
            if data.isascii():
                self._lines += data.count(b"\n")
                return self._with_line_ends(data)
            data += b"" if self._ended else self._next(_SAMPLE)
            self._guess(data)
        if self._decoder is not None:
            data = self._decode(data)
        return self._with_line_ends(data)

    def _with_line_ends(self, data: bytes) -> bytes:
        return data.replace(b"\r", b"\n") if self._carriage_returns else data

    def _decode(self, data: bytes) -> bytes:
        assert self._decoder is not None
        try:
            text = self._decoder.decode(data, self._ended)
        except UnicodeDecodeError as error:
            line = self._lines + error.object[: error.start].count("\n".encode(self._name)) + 1
            raise UserError(self._wrong(line, error.object[error.start])) from None
        self._lines += text.count("\n")
        return text.encode("utf-8", "surrogatepass")

    def _decide(self, name: str) -> None:
        self._name = name
        if name != "utf-8":
            self._decoder = codecs.getincrementaldecoder(name)()
        if self._guessed:
            notice(f"{self._path}: read as {name.upper()} (guessed; {FLAG} NAME sets it)")

    def _guess(self, sample: bytes) -> None:
        """Decides by the bytes from about the first one on that is not ASCII.

        Raises:
            UserError: they are not UTF-8, and it cannot be told what they are.
        """
        if encodings.is_utf8(sample, complete=self._ended):
            self._decide("utf-8")
            return
        guess = encodings.guess(sample, complete=self._ended)
        if guess.encoding is not None:
            self._guessed = True
            self._decide(guess.encoding)
            return
        first = next(index for index, byte in enumerate(sample) if byte > 0x7F)
        line = self._lines + sample.count(b"\n", 0, first) + 1
        where = f"{self._path} line {line}: the byte 0x{sample[first]:02x} is not UTF-8, and"
        if not guess.candidates:
            raise UserError(f"{where} what the file is in cannot be guessed. {_if_text()}")
        begin, end = sample.rfind(b"\n", 0, first) + 1, sample.find(b"\n", first)
        shown = sample[max(begin, first - _SHOWN) : end if end >= 0 else None].rstrip()
        readings = [f'{name} ("{shown.decode(name, "replace")[:_SHOWN]}")' for name in guess.candidates]
        raise UserError(f"{where} it may be {' or '.join(readings)}. Say which with {FLAG} {guess.candidates[0]}.")

    def _wrong(self, line: int, byte: int) -> str:
        seems = "which the file seemed to be in" if self._guessed else "which the file is said to be in"
        if self._name.startswith("utf-") and not self._guessed and self._name != self._asked:
            seems = "as which the file begins"
        return (
            f"{self._path} line {line}: the byte 0x{byte:02x} is not {self._name.upper()}, {seems}. Mend the line, or "
            f"pass another {FLAG} NAME."
        )


def _if_text() -> str:
    return f"If it is text, say its encoding, such as {FLAG} gb18030."
