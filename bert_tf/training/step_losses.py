"""The losses of the steps, read from the device as seldom as may be."""

from __future__ import annotations

import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.errors import UserError
from bert_tf.training.checkpoint import Progress


class StepLosses:
    """Collects losses that still lie on the device: to read one means to wait for its step.

    Args:
        progress: gets the sums of what was read.
        recipe: a NaN is an error, but for float16, whose optimiser skips such a step.
    """

    def __init__(self, progress: Progress, recipe: TrainingConfig) -> None:
        self._progress = progress
        self._may_be_nan = recipe.mixed_precision == "float16"
        self._unread: list[tuple[tf.Tensor, tf.Tensor, int]] = []
        self._step = progress.step
        self._last = float("nan")

    def add(self, loss_sum: tf.Tensor, examples: tf.Tensor, steps: int) -> None:
        """Takes note of what an update gave: the sum of the examples' losses and their number."""
        self._unread.append((loss_sum, examples, steps))

    def read(self) -> float:
        """Reads what was added and returns the mean loss of the last update.

        Raises:
            UserError: a loss is NaN.
        """
        for loss_sum, examples, steps in self._unread:
            total, count = float(loss_sum), float(examples)
            self._step += steps
            if total != total and not self._may_be_nan:
                raise UserError(
                    f"The loss became NaN at step {self._step}: use a smaller --training.learning_rate or "
                    "--training.global_clipnorm 1. The last good checkpoint is kept."
                )
            self._progress.loss_sum += total
            self._progress.loss_examples += count
            self._last = total / count
        self._unread.clear()
        return self._last

    def mean(self) -> float:
        """The mean loss of the epoch's examples so far."""
        self.read()
        return self._progress.loss_sum / self._progress.loss_examples
