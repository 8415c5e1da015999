"""Adamax: Adam with the largest gradient in place of the mean square (Kingma and Ba 2015, section 7.1)."""

from __future__ import annotations

from pydantic import Field

from bert_tf.config import Section


class Options(Section):
    """Options of Adamax: ``--optimizer.*``, and arguments of the Keras class."""

    beta_1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of the gradients")
    beta_2: float = Field(0.999, ge=0, lt=1, description="decay of the largest gradient")


def optimizer() -> type:
    """Keras's class, which takes the options."""
    import keras

    return keras.optimizers.Adamax
