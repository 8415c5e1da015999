"""Paths, globs, compression and encodings: what every file format shares."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO, cast

from bert_tf.errors import UserError

_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


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
            raise UserError(f"{spec}: cannot be listed ({str(error).splitlines()[0]}).") from None
    else:
        paths = [spec] if os.path.exists(spec) else sorted(glob.glob(spec, recursive=True))
    if not paths:
        raise UserError(f"{spec}: there is no such file.")
    for path in paths:
        if not is_remote(path) and os.path.isdir(path):
            raise UserError(f"{path}: this is a directory; name its files, such as {path.rstrip('/')}/*.tsv.")
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
    try:
        if is_remote(path):
            import tensorflow as tf

            raw = cast(BinaryIO, tf.io.gfile.GFile(path, "rb"))
        else:
            raw = open(path, "rb")  # noqa: SIM115  (closed below, with its decompressor)
        with raw:
            opener = _OPENERS.get(os.path.splitext(path.lower())[1])
            yield cast(BinaryIO, opener(raw, "rb")) if opener else raw
    except (OSError, EOFError, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path}: cannot be read ({reason}).") from None


@contextmanager
def open_text(path: str) -> Iterator[TextIO]:
    """Opens a UTF-8 text file (UTF-8 with a byte order mark and UTF-16 with one are known too).

    Line ends are left as they are. Bytes that are not UTF-8 become surrogates, which :func:`check_encoding` finds.
    """
    with open_binary(path) as file:
        buffered = io.BufferedReader(cast(io.RawIOBase, file), 1 << 20) if not hasattr(file, "peek") else file
        start = buffered.peek(3)[:3]
        encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        yield io.TextIOWrapper(buffered, encoding, errors="surrogateescape", newline="")


def check_encoding(path: str, line: int, text: str) -> None:
    """Raises UserError if the line held bytes that are not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) - 0xDC00
        raise UserError(
            f"{path} line {line}: the byte 0x{byte:02x} is not UTF-8. Convert the file, such as with: "
            f"iconv -f gb18030 -t utf-8 {path}"
        ) from None
