"""AdamW, the optimiser of BERT.

Reference:
    Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization, algorithm 2; Devlin et al. 2018, appendix A.2.
"""

from __future__ import annotations

from pydantic import Field

from bert_tf.config import Section


class Options(Section):
    """Options of AdamW."""

    beta_1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of the gradients")
    beta_2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of the squared gradients")
    epsilon: float = Field(1e-8, gt=0, description="added to the root of the squared gradients")


def optimizer() -> type:
    """Keras's class, which takes the options."""
    import keras

    return keras.optimizers.AdamW
