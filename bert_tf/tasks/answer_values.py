"""The values of answers, as they are shown and written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from bert_tf.data.records import Row


def short_floats(value: Any) -> Any:
    """A JSON-ready value whose numbers are as short as a float32, which is what a model computes, can be written."""
    if isinstance(value, float):
        return float(str(np.float32(value)))
    if isinstance(value, dict):
        return {key: short_floats(each) for key, each in value.items()}
    return [short_floats(each) for each in value] if isinstance(value, list) else value


def record_of(row: Row) -> dict[str, Any]:
    """A record to be written beside its answer: as the user gave it."""
    if row.given is None:
        return dict(row.values)
    if "tokens" not in row.given:
        return dict(row.given)
    # CoNLL: each column also stands under its number, and the text is made of the tokens.
    columns = {name: value for name, value in row.given.items() if not name.lstrip("-").isdecimal()}
    return {"text": row.values["text"], **columns}


def free_name(name: str, taken: Collection[str]) -> str:
    """``name``, or a longer one where the user has a column of that name."""
    while name in taken:
        name = f"model_{name}"
    return name
