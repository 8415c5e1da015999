"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def open_atomically(path: str | Path) -> Iterator[TextIO]:
    """Opens a UTF-8 text file under a temporary name; it gets its own name once it is complete.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, text: str) -> None:
    """Writes a text file so that a reader sees the old text or the new one, never half.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    with open_atomically(path) as file:
        file.write(text)
