"""The metrics of multi-label classification, by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from bert_tf.metrics.classification_metrics import per_label


def multi_label_metrics(
    targets: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray, labels: Sequence[str]
) -> dict[str, Any]:
    """Scores answered sets of labels against the true ones.

    Args:
        targets: the true sets, ``(examples, labels)`` bool.
        probabilities: of each label, ``(examples, labels)`` float.
        predicted: the answered sets, ``(examples, labels)`` bool.
        labels: label names by column.

    Returns:
        ``micro_f1``, ``micro_precision``, ``micro_recall``; ``macro_f1``, the mean over all labels; ``map``, the mean
        average precision over the labels that occur, which no threshold touches; ``subset_accuracy``, the share of
        examples with exactly the true set; ``hamming_loss``, the share of wrong decisions; ``loss`` (mean binary
        cross-entropy in nats); ``examples``; ``per_label`` (name to precision, recall, F1, support).
    """
    micro = metrics.precision_recall_fscore_support(targets, predicted, average="micro", zero_division=0)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        targets, predicted, average=None, zero_division=0
    )
    occurring = np.flatnonzero(targets.any(axis=0))
    truth = np.where(targets, probabilities, 1 - probabilities)
    average_precision = [metrics.average_precision_score(targets[:, i], probabilities[:, i]) for i in occurring]
    return {
        "micro_f1": float(micro[2]),
        "micro_precision": float(micro[0]),
        "micro_recall": float(micro[1]),
        "macro_f1": float(f1.mean()),
        "map": float(np.mean(average_precision)) if average_precision else 0.0,
        "subset_accuracy": float(np.mean((targets == predicted).all(axis=1))),
        "hamming_loss": float(np.mean(targets != predicted)),
        "loss": float(-np.log(np.maximum(truth, 1e-7)).mean()),
        "examples": len(targets),
        "per_label": per_label(labels, precision, recall, f1, support),
    }
