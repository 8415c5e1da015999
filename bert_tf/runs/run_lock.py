"""One process writes a run at a time: a lock of the operating system, which ends with the process that holds it."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bert_tf.atomic_file import new_folders, write_errors
from bert_tf.errors import UserError

try:
    import fcntl
except ImportError:  # on Windows, where runs are not locked
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = "run.lock"

logger = logging.getLogger("bert_tf")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a run directory, which is made if need be, and removed if it is empty when the block fails.

    Raises:
        UserError: another process holds it, or the folder cannot be written.
    """
    name = f"--output {folder}"
    path = folder / LOCK_FILE
    with new_folders(folder, name):
        with write_errors(name):
            descriptor = _acquire(path, name)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _acquire(path: Path, name: str) -> int:
    """Opens and locks the file and notes who holds it; returns its descriptor."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise UserError(
                f"{name}: another process writes this run{_holder(path)}. Wait until it has ended, or stop it, and use "
                "--resume."
            ) from None
        except OSError as error:
            logger.warning("%s: this file system has no locks (%s): start no second process on it", name, error)
        # The process that held the lock removed the file at its end: then this is the lock of nothing.
        if _is_still(descriptor, path):
            break
        os.close(descriptor)
    holder = {"process": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps(holder).encode())
    return descriptor


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f" (process {holder['process']} on {holder['host']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
