"""What a saved model must consist of: the sizes and SHA-256 sums of its files, beside them in ``checksums.json``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from bert_tf.atomic_file import write_atomically
from bert_tf.errors import UserError

CHECKSUMS_FILE = "checksums.json"
_FORMAT = 1


def write_checksums(folder: str | Path) -> None:
    """Notes every file below a folder, once all of them are written.

    Raises:
        UserError: it cannot be written.
    """
    folder = Path(folder)
    files = {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != CHECKSUMS_FILE
    }
    write_atomically(folder / CHECKSUMS_FILE, json.dumps({"format": _FORMAT, "files": files}, indent=2) + "\n")


def check_files(folder: str | Path) -> bool:
    """Compares a model's files with its checksums; files that it has beside them do not matter.

    Returns:
        Whether there are checksums; models that were saved without them are checked by who loads them.

    Raises:
        UserError: a file is missing, was cut off or is another.
    """
    folder = Path(folder)
    path = folder / CHECKSUMS_FILE
    if not path.exists():
        return False
    try:
        known: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["files"]
        expected = {name: (file["size"], file["sha256"]) for name, file in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: it cannot be read, so that nobody knows whether the model is whole.") from None
    for name, (size, _) in expected.items():  # before the sums, because it takes no time
        file = folder / name
        if not file.is_file():
            raise UserError(f"{file} is missing: the model is incomplete. {_ADVICE}")
        if file.stat().st_size != size:
            raise UserError(f"{file} has {file.stat().st_size:,} bytes, was saved with {size:,}. {_ADVICE}")
    for name, (_, checksum) in expected.items():
        if sha256_of(folder / name) != checksum:
            raise UserError(f"{folder / name} is not the file that was saved with this model. {_ADVICE}")
    return True


_ADVICE = "Copy the whole model again, or train it again."


def sha256_of(path: str | Path) -> str:
    """The SHA-256 sum of a file, in hexadecimal digits.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
