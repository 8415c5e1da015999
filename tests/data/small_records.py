"""Records made in memory, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bert_tf.data.records import Records, Row


def made_records(rows: Iterable[Mapping[str, Any]], file: str = "x.tsv") -> Records:
    """Records as a file with a header would give them: the first row is line 2."""
    made = [Row(file, number, dict(values)) for number, values in enumerate(rows, start=2)]
    return Records(file, lambda: iter(made))


def labelled(*rows: tuple[Any, Any]) -> Records:
    """Records of ``(text, label)``."""
    return made_records({"text": text, "label": label} for text, label in rows)


def write(path: Path, content: str | bytes) -> Path:
    """Writes a file as it stands and returns its path."""
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path
