"""The scores of what is masked."""

from __future__ import annotations

MASKED = -1e9
"""Score, in float32, of what must not be chosen: far below any score that a model gives, and still finite, so that no
difference of two is NaN."""

MASKED_IN_HALF_PRECISION = -1e4
"""As :data:`MASKED`, where scores may be float16, whose lowest number is -65504."""
