"""From the peak to 0 by half a period of the cosine.

Reference:
    Loshchilov and Hutter 2017, SGDR, equation 5.
"""

from __future__ import annotations

import math
from typing import Any


def decay(progress: Any, options: Any) -> Any:
    """Share of the peak at ``progress`` ``()`` float32 from 0 to 1."""
    import tensorflow as tf

    return 0.5 * (1.0 + tf.cos(math.pi * progress))
