"""Adam for weights that not every update reaches, as in a training of several tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import keras
import tensorflow as tf


@cache
def with_own_update_counts(base: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """Corrects the bias of each variable's moments by the number of that variable's own updates.

    Keras corrects by the number of all updates. The first moments of a head would then pass for unbiased as soon as
    the other tasks have been trained for a while, and its first steps, divided by a velocity that has hardly left 0,
    would be many times too long.

    Args:
        base: from :func:`bert_tf.keras_internals.reduced`; if it has no two moments, it is returned as it is.

    Reference:
        Kingma and Ba 2015, section 3.
    """
    if not issubclass(base, keras.optimizers.Adam):
        return base

    class OwnUpdateCounts(base):
        def build(self, variables: Sequence[Any]) -> None:
            if self.built:
                return
            super().build(variables)
            self._updates = {
                self.key_of(v): self.add_variable((), dtype="float32", name=f"updates_{v.name}") for v in variables
            }

        def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any) -> None:
            count = self._updates[self.key_of(variable)]
            self.assign_add(count, tf.constant(1.0))
            # Adam's step is proportional to the rate: dividing by its correction and multiplying by ours replaces it.
            own, all_of_them = (
                tf.sqrt(1.0 - tf.pow(self.beta_2, updates)) / (1.0 - tf.pow(self.beta_1, updates))
                for updates in (tf.convert_to_tensor(count.value), tf.cast(self.iterations.value + 1, tf.float32))
            )
            super().update_step(gradient, variable, tf.cast(learning_rate, tf.float32) * own / all_of_them)

    OwnUpdateCounts.__name__ = OwnUpdateCounts.__qualname__ = base.__name__
    return OwnUpdateCounts
