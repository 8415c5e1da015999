"""The Brier score of yes and no: mean squared difference of probability and truth (Brier 1950)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NAMES = ("brier",)
LOWER_IS_BETTER = ("brier",)


def compute(targets: Sequence[Any], answers: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Scores answers with a probability.

    Args:
        targets: 1 for yes, 0 for no.
        answers: with the probability of yes as ``score``.
    """
    squares = [(answer["score"] - target) ** 2 for target, answer in zip(targets, answers, strict=True)]
    return {"brier": sum(squares) / len(squares)}
