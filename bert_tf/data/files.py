"""Paths, globs, compression and encodings: what every file format shares."""

from __future__ import annotations

import bz2
import codecs
import glob
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO, cast

from bert_tf.errors import UserError

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BUFFER = 1 << 20


class _RemoteFile(io.RawIOBase):
    """A file of ``tf.io.gfile`` with the interface that Python's decompressors and decoders ask for."""

    def __init__(self, path: str) -> None:
        import tensorflow as tf

        self._file = tf.io.gfile.GFile(path, "rb")
        self._error = tf.errors.OpError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._call(self._file.read, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._call(self._file.seek, offset, whence)
        return self.tell()

    def tell(self) -> int:
        return self._call(self._file.tell)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except self._error as error:
            raise OSError(_first_line(error)) from None


def is_remote(path: str) -> bool:
    """Whether a path needs ``tf.io.gfile``, such as ``gs://bucket/x``."""
    return "://" in path


def expand(spec: str) -> list[str]:
    """The files that a path or glob names, sorted.

    Raises:
        UserError: there is no such file.
    """
    if is_remote(spec):
        import tensorflow as tf

        try:
            paths = sorted(tf.io.gfile.glob(spec))
        except (tf.errors.OpError, OSError) as error:
            raise UserError(f"{spec}: cannot be listed ({_first_line(error)}).") from None
    elif os.path.isdir(spec):
        raise UserError(f"{spec}: this is a directory; name its files, such as {spec.rstrip('/')}/*.tsv.")
    elif os.path.exists(spec):
        paths = [spec]
    else:
        paths = sorted(path for path in glob.glob(spec, recursive=True) if not os.path.isdir(path))
    if not paths:
        raise UserError(f"{spec}: {'no file matches this' if glob.has_magic(spec) else 'there is no such file'}.")
    return paths


def suffix(path: str) -> str:
    """The format's suffix in lower case, without that of compression: ``.tsv`` of ``a/x.TSV.gz``."""
    stem, last = os.path.splitext(path.lower())
    return os.path.splitext(stem)[1] if last in _OPENERS else last


@contextmanager
def open_binary(path: str) -> Iterator[BinaryIO]:
    """Opens a local or remote, plain or compressed file.

    Raises:
        UserError: it cannot be read or its compression is broken.
    """
    opener = _OPENERS.get(os.path.splitext(path.lower())[1])
    try:
        raw: Any = io.BufferedReader(_RemoteFile(path) if is_remote(path) else io.FileIO(path), _BUFFER)
        with raw, opener(raw, "rb") if opener else raw as file:
            yield cast(BinaryIO, file)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path}: cannot be read ({reason}).") from None


@contextmanager
def open_text(path: str) -> Iterator[TextIO]:
    """Opens a text file: UTF-8, or UTF-16 or UTF-32 with a byte order mark.

    Lines end at ``\\n`` and keep their ends. Bytes that are not UTF-8 become surrogates, which
    :func:`check_encoding` finds.

    Raises:
        UserError: as :func:`open_binary`, or the file is not text.
    """
    with open_binary(path) as file:
        start = cast(io.BufferedReader, file).peek(4)[:4]
        encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8-sig")
        if encoding == "utf-8-sig" and b"\0" in start:
            raise UserError(
                f"{path}: this is not UTF-8 text (there is a zero byte at its start). If it is UTF-16, convert it, "
                f"such as with: iconv -f utf-16le -t utf-8 {path}"
            )
        try:
            yield io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="\n")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}: the file begins as {error.encoding} but goes on otherwise ({error.reason})."
            ) from None


def check_encoding(path: str, line: int, text: str) -> None:
    """Raises UserError if the line held bytes that are not UTF-8."""
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) - 0xDC00
        raise UserError(
            f"{path} line {line}: the byte 0x{byte:02x} is not UTF-8. Convert the file, such as with: "
            f"iconv -f gb18030 -t utf-8 {path}"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
