"""The optimiser of a recipe: its class, its learning rate, its groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from bert_tf.config import TrainingConfig
from bert_tf.keras_internals import reduced
from bert_tf.optimization import OPTIMIZERS
from bert_tf.optimization.grouped_optimizer import grouped
from bert_tf.optimization.groups import Group
from bert_tf.optimization.own_update_counts import with_own_update_counts
from bert_tf.optimization.warmup_decay import WarmupDecay

NO_DECAY = ("bias", "gamma", "beta", "log_variance")
"""Variables without weight decay: biases, LayerNorm's scale and offset (as in google-research/bert), and the weights of
several tasks' losses."""


def build_optimizer(
    recipe: TrainingConfig,
    total_steps: int,
    *,
    groups: Sequence[Group] = (),
    partial_updates: bool = False,
    options: Mapping[str, Any] | None = None,
    schedule_options: Mapping[str, Any] | None = None,
) -> keras.optimizers.Optimizer:
    """Returns the optimiser of a recipe, with loss scaling for float16.

    Args:
        recipe: names the optimiser and the schedule.
        total_steps: weight updates of the whole training.
        groups: weights with a rate, a decay or a start of their own.
        partial_updates: not every update reaches every weight, as in a training of several tasks.
        options: of the optimiser.
        schedule_options: of the schedule.

    Raises:
        UserError: there is no such optimiser, schedule or option.
    """
    schedule = WarmupDecay(
        peak=recipe.learning_rate,
        total_steps=total_steps,
        warmup_steps=math.ceil(recipe.warmup_ratio * total_steps),
        shape=recipe.schedule,
        options=schedule_options,
    )
    name = recipe.optimizer
    arguments = OPTIMIZERS.validated(name, options or {}, "optimizer").model_dump()
    keras_class: Any = OPTIMIZERS.module(name).optimizer()
    base: Any = reduced(keras_class)
    if partial_updates:
        base = with_own_update_counts(base)
    make = grouped(base)
    optimizer = make(schedule, weight_decay=recipe.weight_decay, groups=groups, **arguments)
    optimizer.exclude_from_weight_decay(var_names=list(NO_DECAY))
    if recipe.mixed_precision == "float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
