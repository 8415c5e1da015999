"""Labels as data sets write them: words, numbers, booleans; their order; the classes of a training set."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bert_tf.data.records import Row
from bert_tf.errors import UserError

MOST_LABELS = 10_000


def label_text(value: Any) -> str:
    """A label as a string: ``1`` and ``1.0`` are the same one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def label_of(row: Row) -> str:
    """The label of a record.

    Raises:
        UserError: it is empty.
    """
    value = row.values.get("label")
    if value is None or value == "":
        raise UserError(f"{row.where()}: the label is empty. Fill it in or remove the row.")
    return label_text(value)


def number_of(label: str) -> float | None:
    """The number that a label stands for, if it is a finite one."""
    try:
        number = float(label)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def label_names(found: Iterable[str], given: Sequence[str] | None, source: str, fewest: int = 2) -> list[str]:
    """The labels in their order: as the user gave them, or numbers in numeric order before words in alphabetical order.

    Args:
        found: the labels of the training data.
        given: ``--data.labels``.
        source: name of the data, for messages.
        fewest: number of labels that the task needs.

    Raises:
        UserError: they are too few or too many, or one is given twice.
    """
    names = list(given) if given else sorted(set(found), key=_order)
    if len(names) != len(set(names)):
        raise UserError(f"--data.labels: a label stands there twice: {', '.join(names)}.")
    if len(names) < fewest:
        what = f"every row has the label {names[0]!r}" if names else "no row has a label"
        raise UserError(
            f"{source}: {what}; a classifier needs at least {'two labels' if fewest == 2 else 'one label'} "
            "(is --data.columns.label the right column?)."
        )
    if len(names) > MOST_LABELS:
        raise UserError(
            f"{source}: {len(names):,} different labels were found, such as {names[0]!r}: "
            "is --data.columns.label the right column?"
        )
    return names


def counts_of(names: Sequence[str], counts: Mapping[str, int] | Counter[str]) -> list[int]:
    """How often each label occurs, in the order of ``names``."""
    return [counts.get(name, 0) for name in names]


def short_list(labels: Sequence[str], limit: int = 10) -> str:
    """The labels for a message, the first ones if there are many."""
    shown = ", ".join(f'"{label}"' for label in labels[:limit])
    return f"[{shown}{f', … {len(labels) - limit} more' if len(labels) > limit else ''}]"


def _order(label: str) -> tuple[bool, float, str]:
    number = number_of(label)
    return number is None, number or 0.0, label
