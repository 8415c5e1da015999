"""The kinds of run, and the config that each has."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from bert_tf.config import RunConfig

_CONFIGS = {
    "experiment": "bert_tf.config:ExperimentConfig",
    "multi_task": "bert_tf.multi_task.multi_task_config:MultiTaskConfig",
    "pretraining": "bert_tf.pretraining.pretraining_config:PretrainingConfig",
}
"""By name, because the procedures of training are above the run directories that they write."""


def config_class(kind: str) -> type[RunConfig]:
    """The config of a kind of run."""
    module, _, name = _CONFIGS[kind].partition(":")
    found: type[RunConfig] = getattr(importlib.import_module(module), name)
    return found


def kind_of(values: Mapping[str, Any]) -> str:
    """The kind of run that a config is of, by its keys."""
    return "multi_task" if "tasks" in values else "pretraining" if "corpus" in values else "experiment"
