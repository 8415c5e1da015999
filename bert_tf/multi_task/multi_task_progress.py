"""Where a training of several tasks stands, and which of them have had enough."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from bert_tf.tasks.monitor import Monitor
from bert_tf.training.checkpoint import Progress

logger = logging.getLogger("bert_tf")


@dataclass
class MultiTaskProgress(Progress):
    """As :class:`Progress`; what decides the order of the tasks is in the checkpoint too.

    Attributes:
        idle_from: the epoch (from 0) from which a task is no longer drawn, for tasks that stopped early.
        best_of: best value of each task's main metric, for tasks that may stop early.
        epochs_since_best_of: evaluations since then.
    """

    idle_from: dict[str, int] = field(default_factory=dict)
    best_of: dict[str, float] = field(default_factory=dict)
    epochs_since_best_of: dict[str, int] = field(default_factory=dict)


class TaskEarlyStopping(keras.callbacks.Callback):
    """Takes a task out of the draw once its main metric has not improved for as many epochs as it is given.

    Args:
        patience: by task; other tasks never stop.
        monitors: by task, its main metric.
        progress: is changed, and so is part of the next checkpoint.
    """

    def __init__(
        self, patience: Mapping[str, int], monitors: Mapping[str, Monitor], progress: MultiTaskProgress
    ) -> None:
        super().__init__()
        self._patience = patience
        self._monitors = monitors
        self._progress = progress

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        progress = self._progress
        for name, patience in self._patience.items():
            monitor = self._monitors[name]
            value = (logs or {}).get(f"val_{name}_{monitor.name}")
            if name in progress.idle_from or value is None:
                continue
            if monitor.improves(value, progress.best_of.get(name)):
                progress.best_of[name], progress.epochs_since_best_of[name] = value, 0
                continue
            progress.epochs_since_best_of[name] += 1
            if progress.epochs_since_best_of[name] >= patience:
                progress.idle_from[name] = epoch + 1
                logger.info("%s stops: its %s has not improved for %d epoch(s)", name, monitor.name, patience)
        if len(progress.idle_from) == len(self._monitors):
            self.model.stop_training = True
