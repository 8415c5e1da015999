"""AdamW for weights that not every update reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from bert_tf.training.optimizer import ReducedAdamW


@keras.saving.register_keras_serializable(package="bert_tf")
class PartialAdamW(ReducedAdamW):
    """AdamW that corrects the bias of each variable's moments by the number of that variable's own updates.

    Keras corrects by the number of all updates. The first moments of a head would then pass for unbiased as soon as
    the other tasks have been trained for a while, and its first steps, divided by a velocity that has hardly left 0,
    would be many times too long.

    Args:
        *args: see ``keras.optimizers.AdamW``, also of the keywords.
        rates: by the beginning of a variable's name, its learning rate as a multiple of the others'.

    Reference:
        Kingma & Ba 2015, section 3.
    """

    def __init__(self, *args: Any, rates: dict[str, float] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rates = rates or {}

    def build(self, variables: Sequence[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        self._updates = [self.add_variable((), dtype="float32", name=f"updates_{v.name}") for v in variables]
        self._factors = [
            next((factor for start, factor in self.rates.items() if v.name.startswith(start)), 1.0) for v in variables
        ]

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        self.assign_add(self._updates[index], tf.constant(1.0))
        # Adam's step is proportional to the rate: dividing by its correction and multiplying by ours replaces it.
        own, all_of_them = (
            tf.sqrt(1.0 - tf.pow(self.beta_2, count)) / (1.0 - tf.pow(self.beta_1, count))
            for count in (
                tf.convert_to_tensor(self._updates[index].value),
                tf.cast(self.iterations.value + 1, tf.float32),
            )
        )
        rate = tf.cast(learning_rate, tf.float32) * self._factors[index] * own / all_of_them
        super().update_step(gradient, variable, rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rates": self.rates}
