"""What a model got wrong, the most confident mistake first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bert_tf.data.records import Row
from bert_tf.tasks.answer_values import record_of


@dataclass(frozen=True)
class Mistake:
    """One wrong answer.

    Attributes:
        expected: what the data says, as JSON.
        found: what the model says, in the same form.
        confidence: how sure the model was, or how far it was off: the largest is the worst.
    """

    expected: Any
    found: Any
    confidence: float


def mistake_lines(rows: Sequence[Row], mistakes: Sequence[Mistake | None]) -> list[dict[str, Any]]:
    """One object a mistake, the worst first: where the record stands, the record, expected, found, confidence."""
    wrong = [(mistake, row) for row, mistake in zip(rows, mistakes, strict=True) if mistake is not None]
    wrong.sort(key=lambda pair: -pair[0].confidence)
    return [
        {
            "where": row.where(),
            "expected": mistake.expected,
            "found": mistake.found,
            "confidence": float(str(np.float32(mistake.confidence))),
            "record": record_of(row),
        }
        for mistake, row in wrong
    ]


def different(expected: Any, found: Any, confidence: float) -> Mistake | None:
    """A mistake, if the two differ."""
    return None if expected == found else Mistake(expected, found, confidence)


def different_items(expected: Sequence[Any], found: Mapping[Any, float]) -> Mistake | None:
    """A mistake of an answer of several items, such as labels or entities: those that are missing or too many.

    Args:
        expected: the right items, each hashable.
        found: the items of the answer with their scores; the score of the surest wrong one is the confidence.
    """
    missing = [item for item in expected if item not in found]
    surplus = [item for item in found if item not in set(expected)]
    if not missing and not surplus:
        return None
    return Mistake({"missing": missing}, {"surplus": surplus}, max((found[item] for item in surplus), default=0.0))
