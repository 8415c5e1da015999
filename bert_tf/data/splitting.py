"""Cuts one set of records into train, validation and test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bert_tf.data.cleaning import text_hash
from bert_tf.data.records import Records, Row
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

    The parts are stratified: each label is shared out by the fractions. Rows with equal texts go to one part
    together, so that no text of the training part stands in another. Inside a part rows keep their order. Memory:
    about 20 bytes per row.

    Args:
        records: what to split.
        fractions: share of each part, adding up to 1.
        seed: decides which rows go where.
        text_columns: columns whose equal texts keep rows together.
        label_column: column to stratify by.

    Raises:
        UserError: a part would be empty.
    """
    hashes: list[int] = []
    strata: list[int] = []
    label_numbers: dict[str, int] = {}
    for row in records:
        hashes.append(text_hash(row.values, text_columns))
        label = str(row.values.get(label_column)) if label_column else ""
        strata.append(label_numbers.setdefault(label, len(label_numbers)))
    assignment = _assign(np.array(hashes, np.uint64), np.array(strata, np.int32), np.array(fractions), seed)
    counts = np.bincount(assignment, minlength=len(fractions)) if hashes else np.zeros(len(fractions), int)
    if 0 in counts:
        raise UserError(
            f"{records.name}: {len(hashes)} rows are too few for --data.split {' '.join(map(str, fractions))}: "
            f"the {PART_NAMES[int(np.argmin(counts))]} part would be empty."
        )

    def part(number: int) -> Records:
        def rows() -> Iterator[Row]:
            return (row for row, place in zip(records, assignment, strict=True) if place == number)

        return Records(f"{records.name} ({PART_NAMES[number]} part)", rows)

    return [part(number) for number in range(len(fractions))]


def _assign(hashes: np.ndarray, strata: np.ndarray, fractions: np.ndarray, seed: int) -> np.ndarray:
    """The part of each row: groups of equal texts, in random order, go to the part that lacks most rows."""
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    sizes = np.bincount(group, minlength=len(first))
    stratum_of_group = strata[first]
    part_of_group = np.zeros(len(first), np.int8)
    # PCG64's integer stream is the same on every platform; the groups come in the order of their hashes.
    generator = np.random.Generator(np.random.PCG64(seed))
    for stratum in range(int(strata.max(initial=-1)) + 1):
        groups = np.flatnonzero(stratum_of_group == stratum)
        generator.shuffle(groups)
        # Large groups first: the small ones then fill the parts up to their exact share.
        groups = groups[np.argsort(-sizes[groups], kind="stable")]
        many = sizes[groups] > 1
        wanted = fractions * sizes[groups].sum()
        for index in groups[many]:
            part = int(np.argmax(wanted))
            part_of_group[index] = part
            wanted[part] -= sizes[index]
        singles = groups[~many]
        part_of_group[singles] = np.repeat(np.arange(len(fractions)), _round_to_sum(wanted, len(singles)))
    return part_of_group[group]


def _round_to_sum(wanted: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers near ``wanted`` that add up to ``total``: largest remainders are rounded up."""
    wanted = np.maximum(wanted, 0)
    wanted = wanted * (total / wanted.sum()) if wanted.sum() else wanted
    counts = np.floor(wanted).astype(int)
    for index in np.argsort(-(wanted - counts), kind="stable")[: total - counts.sum()]:
        counts[index] += 1
    return counts
