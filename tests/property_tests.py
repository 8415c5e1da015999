"""How long and from which seeds the property tests run."""

from __future__ import annotations

import os

from hypothesis import settings

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "fixed")
"""``fixed``: the same examples in every run. ``fresh``: new ones in every run, many more (``make test-slow``)."""

TIMES = 20 if PROFILE == "fresh" else 1
"""How many times as many examples as in ``fixed``."""

settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("fresh", deadline=None, max_examples=100 * TIMES, print_blob=True)


def examples(count: int) -> settings:
    """Settings of a test that tries ``count`` examples, and ``TIMES`` as many with fresh seeds."""
    return settings(max_examples=count * TIMES)
