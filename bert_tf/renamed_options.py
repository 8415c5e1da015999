"""Options that had another name in earlier versions, and the version of a run's config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCHEMA_VERSION = 2
"""Of the ``config.yaml`` that a run writes; version 1 has the old names and no number."""

RENAMED = {
    "training.best_metric": "training.monitor",
    "training.checkpoints_to_keep": "training.max_to_keep",
    "training.gradient_clip_norm": "training.global_clipnorm",
    "training.steps_per_call": "training.steps_per_execution",
    "training.xla": "training.jit_compile",
    "data.batch_tokens": "data.max_tokens_per_batch",
    "head.doc_stride": "head.stride",
    "head.label_pieces": "head.label_wordpieces",
}


def current_name(key: str) -> str | None:
    """The name that an old dotted key has today, below whatever section it is; ``None`` if it is no old one."""
    for old, new in RENAMED.items():
        if key == old or key.endswith(f".{old}"):
            return key.removesuffix(old) + new
    return None


def migrate(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A config of version 1 with the names of today."""
    migrated = {}
    for key, value in values.items():
        name = current_name(f"{prefix}{key}")
        migrated[name.rpartition(".")[2] if name else key] = (
            migrate(value, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        )
    return migrated
