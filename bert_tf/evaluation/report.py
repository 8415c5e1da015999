"""Metrics as text for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any


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


def table(rows: Sequence[Sequence[str]]) -> str:
    """Aligns cells; a Chinese character takes two columns of a terminal."""
    widths = [max(_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *others = row
        cells = [first + " " * (widths[0] - _width(first))]
        cells += [" " * (width - _width(cell)) + cell for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(lines)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
