"""The metrics of regression, as GLUE reports STS-B's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import stats


def regression_metrics(targets: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """Scores predicted numbers against the true ones.

    Args:
        targets: ``(examples,)`` float.
        scores: ``(examples,)`` float.

    Returns:
        ``pearson`` and ``spearman`` correlation (0 where one side is constant), their mean ``pearson_spearman``,
        ``mse``, ``mae``, ``examples``.
    """
    targets, scores = np.asarray(targets, float), np.asarray(scores, float)
    pearson = _correlation(stats.pearsonr, targets, scores)
    spearman = _correlation(stats.spearmanr, targets, scores)
    return {
        "pearson": pearson,
        "spearman": spearman,
        "pearson_spearman": (pearson + spearman) / 2,
        "mse": float(np.mean((targets - scores) ** 2)),
        "mae": float(np.mean(np.abs(targets - scores))),
        "examples": len(targets),
    }


def _correlation(correlate: Any, targets: np.ndarray, scores: np.ndarray) -> float:
    if len(targets) < 2:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a constant has no correlation is no surprise in a first epoch
        value = float(correlate(targets, scores).statistic)
    return value if np.isfinite(value) else 0.0
