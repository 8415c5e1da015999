"""Cleaning: what is removed from training data before anything else sees it, and the report of it."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np

from bert_tf.config import CleaningConfig, TextCleaningConfig
from bert_tf.data.records import Records, Row, text_of
from bert_tf.errors import UserError
from bert_tf.tokenization.markup import without_html
from bert_tf.tokenization.unseen_characters import (
    ARROWS,
    CONTROL_SPACES,
    EMOJI,
    END_OF_TAGS,
    FLAG,
    INVISIBLE,
    JOINING,
    TAGS,
)

_INVISIBLE = re.compile(
    f"({FLAG}[{TAGS}]+{END_OF_TAGS})|[{INVISIBLE}]"
    # ZWNJ and ZWJ where nothing is joined; an emoji sequence joins with ZWJ on both sides.
    f"|(?<![{JOINING}])\u200c"
    f"|(?<![{JOINING}])(?:(?<![{EMOJI}])\u200d|\u200d(?![{ARROWS}{EMOJI}]))"
)
_CONTROL_SPACES = re.compile(f"[{CONTROL_SPACES}]")


@dataclass
class CleaningReport:
    """What cleaning did to one set of records.

    Attributes:
        rows_in: rows read.
        rows_out: rows left.
        empty: rows dropped because a text was empty after cleaning.
        duplicates: rows dropped because the same texts stood before with the same label.
        conflicting_labels: rows dropped because the same texts stand under different labels.
        texts_changed: texts that any step changed.
        changed_by: texts changed by each step that is on: html, control_characters, unicode, whitespace.
    """

    rows_in: int = 0
    rows_out: int = 0
    empty: int = 0
    duplicates: int = 0
    conflicting_labels: int = 0
    texts_changed: int = 0
    changed_by: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        dropped = {
            "empty": self.empty,
            "duplicates": self.duplicates,
            "with conflicting labels": self.conflicting_labels,
        }
        text = f"{self.rows_in:,} rows read, {self.rows_out:,} kept"
        if any(dropped.values()):
            text += f" (dropped: {_counts(dropped)})"
        if self.texts_changed:
            steps = {name.replace("_", " "): count for name, count in self.changed_by.items()}
            text += f"; {self.texts_changed:,} texts changed (by {_counts(steps)})"
        return text

    def as_dict(self) -> dict[str, Any]:
        """The counts by name."""
        return asdict(self)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def clean_text(text: str, config: TextCleaningConfig, changed_by: set[str] | None = None) -> str:
    """Cleans one text; cleaning it again changes nothing.

    Joiners (ZWJ, ZWNJ) stay where they are spelling: in Arabic, Indic and related scripts and in emoji sequences.

    Args:
        text: what to clean.
        config: the options.
        changed_by: gets the names of the steps that changed the text.
    """
    return _run(text, _steps(config), changed_by)


Step = Callable[[str], str]


def _steps(config: TextCleaningConfig) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    if config.html:
        steps["html"] = without_html
    if config.control_characters:
        steps["control_characters"] = _without_invisible
    if config.unicode != "none":
        steps["unicode"] = partial(unicodedata.normalize, config.unicode)
    if config.whitespace:
        steps["whitespace"] = lambda text: " ".join(text.split())
    return steps


def _run(text: str, steps: Mapping[str, Step], changed_by: set[str] | None = None) -> str:
    """Runs the steps in their order; the names of those that change the text go into ``changed_by``."""
    while True:
        before = text
        for name, step in steps.items():
            after = step(text)
            if changed_by is not None and after != text:
                changed_by.add(name)
            text = after
        # A later step can complete a tag or an entity ("&l\u200bt;", full-width "＜b＞"): HTML is read again.
        if text == before or "html" not in steps:
            return text


def _without_invisible(text: str) -> str:
    if text.isprintable() and "\ufffd" not in text:  # which says at the speed of C that there is nothing to look for
        return text
    return _CONTROL_SPACES.sub(" ", _INVISIBLE.sub(r"\1", text))


def clean(
    records: Records, config: CleaningConfig, *, text_columns: Sequence[str], label_column: str | None
) -> tuple[Records, CleaningReport]:
    """Cleans the texts and drops the rows that the config says.

    One pass decides what stays (its memory is one byte per row, and 16 more where duplicates or conflicts are looked
    for: hashes, never the texts); every later iteration reads and cleans the rows that stay.

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
    steps = _steps(config)
    report = CleaningReport(changed_by=dict.fromkeys(steps, 0))
    hashing = "drop" in (config.duplicates, config.conflicting_labels)
    texts, labels, kept = array("Q"), array("Q"), bytearray()
    for row in records:
        values = _clean_values(row, steps, text_columns, report)
        empty = [name for name in text_columns if name in values and not values[name].strip()]
        if empty and config.empty == "error":
            raise UserError(
                f"{row.where()}: the column {empty[0]!r} is empty. Fill it in or pass --data.cleaning.empty drop."
            )
        report.empty += bool(empty)
        kept.append(not empty)
        if hashing:
            texts.append(text_hash(values, text_columns))
            labels.append(hash_of(str(values.get(label_column))) if label_column else 0)
    keep = np.frombuffer(kept, np.bool_).copy()
    report.rows_in = len(keep)
    if hashing:
        _drop_repeated(np.frombuffer(texts, np.uint64), np.frombuffer(labels, np.uint64), keep, config, report)
    report.rows_out = int(keep.sum())
    chosen = records if keep.all() else records.select(keep)
    return chosen.map(lambda row: row._replace(values=_clean_values(row, steps, text_columns))), report


