"""The metrics of ordered labels: how far off, beside how often right."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from bert_tf.metrics.classification_metrics import classification_metrics


def ordinal_metrics(
    targets: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray, labels: Sequence[str]
) -> dict[str, Any]:
    """Scores answered ranks against the true ones.

    Args:
        targets: true ranks, ``(examples,)`` int from 0.
        probabilities: of each label, ``(examples, labels)`` float.
        predicted: answered ranks, ``(examples,)`` int.
        labels: label names by rank.

    Returns:
        ``mae`` in ranks; ``quadratic_kappa``, quadratic weighted kappa (Cohen 1968; 0 where truth or answer is
        constant); ``accuracy``; ``off_by_one_accuracy``, the share that is at most one rank off; then those of
        :func:`~bert_tf.metrics.classification_metrics.classification_metrics`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the constant case, which is answered below
        kappa = metrics.cohen_kappa_score(targets, predicted, labels=np.arange(len(labels)), weights="quadratic")
    distance = np.abs(targets - predicted)
    found = classification_metrics(targets, probabilities, labels, predicted)
    return {
        "mae": float(distance.mean()),
        "quadratic_kappa": float(kappa) if np.isfinite(kappa) else 0.0,
        "accuracy": found["accuracy"],
        "off_by_one_accuracy": float(np.mean(distance <= 1)),
        **found,
    }
