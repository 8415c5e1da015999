"""Metrics as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bert_tf.tables import table
from bert_tf.tasks.monitor import Monitor


def metrics_table(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per metric, one column per model.

    Args:
        columns: model name to its metrics; only numbers are shown.
    """
    names = [name for name, value in next(iter(columns.values())).items() if isinstance(value, int | float)]
    rows = [["", *columns]]
    rows += [[_title(name, columns), *(_number(metrics.get(name)) for metrics in columns.values())] for name in names]
    return table(rows)


def _title(name: str, columns: Mapping[str, Mapping[str, Any]]) -> str:
    positive = next(iter(columns.values())).get("positive_label")
    return f"{name} ({positive})" if name == "f1_positive" and positive is not None else name


def comparison(columns: Mapping[str, Mapping[str, Any]], monitor: Monitor) -> str:
    """Which baseline is better than the model, and what to try; empty text if none is.

    Args:
        columns: model name to its metrics; ``model`` is the model.
        monitor: the metric that decides.
    """
    metric, more_is_better = monitor.name, monitor.mode == "max"
    ours = columns["model"].get(metric)
    others = {name: value for name, metrics in columns.items() if name != "model" and (value := metrics.get(metric))}
    if ours is None or not others:
        return ""
    best = max(others, key=lambda name: others[name] if more_is_better else -others[name])
    if (others[best] <= ours) if more_is_better else (others[best] >= ours):
        return ""
    return (
        f"{best} is better than the model: {metric} {others[best]:.4f} against {ours:.4f}. Try, in this order: a "
        "larger learning rate where the backbone is small (zh_mini and scratch: --training.learning_rate 5e-4), more "
        "--training.epochs, a larger backbone (--backbone bert_base_zh), more training data."
    )


def label_table(metrics: Mapping[str, Any]) -> str:
    """Precision, recall, F1 and support of each label; empty text if the metrics have none."""
    per_label = metrics.get("per_label")
    if not per_label:
        return ""
    heads = list(next(iter(per_label.values())))
    return table([["label", *heads], *([name, *map(_number, v.values())] for name, v in per_label.items())])


def confusion_table(metrics: Mapping[str, Any]) -> str:
    """The confusion matrix with its labels; empty text if the metrics have none."""
    matrix = metrics.get("confusion_matrix")
    if not matrix:
        return ""
    labels = list(metrics["per_label"])
    return table(
        [["true \\ predicted", *labels], *([name, *map(str, row)] for name, row in zip(labels, matrix, strict=True))]
    )


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
