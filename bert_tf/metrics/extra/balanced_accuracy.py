"""Mean recall of the labels: accuracy as if each label were equally frequent (Brodersen et al. 2010)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from bert_tf.errors import UserError

NAMES = ("balanced_accuracy",)


def compute(targets: Sequence[Any], answers: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Scores single labels.

    Args:
        targets: the true labels.
        answers: with the answered ``label``.

    Raises:
        UserError: the answers are not of one label.
    """
    if answers and "label" not in answers[0]:
        raise UserError("--training.metrics balanced_accuracy: this task does not answer one label.")
    answered = np.array([answer["label"] for answer in answers])
    return {
        "balanced_accuracy": float(metrics.recall_score(targets, answered, labels=np.unique(targets), average="macro"))
    }
