"""The peak until the end."""

from __future__ import annotations

from typing import Any


def decay(progress: Any, options: Any) -> Any:
    """Share of the peak at ``progress`` ``()`` float32 from 0 to 1."""
    import tensorflow as tf

    return tf.ones_like(progress)
