"""The values of answers, as they are shown and written."""

from __future__ import annotations

from typing import Any

import numpy as np


def short_floats(value: Any) -> Any:
    """A JSON-ready value whose numbers are as short as a float32, which is what a model computes, can be written."""
    if isinstance(value, float):
        return float(str(np.float32(value)))
    if isinstance(value, dict):
        return {key: short_floats(each) for key, each in value.items()}
    return [short_floats(each) for each in value] if isinstance(value, list) else value