def with_clean_texts(records: Records, config: TextCleaningConfig, text_columns: Sequence[str]) -> Records:
    """All the records, their texts cleaned."""
    steps = _steps(config)
    return records.map(lambda row: row._replace(values=_clean_values(row, steps, text_columns)))


def text_hash(values: Mapping[str, Any], text_columns: Sequence[str], seed: int = 0) -> int:
    """64 bits that stand for the texts of a row; equal on every machine, others for every seed."""
    texts = [values[name] for name in text_columns if name in values]
    # The lengths part the texts: no two rows with different texts are written alike.
    return hash_of("".join([f"{len(text)}:{text}" for text in texts]), seed)


def hash_of(text: str, seed: int = 0) -> int:
    """64 bits that stand for a string."""
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8, salt=seed.to_bytes(8, "little")).digest(), "little")


def _clean_values(
    row: Row, steps: Mapping[str, Step], text_columns: Sequence[str], report: CleaningReport | None = None
) -> dict[str, Any]:
    values = dict(row.values)
    for name in text_columns:
        if name not in values:
            continue
        text = text_of(row, name)
        if report is None:
            values[name] = _run(text, steps)
        else:
            changed_by: set[str] = set()
            values[name] = _run(text, steps, changed_by)
            report.texts_changed += bool(changed_by)
            for step in changed_by:
                report.changed_by[step] += 1
    return values


def _drop_repeated(
    texts: np.ndarray, labels: np.ndarray, keep: np.ndarray, config: CleaningConfig, report: CleaningReport
) -> None:
    """Clears ``keep`` for conflicting rows, then for all but the first of equal ones.

    Args:
        texts: (rows,) uint64 hashes.
        labels: (rows,) uint64 hashes.
        keep: (rows,) bool, changed in place.
        config: the options.
        report: gets the counts.
    """
    rows = np.flatnonzero(keep)
    # Equal texts stand together, in them equal labels, in those the first row of the file first.
    rows = rows[np.lexsort((labels[rows], texts[rows]))]
    same_text = texts[rows[1:]] == texts[rows[:-1]]
    same_label = labels[rows[1:]] == labels[rows[:-1]]
    if config.conflicting_labels == "drop":
        group = np.concatenate([[0], np.cumsum(~same_text)])[: len(rows)]
        conflicting = np.zeros(len(rows), bool)  # by group
        conflicting[group[1:][same_text & ~same_label]] = True
        dropped = rows[conflicting[group]]
        report.conflicting_labels = len(dropped)
        keep[dropped] = False
    if config.duplicates == "drop":
        repeated = rows[1:][same_text & same_label]
        repeated = repeated[keep[repeated]]
        report.duplicates = len(repeated)
        keep[repeated] = False
