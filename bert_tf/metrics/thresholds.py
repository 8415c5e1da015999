"""Thresholds chosen on validation data."""

from __future__ import annotations

import numpy as np


def best_f1_threshold(targets: np.ndarray, probabilities: np.ndarray, default: float = 0.5) -> float:
    """The threshold from which on answering "yes" gives the highest F1.

    It lies halfway between two probabilities that occur: at one of them, the last bit of a sum would decide.

    Args:
        targets: ``(examples,)`` bool.
        probabilities: ``(examples,)`` float in [0, 1].
        default: returned where no target is true; of equally good thresholds the one nearest to it is taken.
    """
    positives = int(np.sum(targets))
    if not positives:
        return default
    order = np.argsort(-probabilities, kind="stable")
    scores = probabilities[order].astype(float)
    hits = np.cumsum(targets[order])
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + positives)
    following = np.append(scores[1:], 0.0)
    f1[scores == following] = -1.0  # equal probabilities cannot be parted
    thresholds = (scores + following) / 2
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(thresholds[best[np.argmin(np.abs(thresholds[best] - default))]])
