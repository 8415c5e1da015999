"""Cuts one set of records into train, validation and test."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import numpy as np

from bert_tf.data.cleaning import hash_of, text_hash
from bert_tf.data.records import Records
from bert_tf.errors import UserError

PART_NAMES = ("train", "validation", "test")


def split(
    records: Records,
    fractions: Sequence[float],
    *,
    seed: int,
    text_columns: Sequence[str],
    label_column: str | None,
) -> list[Records]:
    """Cuts ``records`` into parts; equal seeds cut equally on every machine.

    The parts are stratified: each label's rows are shared out by the fractions, rounded by largest remainder. Labels
    with too few rows to give every part one are shared out together. Rows with equal texts go to one part, so that
    no text of one part stands in another. Inside a part rows keep their order.

    One pass; memory while cutting: about 60 bytes per row, afterwards one byte per row and part.

    Args:
        records: what to split.
        fractions: share of each part, two or three, adding up to 1.
        seed: decides which rows go where.
        text_columns: columns whose equal texts keep rows together.
        label_column: column to stratify by.

    Raises:
        UserError: a part would be empty, or the fractions are none.
    """
    given = " ".join(map(str, fractions))
    if len(fractions) not in (2, 3) or min(fractions) <= 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        raise UserError(f"--data.split {given}: give two or three fractions that add up to 1, such as 0.8 0.1 0.1.")
    texts, labels = array("Q"), array("Q")
    for row in records:
        # A hash that depends on the seed is a random number too: ordered by it, texts are shuffled.
        texts.append(text_hash(row.values, text_columns, seed))
        labels.append(hash_of(str(row.values.get(label_column))) if label_column else 0)
    parts = _assign(np.frombuffer(texts, np.uint64), np.frombuffer(labels, np.uint64), np.array(fractions))
    counts = np.bincount(parts, minlength=len(fractions))
    if 0 in counts:
        different = len(set(texts))
        equal = f" ({different} different texts; equal ones stay together)" if different < len(texts) else ""
        raise UserError(
            f"{records.name}: {len(texts)} rows{equal} are too few for --data.split {given}: the "
            f"{PART_NAMES[int(np.argmin(counts))]} part would be empty."
        )
    return [
        records.select(parts == number, f"{records.name} ({name} part)")
        for number, name in zip(range(len(fractions)), PART_NAMES, strict=False)
    ]


def _assign(texts: np.ndarray, labels: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """The part of each row, (rows,) int8.

    Args:
        texts: (rows,) uint64, random numbers that are equal for equal texts.
        labels: (rows,) uint64, equal for equal labels.
        fractions: (parts,) float64.
    """
    if not len(texts):
        return np.zeros(0, np.int8)
    # A group is the rows of one text; its label is that of its first row.
    order = np.argsort(texts, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], texts[order[1:]] != texts[order[:-1]]]))
    sizes = np.diff(starts, append=len(texts))
    stratum = np.unique(labels[order[starts]], return_inverse=True)[1]
    rows_of_stratum = np.bincount(stratum, weights=sizes)
    stratum[(rows_of_stratum < _fewest_rows(fractions))[stratum]] = len(rows_of_stratum)

    part_of_group = np.zeros(len(starts), np.int8)
    owed = np.zeros(len(fractions))  # what the parts lack over all strata so far: breaks ties of the rounding
    by_stratum = np.argsort(stratum, kind="stable")
    for groups in np.split(by_stratum, np.flatnonzero(np.diff(stratum[by_stratum])) + 1):
        share = fractions * sizes[groups].sum()
        wanted = share.copy()
        # Large groups first: single rows then fill the parts up to their exact share.
        large = groups[sizes[groups] > 1]
        for group in large[np.argsort(-sizes[large], kind="stable")]:
            part = int(np.argmax(wanted))
            part_of_group[group] = part
            wanted[part] -= sizes[group]
        single = groups[sizes[groups] == 1]
        counts = _round(wanted, len(single), owed)
        part_of_group[single] = np.repeat(np.arange(len(fractions)), counts)
        owed += wanted - counts

    parts = np.empty(len(texts), np.int8)
    parts[order] = np.repeat(part_of_group, sizes)
    return parts


def _fewest_rows(fractions: np.ndarray) -> int:
    """The fewest rows of which every part gets one."""
    rows = len(fractions)
    while not _round(fractions * rows, rows, np.zeros(len(fractions))).all():
        rows += 1
    return rows


def _round(wanted: np.ndarray, total: int, owed: np.ndarray) -> np.ndarray:
    """Whole numbers near ``wanted`` that add up to ``total``: the largest remainders are rounded up (Hamilton).

    Args:
        wanted: (parts,) float64; negative for a part that already has too much.
        total: what the result adds up to.
        owed: (parts,) float64, breaks ties: the part that lacks most comes first.
    """
    wanted = np.maximum(wanted, 0)
    wanted = wanted * (total / wanted.sum()) if wanted.sum() else wanted
    counts = np.floor(wanted + 1e-9).astype(int)
    remainders = np.round(wanted - counts, 9)
    first = np.lexsort((-np.round(owed, 9), -remainders))[: total - counts.sum()]
    counts[first] += 1
    return counts
