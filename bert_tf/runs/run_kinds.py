"""The kinds of run, and the config that each has."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from bert_tf.config import RunConfig
from bert_tf.errors import UserError

_CONFIGS = {
    "experiment": "bert_tf.config:ExperimentConfig",
    "multi_task": "bert_tf.multi_task.multi_task_config:MultiTaskConfig",
    "pretraining": "bert_tf.pretraining.pretraining_config:PretrainingConfig",
}
"""By name, because the procedures of training are above the run directories that they write."""


def config_class(kind: str) -> type[RunConfig]:
    """The config of a kind of run.

    Raises:
        UserError: there is no such kind in this version.
    """
    if kind not in _CONFIGS:
        raise UserError(f"the run is of the kind {kind!r}; this version of bert_tf knows {', '.join(_CONFIGS)}.")
    module, _, name = _CONFIGS[kind].partition(":")
    found: type[RunConfig] = getattr(importlib.import_module(module), name)
    return found


def kind_of(values: Mapping[str, Any]) -> str:
    """The kind of run that a config is of, by its keys."""
    return "multi_task" if "tasks" in values else "pretraining" if "corpus" in values else "experiment"
