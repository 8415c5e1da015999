"""Cleaning: what is removed from training data before anything else sees it, and the report of it."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from bert_tf.config import CleaningConfig
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError

# A tag begins with a letter, a slash or an exclamation mark: "a < b" and "<3" are no tags.
_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]*>|<![a-zA-Z][^<>]*>", re.DOTALL)
_WHITESPACE = re.compile(r"\s+")
# Joiners hold emoji sequences together and shape Persian and Indic words: they are text.
_KEPT_FORMATS = "\u200c\u200d"
_CONTROL = re.compile(
    "["
    + "".join(
        re.escape(character)
        for character in map(chr, [*range(0x20), *range(0x7F, 0xA0)])
        if character not in "\t\n\r\x0b\x0c\x85\x1c\x1d\x1e\x1f"
    )
    + "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    + "\ud800-\udfff"
    + "]"
)


@dataclass
class CleaningReport:
    """What cleaning did to one set of records.

    Attributes:
        rows_in: rows read.
        rows_out: rows left.
        empty: rows dropped because a text was empty after cleaning.
        duplicates: rows dropped because the same texts stood before with the same label.
        conflicting_labels: rows dropped because the same texts stand under different labels.
        changed: rows of which a text was changed.
    """

    rows_in: int = 0
    rows_out: int = 0
    empty: int = 0
    duplicates: int = 0
    conflicting_labels: int = 0
    changed: int = 0

    def __str__(self) -> str:
        removed = [
            f"{count:,} {name}"
            for name, count in (
                ("empty", self.empty),
                ("duplicates", self.duplicates),
                ("with conflicting labels", self.conflicting_labels),
            )
            if count
        ]
        text = f"{self.rows_in:,} rows read, {self.rows_out:,} kept"
        if removed:
            text += f" (dropped: {', '.join(removed)})"
        return text + (f", {self.changed:,} texts cleaned" if self.changed else "")

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


def clean_text(text: str, config: CleaningConfig) -> str:
    """Cleans one text; cleaning it again changes nothing, except that decoded HTML may hold HTML again."""
    if config.html:
        text = html.unescape(_TAG.sub(" ", text))
    if config.control_characters:
        text = _CONTROL.sub("", text)
    if config.unicode != "none":
        text = unicodedata.normalize(config.unicode, text)
    if config.whitespace:
        text = _WHITESPACE.sub(" ", text).strip()
    return text


def clean(
    records: Records, config: CleaningConfig, *, text_columns: Sequence[str], label_column: str | None
) -> tuple[Records, CleaningReport]:
    """Cleans the texts and drops the rows that the config says.

    One pass decides what stays (memory: about 30 bytes per row, the texts are not kept); every later iteration
    reads, cleans and yields.

    Args:
        records: what to clean.
        config: the options.
        text_columns: columns that hold text; those that a row lacks are passed over.
        label_column: decides what is a duplicate and what a conflict.

    Returns:
        The cleaned records and the report.

    Raises:
        UserError: a text is not a string or a number, or is empty and ``config.empty`` is ``error``.
    """
    report = CleaningReport()
    texts: list[int] = []
    labels: list[int] = []
    kept = bytearray()
    for row, values in _cleaned(records, config, text_columns):
        report.rows_in += 1
        report.changed += any(values[name] != row.values[name] for name in text_columns if name in values)
        empty = [name for name in text_columns if name in values and not values[name].strip()]
        if empty and config.empty == "error":
            raise UserError(
                f"{row.where()}: the column {empty[0]!r} is empty. Fill it in or pass --data.cleaning.empty drop."
            )
        report.empty += bool(empty)
        kept.append(not empty)
        if config.duplicates == "drop" or config.conflicting_labels == "drop":
            texts.append(text_hash(values, text_columns))
            labels.append(_hash(str(values.get(label_column))) if label_column else 0)
    keep = np.frombuffer(kept, np.uint8).astype(bool)
    if texts:
        _drop_repeated(np.array(texts, np.uint64), np.array(labels, np.uint64), keep, config, report)
    report.rows_out = int(keep.sum())

    def rows() -> Iterator[Row]:
        for (row, values), stays in zip(_cleaned(records, config, text_columns), keep, strict=True):
            if stays:
                yield Row(row.file, row.line, values)

    return Records(records.name, rows), report


def text_hash(values: dict[str, Any], text_columns: Sequence[str]) -> int:
    """64 bits that stand for the texts of a row; equal on every machine."""
    return _hash("\x1f".join(str(values[name]) for name in text_columns if name in values))


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _drop_repeated(
    texts: np.ndarray, labels: np.ndarray, keep: np.ndarray, config: CleaningConfig, report: CleaningReport
) -> None:
    """Clears ``keep`` for conflicting rows, then for all but the first of equal ones."""
    if config.conflicting_labels == "drop":
        _, group = np.unique(texts, return_inverse=True)
        pairs = np.unique(np.stack([group[keep].astype(np.uint64), labels[keep]], axis=1), axis=0)
        labels_of_group = np.bincount(pairs[:, 0].astype(np.int64), minlength=len(texts))
        conflict = keep & (labels_of_group[group] > 1)
        report.conflicting_labels = int(conflict.sum())
        keep &= ~conflict
    if config.duplicates == "drop":
        rows = np.flatnonzero(keep)
        pairs = np.stack([texts[rows], labels[rows]], axis=1)
        _, first = np.unique(pairs, axis=0, return_index=True)
        report.duplicates = len(rows) - len(first)
        keep[:] = False
        keep[rows[first]] = True


def _cleaned(
    records: Records, config: CleaningConfig, text_columns: Sequence[str]
) -> Iterator[tuple[Row, dict[str, Any]]]:
    for row in records:
        values = dict(row.values)
        for name in text_columns:
            if name in values:
                values[name] = clean_text(_as_text(row, name), config)
        yield row, values


def _as_text(row: Row, name: str) -> str:
    value = row.values[name]
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    raise UserError(f"{row.where()}: the column {name!r} holds {type(value).__name__}, not a text.")
