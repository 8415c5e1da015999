"""Version folders on disk: which there are, and whether one has changed."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

logger = logging.getLogger("bert_tf")

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_LARGEST = 2**63 - 1


def version_of_name(name: str) -> int | None:
    """The version that a folder's name stands for: ASCII digits up to 2^63 - 1, leading zeros allowed."""
    if not _DIGITS.fullmatch(name) or len(name.lstrip("0")) > 19:
        return None
    number = int(name)
    return number if number <= _LARGEST else None


def find_versions(base_path: Path) -> dict[int, Path]:
    """The version folders that hold a SavedModel, by number, in ascending order.

    Of two names of one number (``007`` and ``7``) the last in code-point order counts, as with TF Serving. A folder
    that cannot be read is among them: loading it says why.

    Raises:
        OSError: the base path cannot be read.
    """
    found: dict[int, Path] = {}
    for name in sorted(os.listdir(base_path)):
        number = version_of_name(name)
        if number is None or not _may_hold_model(base_path / name):
            continue
        if number in found:
            logger.debug("%s: %s is ignored, version %d is %s", base_path, found[number].name, number, name)
        found[number] = base_path / name
    return dict(sorted(found.items()))


def _may_hold_model(folder: Path) -> bool:
    try:
        return (folder / "saved_model.pb").is_file()
    except OSError:
        return True


def fingerprint(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Names, sizes and times of a version's files: another one when something was changed."""
    found = []
    for directory, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(directory, name)
            try:
                status = os.stat(path)
            except OSError:
                continue
            found.append((path, status.st_size, status.st_mtime_ns))
    return frozenset(found)
