"""Paths, globs and compression: what every file format shares."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, cast

from bert_tf.errors import UserError, first_line

ZIP = b"PK\x03\x04"
"""What a zip archive, and an Excel workbook, begins with."""

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
_OPENERS: dict[re.Pattern[bytes], Callable[..., Any]] = {
    re.compile(rb"\x1f\x8b\x08"): gzip.open,
    re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"): bz2.open,
    re.compile(rb"\xfd7zXZ\0"): lzma.open,
}
"""By what a file begins with: its name may say otherwise."""

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
            raise OSError(first_line(error)) from None


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
            raise UserError(f"{spec}: cannot be listed ({first_line(error)}).") from None
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
    return os.path.splitext(stem)[1] if last in _COMPRESSED else last


@contextmanager
def open_binary(path: str) -> Iterator[BinaryIO]:
    """Opens a local or remote file, decompressed if its first bytes say so; a workbook is left as it is.

    Raises:
        UserError: it cannot be read, its compression is broken, or it is an archive of several files.
    """
    try:
        with ExitStack() as stack:
            raw: Any = io.BufferedReader(_RemoteFile(path) if is_remote(path) else io.FileIO(path), _BUFFER)
            yield stack.enter_context(_decompressed(path, stack.enter_context(raw)))
    except (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path}: cannot be read ({reason}).") from None


def is_workbook(path: str) -> bool:
    """Whether a file is an Excel workbook, whatever its name.

    Raises:
        UserError: as :func:`open_binary`.
    """
    with open_binary(path) as file:
        return cast(io.BufferedReader, file).peek(len(ZIP)).startswith(ZIP)


def _decompressed(path: str, raw: io.BufferedReader) -> BinaryIO:
    start = raw.peek(16)
    if start.startswith(_OLD_OFFICE):
        raise UserError(
            f"{path}: this is an old Excel file (.xls), or a workbook with a password. Save it as .xlsx, without a "
            "password, or as CSV."
        )
    if start.startswith(ZIP):
        return _unzipped(path, raw)
    opener = next((opener for magic, opener in _OPENERS.items() if magic.match(start)), None)
    return cast(BinaryIO, opener(raw, "rb") if opener else raw)


def _unzipped(path: str, raw: io.BufferedReader) -> BinaryIO:
    archive = zipfile.ZipFile(raw)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if "xl/workbook.xml" in names:
        raw.seek(0)
        return raw
    if len(names) != 1:
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        raise UserError(f"{path}: this is a zip archive of {len(names)} files ({shown}). Unpack it and name the files.")
    try:
        return cast(BinaryIO, io.BufferedReader(cast(Any, archive.open(names[0]))))
    except (RuntimeError, NotImplementedError) as error:  # a password, or a compression that Python does not know
        raise UserError(f"{path}: cannot be unpacked ({error}).") from None
