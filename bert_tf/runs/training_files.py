"""What a run was trained on: the sizes and sums of its data files, which a resumed run must find again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bert_tf.atomic_file import write_atomically
from bert_tf.backbones.model_files import sha256_of
from bert_tf.data.files import suffix
from bert_tf.data.input_files import input_files
from bert_tf.errors import UserError

_READ_WHOLE = 1 << 30
"""Size in bytes up to which a file is read whole; of a larger one, a thousand pieces."""

_PIECE = 1 << 20


def describe_files(specs: Iterable[str]) -> list[dict[str, Any]]:
    """One entry for each file in the order in which it is read, or for each spec that has no local files.

    Raises:
        UserError: a file cannot be read.
    """
    return [entry for spec in specs for entry in _entries(spec)]


def write_description(path: Path, specs: Iterable[str]) -> None:
    """Keeps what :func:`describe_files` finds.

    Raises:
        UserError: a file cannot be read, or the description cannot be written.
    """
    write_atomically(path, json.dumps(describe_files(specs), indent=2, ensure_ascii=False) + "\n")


def check_unchanged(path: Path, specs: Iterable[str]) -> None:
    """Compares the data with a description; files may have moved, but their contents and their order must be the same.

    Args:
        path: from :func:`write_description`; runs of earlier versions have none.
        specs: what is read now.

    Raises:
        UserError: a file has changed, is missing or is new.
    """
    if not path.exists():
        return
    try:
        known: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        before = [_content(entry) for entry in known]
    except (OSError, ValueError, TypeError, AttributeError):
        raise UserError(f"{path}: it cannot be read. Remove it to resume without comparing the data.") from None
    found = describe_files(specs)
    now = [_content(entry) for entry in found]
    if now == before:
        return
    names_before, names_now = ([_name(entry) for entry in entries] for entries in (known, found))
    changed = [
        name
        for name, content in zip(names_now, now, strict=True)
        if name in names_before and content != before[names_before.index(name)]
    ]
    missing, new = (
        [name for name in these if name not in others]
        for these, others in ((names_before, names_now), (names_now, names_before))
    )
    parts = {"has changed": changed, "is missing": missing, "is new": new}
    what = "; ".join(f"{', '.join(names)} {verb}" for verb, names in parts.items() if names)
    raise UserError(
        f"--resume: the data is not what the run began with: {what or 'the order of the files'}. Put it back as it "
        "was, or start a new run with another --output."
    )


def _entries(spec: str) -> Iterator[dict[str, Any]]:
    if os.path.isdir(spec):  # a corpus that was prepared
        files = sorted(str(path) for path in Path(spec).rglob("*") if path.is_file())
    else:
        files = input_files([spec])
    if not files:
        yield {"spec": spec}
    for file in files:
        yield {"file": file, "size": os.path.getsize(file), "sha256": _sum_of(file)}


def _name(entry: dict[str, Any]) -> str:
    return entry.get("file") or entry["spec"]


def _content(entry: dict[str, Any]) -> tuple[Any, ...]:
    """What decides the records: a moved file has the same, with another ending it would be read otherwise."""
    if "spec" in entry:
        return (entry["spec"],)
    return suffix(entry["file"]), entry["size"], entry["sha256"]


def _sum_of(path: str) -> str:
    size = os.path.getsize(path)
    if size <= _READ_WHOLE:
        return sha256_of(path)
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for number in range(1000):
            file.seek((size - _PIECE) * number // 999)
            digest.update(file.read(_PIECE))
    return digest.hexdigest()
