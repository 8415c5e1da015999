"""The metrics of single-label classification, by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from bert_tf.data.binary_labels import positive_label


def classification_metrics(
    targets: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[str],
    predicted: np.ndarray | None = None,
    *,
    positive: str | None = None,
) -> dict[str, Any]:
    """Scores predicted probabilities against the true classes.

    Args:
        targets: true class indices, ``(examples,)`` int.
        probabilities: ``(examples, classes)`` float, rows add up to 1.
        labels: label names by class index.
        predicted: answered class indices, ``(examples,)`` int; default the most probable ones.
        positive: of two labels, the one that ``f1_positive`` is of; default the last.

    Returns:
        ``accuracy``, macro ``precision``, ``recall`` and ``f1``, of two labels ``f1_positive`` (F1 of one of them, as
        GLUE scores MRPC and QQP) and ``positive_label`` (its name), ``weighted_f1``, ``mcc``, ``loss`` (mean
        cross-entropy in nats), ``per_label`` (name to precision, recall, F1, support) and ``confusion_matrix`` (rows
        are the true labels, columns the predicted ones, in the order of ``labels``).
    """
    predicted = probabilities.argmax(axis=-1) if predicted is None else predicted
    classes = np.arange(len(labels))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        targets, predicted, labels=classes, zero_division=0
    )
    # Only labels that occur, in truth or in prediction, count in the macro average: scikit-learn's own default.
    present = np.union1d(targets, predicted)
    true_probability = probabilities[np.arange(len(targets)), targets]
    return {
        "accuracy": float(np.mean(predicted == targets)),
        "precision": float(precision[present].mean()),
        "recall": float(recall[present].mean()),
        "f1": float(f1[present].mean()),
        **_of_positive(labels, positive, f1),
        "weighted_f1": float(np.average(f1, weights=support)),
        "mcc": float(metrics.matthews_corrcoef(targets, predicted)),
        "loss": float(-np.log(np.maximum(true_probability, 1e-30)).mean()),
        "examples": len(targets),
        "per_label": per_label(labels, precision, recall, f1, support),
        "confusion_matrix": metrics.confusion_matrix(targets, predicted, labels=classes).tolist(),
    }


def _of_positive(labels: Sequence[str], positive: str | None, f1: np.ndarray) -> dict[str, Any]:
    name = positive_label(labels, positive)
    return {} if name is None else {"f1_positive": float(f1[labels.index(name)]), "positive_label": name}


def per_label(
    labels: Sequence[str], precision: np.ndarray, recall: np.ndarray, f1: np.ndarray, support: np.ndarray
) -> dict[str, dict[str, float]]:
    """The scores of each label ``(labels,)`` by its name."""
    return {
        label: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, precision, recall, f1, support, strict=True)
    }
