"""The learning rate of BERT: a linear warm-up, then the decay of a schedule plug-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from bert_tf.optimization import SCHEDULES


@keras.saving.register_keras_serializable(package="bert_tf")
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Climbs linearly from 0 to ``peak``, then decays until ``total_steps``.

    Step ``s`` (from 0) has the rate ``peak * s / warmup_steps`` while ``s < warmup_steps``, as in Hugging Face's
    ``get_linear_schedule_with_warmup``.

    Args:
        peak: highest learning rate.
        total_steps: weight updates of the whole training.
        warmup_steps: weight updates until the peak.
        shape: name of a schedule, a file of ``bert_tf/optimization/schedules``.
        options: of the schedule.

    Reference:
        Devlin et al. 2018, appendix A.2.
    """

    def __init__(
        self,
        peak: float,
        total_steps: int,
        warmup_steps: int = 0,
        shape: str = "linear",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.shape = shape
        self.options = SCHEDULES.validated(shape, options or {}, "schedule")
        self._decay = SCHEDULES.module(shape).decay

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        climb = step / max(1, self.warmup_steps)
        progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        progress = tf.clip_by_value(progress, 0.0, 1.0)
        return self.peak * tf.where(step < self.warmup_steps, climb, self._decay(progress, self.options))

    def get_config(self) -> dict[str, Any]:
        names = ("peak", "total_steps", "warmup_steps", "shape")
        return {**{name: getattr(self, name) for name in names}, "options": self.options.model_dump()}
