"""Any optimiser of Keras with parameter groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import keras
import tensorflow as tf

from bert_tf.optimization.groups import Group, split_by_group


@cache
def grouped(base: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """A subclass of an optimiser class with the keyword argument ``groups``.

    Variables of no group are updated by exactly the ops of ``base``.

    Args:
        base: from :func:`bert_tf.keras_internals.reduced`.
    """

    class Grouped(base):
        def __init__(self, *args: Any, groups: Sequence[Group] = (), **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.groups = tuple(groups)

        def build(self, variables: Sequence[Any]) -> None:
            if self.built:
                return
            super().build(variables)
            matched = split_by_group(variables, self.groups)
            self._group_of = {self.key_of(v): group for group, members in matched.items() for v in members}

        def decay(self, variables: Sequence[Any], apply: Callable[[Sequence[Any]], None]) -> None:
            recipe: float | None = getattr(self, "weight_decay")  # noqa: B009 - of Keras's class, unknown to mypy
            members: dict[Group | None, list[Any]] = {}
            for variable in variables:
                members.setdefault(self._group_of[self.key_of(variable)], []).append(variable)
            for group, decayed in members.items():
                # Keras multiplies by the learning rate, which is the recipe's.
                self.weight_decay = recipe if group is None else self._decay_of(group, recipe)
                apply(decayed)
            self.weight_decay = recipe

        def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any) -> None:
            step, group = super().update_step, self._group_of[self.key_of(variable)]
            if group is None:
                step(gradient, variable, learning_rate)
                return
            rate = tf.cast(learning_rate, tf.float32) * group.learning_rate
            if group.frozen_until is None:
                step(gradient, variable, rate)
                return

            def thawed() -> tf.Tensor:
                step(gradient, variable, rate)
                return tf.constant(True)

            tf.cond(self._is_thawed(group.frozen_until), thawed, lambda: tf.constant(False))

        def _decay_of(self, group: Group, recipe: float | None) -> Any:
            decay = recipe if group.weight_decay is None else group.weight_decay
            if not decay or group.frozen_until is None:
                return decay and decay * group.learning_rate
            return decay * group.learning_rate * tf.cast(self._is_thawed(group.frozen_until), tf.float32)

        def _is_thawed(self, step: int) -> tf.Tensor:
            return tf.cast(tf.convert_to_tensor(self.iterations.value), tf.int64) >= step

    Grouped.__name__ = Grouped.__qualname__ = base.__name__
    return Grouped
