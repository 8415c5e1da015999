"""What a model has to beat: the majority class, and TF-IDF with logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bert_tf.metrics.classification_metrics import classification_metrics


def majority_baseline(
    train_targets: np.ndarray, test_targets: np.ndarray, labels: Sequence[str], positive: str | None = None
) -> dict[str, Any]:
    """Answers the most frequent training class to everything, with the training frequencies as probabilities."""
    frequencies = np.bincount(train_targets, minlength=len(labels)) / len(train_targets)
    return classification_metrics(test_targets, np.tile(frequencies, (len(test_targets), 1)), labels, positive=positive)


def tfidf_baseline(
    train_texts: Sequence[str],
    train_targets: np.ndarray,
    test_texts: Sequence[str],
    test_targets: np.ndarray,
    labels: Sequence[str],
    positive: str | None = None,
) -> dict[str, Any]:
    """TF-IDF of character 1- to 3-grams, then logistic regression; characters need no segmenter, so Chinese works.

    All training texts are held in memory.
    """
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True, dtype=np.float32),
        LogisticRegression(C=5.0, max_iter=1000),
    )
    model.fit(train_texts, train_targets)
    probabilities = np.zeros((len(test_texts), len(labels)))
    # A label that training never showed has no column in scikit-learn's answer.
    probabilities[:, model.classes_] = model.predict_proba(test_texts)
    return classification_metrics(test_targets, probabilities, labels, positive=positive)
