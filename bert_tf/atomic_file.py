"""Files and folders that are written whole or not at all, and the message where they cannot be written.

This is the one place where a full disk, a missing permission or a directory in the way becomes a message.
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import stat
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO

from bert_tf.errors import UserError, first_line


@contextmanager
def write_errors(target: object, advice: str = "") -> Iterator[None]:
    """Turns what writing raises, in Python, HDF5, safetensors or TensorFlow, into one message.

    Args:
        target: what is written, as the user named it, such as ``--output runs/x``.
        advice: a sentence after the reason.

    Raises:
        UserError: something inside could not be written.
    """
    try:
        yield
    except Exception as error:
        if not _is_of_writing(error):
            raise
        raise UserError(f"{target}: cannot be written ({_reason(error)}).{advice and f' {advice}'}") from None


@contextmanager
def open_bytes_atomically(path: str | Path, flag: str = "") -> Iterator[BinaryIO]:
    """Opens a file under a temporary name; it gets its own name once it is complete and on the disk.

    A symbolic link is followed, and a device or a pipe such as ``/dev/stdout`` is written to as it is.

    Args:
        path: the file; folders above it are made.
        flag: that named it, for messages.

    Raises:
        UserError: the folder or the file cannot be written, whether at once or while the block writes.
    """
    name = f"{flag} {path}".strip()
    target = Path(os.path.realpath(path))
    with new_folders(target.parent, name):
        with write_errors(name):
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            in_place = target.exists() and not target.is_file()
            temporary = target if in_place else temporary_name(target)
            raw = _Raw(temporary, "w" if in_place else "x", name)
        try:
            with io.BufferedWriter(raw) as file:
                yield file
                file.flush()
                if not in_place:
                    with write_errors(name):
                        os.fsync(raw.fileno())
            if not in_place:
                with write_errors(name):
                    if target.exists():
                        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
                    os.replace(temporary, target)
        finally:
            if not in_place:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)


@contextmanager
def open_atomically(path: str | Path, flag: str = "") -> Iterator[TextIO]:
    """As :func:`open_bytes_atomically`, for UTF-8 text."""
    with open_bytes_atomically(path, flag) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="\n", write_through=True)
        yield text
        text.detach()


def write_atomically(path: str | Path, text: str, flag: str = "") -> None:
    """Writes a text file so that a reader sees the old text or the new one, never half.

    Raises:
        UserError: the folder or the file cannot be written.
    """
    with open_atomically(path, flag) as file:
        file.write(text)


class Writable(Protocol):
    """What takes text."""

    def writelines(self, lines: Iterable[str], /) -> None: ...


class OutputIfPossible:
    """A text file, written as by :func:`open_atomically`, beside something that matters more: a failure is kept.

    Attributes:
        error: the first failure; nothing is written after it.

    Args:
        path: the file; ``None`` to write nowhere.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.error: UserError | None = None
        self._opened = open_atomically(path) if path else None
        self._file: TextIO | None = None

    def __enter__(self) -> OutputIfPossible:
        self._file = self._attempt(self._opened.__enter__) if self._opened else None
        return self

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes them, unless something has failed."""
        if self._file is not None and self.error is None:
            self._attempt(self._file.writelines, lines)

    def __exit__(self, *raised: Any) -> None:
        if self._opened is None or self._file is None:
            return
        if self.error is None:
            self._attempt(self._opened.__exit__, *raised)
            return
        with suppress(UserError):  # the failure that is known already
            self._opened.__exit__(type(self.error), self.error, None)

    def _attempt(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except UserError as error:
            self.error = error
            return None


@contextmanager
def staged_folder(target: Path, flag: str = "--output") -> Iterator[Path]:
    """Gives a hidden folder beside ``target``, which gets its name once the block is done; else nothing is left.

    What the block writes belongs into :func:`write_errors`.

    Args:
        target: must not exist; folders above it are made.
        flag: that named it, for messages.

    Raises:
        UserError: it exists, or cannot be made.
    """
    name = f"{flag} {target}"
    if target.exists() or target.is_symlink():
        raise UserError(f"{name}: it exists already, and is never overwritten. Choose another, or remove it.")
    with new_folders(target.parent, name):
        staging = temporary_name(target)
        try:
            with write_errors(name):
                staging.mkdir()
            yield staging
            with write_errors(name):
                staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def new_folders(folder: Path, name: str) -> Iterator[None]:
    """Makes a folder and those above it; those that are empty when the block fails are removed.

    Raises:
        UserError: it cannot be made.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    with write_errors(name):
        if not next(each for each in (folder, *folder.parents) if each.exists()).is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for each in made:
                each.rmdir()
        raise


def temporary_name(path: Path) -> Path:
    """A hidden name beside ``path`` that nobody else has."""
    return path.with_name(f".{path.name[:40]}.{uuid.uuid4().hex[:12]}.tmp")


def refuse_input_as_output(output: str | Path, inputs: Iterable[str | Path], flag: str = "--output") -> None:
    """Raises UserError if a file that is to be written is one of those that are read, by whatever name.

    Args:
        output: the file to write.
        inputs: files that are read, see :func:`bert_tf.data.input_files.input_files`.
        flag: that named the output.
    """
    if not os.path.exists(output):
        return
    for each in inputs:
        if os.path.exists(each) and os.path.samefile(output, each):
            raise UserError(f"{flag} {output}: this is also an input ({each}). Write to another file.")


class _Raw(io.FileIO):
    """A file whose failures to write name what the user asked for; buffers and text lie over it."""

    def __init__(self, path: Path, mode: str, name: str) -> None:
        super().__init__(path, mode)
        self._target = name

    def write(self, data: Any) -> int:
        with write_errors(self._target):
            return super().write(data) or 0


def _reason(error: Exception) -> str:
    """Such as "No space left on device", which HDF5, TensorFlow, safetensors and shutil have amid other things."""
    text = str(error)
    if number := re.search(r"(?:errno = |os error |\[Errno )(\d+)", text):
        return os.strerror(int(number[1]))
    if reason := getattr(error, "strerror", None):
        return str(reason)
    known = map(os.strerror, sorted(errno.errorcode))
    return next((reason for reason in known if f"; {reason}" in text), None) or first_line(error)


def _is_of_writing(error: Exception) -> bool:
    if isinstance(error, OSError):
        return not isinstance(error, BrokenPipeError)  # the reader of a pipe has gone: there is nobody to tell
    if isinstance(error, RuntimeError) and "errno" in str(error):
        return True  # of h5py, such as "Can't decrement id ref count (unable to extend file properly, errno = 28 …)"
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and isinstance(error, tensorflow.errors.OpError):
        return True
    return type(error).__name__ == "SafetensorError"
