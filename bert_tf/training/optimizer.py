"""AdamW with the schedule of BERT: linear warm-up, then decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from bert_tf.config import TrainingConfig

NO_DECAY = ("bias", "gamma", "beta", "log_variance")
"""Variables without weight decay: biases, LayerNorm's scale and offset (as in google-research/bert), and the weights of
several tasks' losses."""


@keras.saving.register_keras_serializable(package="bert_tf")
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Climbs linearly from 0 to ``peak``, then decays to 0 at ``total_steps``.

    Step ``s`` (from 0) has the rate ``peak * s / warmup_steps`` while ``s < warmup_steps``, as in Hugging Face's
    ``get_linear_schedule_with_warmup``.

    Args:
        peak: highest learning rate.
        total_steps: weight updates of the whole training.
        warmup_steps: weight updates until the peak.
        shape: ``linear``, ``cosine`` (half a period) or ``constant`` after the warm-up.

    Reference:
        Devlin et al. 2018, appendix A.2 (linear); Loshchilov & Hutter 2017, eq. 5 (cosine).
    """

    def __init__(self, peak: float, total_steps: int, warmup_steps: int = 0, shape: str = "linear") -> None:
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.shape = shape

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        climb = step / max(1, self.warmup_steps)
        progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        progress = tf.clip_by_value(progress, 0.0, 1.0)
        match self.shape:
            case "linear":
                decay = 1.0 - progress
            case "cosine":
                decay = 0.5 * (1.0 + tf.cos(math.pi * progress))
            case "constant":
                decay = tf.ones_like(progress)
            case _:
                raise ValueError(f"shape must be linear, cosine or constant, not {self.shape!r}.")
        return self.peak * tf.where(step < self.warmup_steps, climb, decay)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "shape": self.shape,
        }


@keras.saving.register_keras_serializable(package="bert_tf")
class ReducedAdamW(keras.optimizers.AdamW):
    """AdamW for gradients that the training loop has already summed over the replicas.

    Keras' own would sum them again. The loop has to do it earlier, because a global norm is only right to clip once
    the gradient is whole.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars: Sequence[tuple[Any, Any]]) -> Sequence[tuple[Any, Any]]:
        return grads_and_vars


def build_optimizer(
    config: TrainingConfig, total_steps: int, adamw: Callable[..., keras.optimizers.Optimizer] = ReducedAdamW
) -> keras.optimizers.Optimizer:
    """Returns the optimiser of a recipe, with loss scaling for float16.

    Args:
        config: the recipe.
        total_steps: weight updates of the whole training.
        adamw: makes it from the arguments of ``keras.optimizers.AdamW``.
    """
    schedule = WarmupDecay(
        peak=config.learning_rate,
        total_steps=total_steps,
        warmup_steps=math.ceil(config.warmup_ratio * total_steps),
        shape=config.schedule,
    )
    optimizer = adamw(schedule, weight_decay=config.weight_decay, epsilon=1e-8)
    optimizer.exclude_from_weight_decay(var_names=list(NO_DECAY))
    if config.mixed_precision == "float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
