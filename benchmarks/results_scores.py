"""Scores of what the peers of results.py predict for a test file: names as bert_tf's ``evaluate`` gives them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.results_files import tsv_column

Scorer = Callable[[Path, Any], dict[str, float]]


def score_labels(column: str) -> Scorer:
    def score(test: Path, predictions: list[str]) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, f1_score

        truth = tsv_column(test, column)
        positive = max(set(truth))
        found = {"accuracy": float(accuracy_score(truth, predictions))}
        if len(set(truth)) == 2:
            found["f1_positive"] = float(f1_score(truth, predictions, pos_label=positive))
        return found

    return score


def score_numbers(column: str) -> Scorer:
    def score(test: Path, predictions: list[float]) -> dict[str, float]:
        from scipy.stats import pearsonr, spearmanr

        truth = list(map(float, tsv_column(test, column)))
        return {
            "pearson": float(pearsonr(truth, predictions).statistic),
            "spearman": float(spearmanr(truth, predictions).statistic),
        }

    return score


def score_label_sets(column: str) -> Scorer:
    """With thresholds that are tuned on the validation data as bert_tf's are."""

    def score(test: Path, predictions: dict[str, Any]) -> dict[str, float]:
        import numpy as np

        from bert_tf.metrics.multi_label_metrics import multi_label_metrics
        from bert_tf.metrics.thresholds import best_f1_threshold

        labels = predictions["labels"]

        def truth(path: Path) -> np.ndarray:
            return np.array([[label in cell.split(",") for label in labels] for cell in tsv_column(path, column)])

        validation, known = np.array(predictions["validation"]), truth(test.with_name("dev.tsv"))
        probabilities = np.array(predictions["test"])
        thresholds = [best_f1_threshold(known[:, i], validation[:, i]) for i in range(len(labels))]
        return multi_label_metrics(truth(test), probabilities, probabilities >= thresholds, labels)

    return score


def score_fillings(test: Path, predictions: list[list[str]]) -> dict[str, float]:
    """Of five candidates for each mask."""
    labels = tsv_column(test, "label")
    ranks = [row.index(label) + 1 if label in row else None for row, label in zip(predictions, labels, strict=True)]
    return {
        "accuracy": statistics.mean(rank == 1 for rank in ranks),
        "hit@5": statistics.mean(rank is not None for rank in ranks),
        "mrr": statistics.mean(1 / rank if rank else 0.0 for rank in ranks),
    }


def score_translations(column: str) -> Scorer:
    def score(test: Path, predictions: list[str]) -> dict[str, float]:
        from bert_tf.metrics.translation_metrics import translation_metrics

        return translation_metrics(predictions, tsv_column(test, column))

    return score


def score_tags(test: Path, predictions: list[list[str]]) -> dict[str, float]:
    from seqeval.metrics import f1_score

    blocks = test.read_text(encoding="utf-8").replace("\r", "").split("\n\n")
    truth = [[line.split()[-1] for line in block.split("\n") if line.strip()] for block in blocks]
    return {"f1": float(f1_score([tags for tags in truth if tags], predictions))}


def score_choices(test: Path, predictions: list[int]) -> dict[str, float]:
    records = [json.loads(line) for line in test.read_text(encoding="utf-8").splitlines()]
    right = [record["choices"].index(record["label"]) for record in records]
    return {"accuracy": statistics.mean(map(int.__eq__, right, predictions))}


def score_answers(test: Path, predictions: dict[str, str]) -> dict[str, float]:
    from bert_tf.metrics.question_answering_metrics import answer_metrics

    articles = json.loads(test.read_text(encoding="utf-8"))["data"]
    questions = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    references = [[answer["text"] for answer in question["answers"]] for question in questions]
    return answer_metrics([predictions[question["id"]] for question in questions], references)
