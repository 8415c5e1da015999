"""From the peak to 0 in a straight line.

Reference:
    Devlin et al. 2018, appendix A.2.
"""

from __future__ import annotations

from typing import Any


def decay(progress: Any, options: Any) -> Any:
    """Share of the peak at ``progress`` ``()`` float32 from 0 to 1."""
    return 1.0 - progress
