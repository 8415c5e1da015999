"""What a training says while it runs: a bar on a terminal, plain lines in a log, curves in TensorBoard."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

logger = logging.getLogger("bert_tf")

_SECONDS_BETWEEN_LINES = 30.0
_NUMBERS_OF_AN_EPOCH = 6
_COUNTS = ("seconds", "val_examples", "val_support")


class ProgressReport(keras.callbacks.Callback):
    """One bar per epoch on a terminal; elsewhere a line every half minute.

    Args:
        steps: number of batches by epoch.
        metric: the validation metric that chooses the best epoch; it comes first.
        first_step: steps that an interrupted run had already done in its epoch.
    """

    def __init__(self, steps: Callable[[int], int], metric: str, first_step: int = 0) -> None:
        super().__init__()
        self._steps_of = steps
        self._metric = metric
        self._steps = 0
        self._first_step = first_step
        self._bar: tqdm | None = None
        self._last_line = 0.0
        self._loss = float("nan")
        self._on_terminal = sys.stderr.isatty()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch, self._steps = epoch, self._steps_of(epoch)
        self._last_line = time.monotonic()
        if self._on_terminal and logger.isEnabledFor(logging.INFO):
            self._bar = tqdm(total=self._steps, initial=self._first_step, desc=f"epoch {epoch + 1}", unit="batch")
        self._first_step = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._loss = (logs or {}).get("loss", self._loss)
        if self._bar is not None:
            self._bar.update(batch + 1 - self._bar.n)
            self._bar.set_postfix(loss=f"{self._loss:.4f}", refresh=False)
        elif time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            logger.info("epoch %d  batch %d/%d  loss %.4f", self._epoch + 1, batch + 1, self._steps, self._loss)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.close()
        logger.info("epoch %d done  %s", epoch + 1, epoch_line(logs or {}, self._metric))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the bar of an interrupted epoch."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def epoch_line(logs: Mapping[str, Any], metric: str) -> str:
    """The numbers of an epoch that fit into a line: the metric that chooses the best one, the losses, some others.

    Args:
        logs: of the epoch; counts, such as the number of examples, are left out.
        metric: name of the metric, without ``val_``.
    """
    first = [f"val_{metric}", "loss", "val_loss"]
    shown = [name for name, value in logs.items() if isinstance(value, float) and name not in _COUNTS]
    shown.sort(key=lambda name: first.index(name) if name in first else len(first))
    numbers = ((name, float(logs[name])) for name in shown[:_NUMBERS_OF_AN_EPOCH])
    return "  ".join(f"{name} {value:.4f}" if abs(value) < 100 else f"{name} {value:.5g}" for name, value in numbers)


class TensorBoardCurves(keras.callbacks.Callback):
    """Scalars for TensorBoard: training loss and learning rate by step, validation metrics by step.

    Args:
        directory: the ``logs/`` of a run.
        every: steps between two points of the training curves.
    """

    def __init__(self, directory: Path, every: int = 10) -> None:
        super().__init__()
        self._writer = tf.summary.create_file_writer(str(directory))
        self._every = every
        self._written = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if logs and (step := self._step()) - self._written >= self._every:
            self._written = step
            self._write("train", step, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        validation = {
            name.removeprefix("val_"): value for name, value in (logs or {}).items() if name.startswith("val_")
        }
        self._write("validation", self._step(), validation)
        self._writer.flush()

    def _step(self) -> int:
        return int(self.model.optimizer.iterations.value.numpy())  # a variable of several replicas has no int()

    def _write(self, group: str, step: int, values: dict[str, Any]) -> None:
        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(f"{group}/{name}", value, step=step)
