"""An exponential moving average of the weights, which is evaluated and saved in their place.

Costs: the memory of the weights once more, and one pass over them in each step.

Reference:
    Polyak and Juditsky 1992; Tarvainen and Valpola 2017, section 2 (the growing average of the first steps).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from pydantic import Field

from bert_tf.config import Section
from bert_tf.training.hook import Hook


class Options(Section):
    """Options of the moving average."""

    decay: float = Field(0.999, gt=0, lt=1, description="share of the average that a step keeps")


class MovingAverage(Hook):
    """Averages the trainable weights after each update; in the first steps the average forgets faster.

    Args:
        decay: share of the average that a step keeps; at step ``n`` at most ``(1 + n) / (10 + n)``.
    """

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        self.decay = decay

    def build(self, model: Any, optimizer: keras.optimizers.Optimizer) -> None:
        self._weights = list(model.trainable_variables)
        self._averages = [
            keras.Variable(weight, trainable=False, dtype=weight.dtype, name=f"average_{number}")
            for number, weight in enumerate(self._weights)
        ]
        self._optimizer = optimizer

    def after_update(self, variables: Sequence[Any]) -> None:
        step = tf.cast(self._optimizer.iterations.value, tf.float32)
        keep = tf.minimum(self.decay, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self._averages, self._weights, strict=True):
            value = tf.convert_to_tensor(weight.value)
            average.assign(value + tf.cast(keep, value.dtype) * (tf.convert_to_tensor(average.value) - value))

    @contextmanager
    def weights_for_evaluation(self) -> Iterator[None]:
        trained = [weight.numpy() for weight in self._weights]
        for weight, average in zip(self._weights, self._averages, strict=True):
            weight.assign(average)
        try:
            yield
        finally:
            for weight, value in zip(self._weights, trained, strict=True):
                weight.assign(value)

    def variables(self) -> list[Any]:
        return self._averages


def hook(options: Options) -> Hook:
    """The hook of the options."""
    return MovingAverage(options.decay)
