"""Short examples first, long ones last: most of what attention costs is saved where it teaches least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from bert_tf.pretraining.pretraining_batches import PretrainingBatches


@dataclass(frozen=True)
class Stage:
    """A number of epochs over examples of one length."""

    batches: PretrainingBatches
    epochs: int


class Curriculum:
    """Stages one after the other, with the interface that the training loop asks of its data.

    Args:
        stages: in their order, of one batch size.

    Reference:
        Devlin et al. 2018, appendix A.2: 90 % of the steps with 128 tokens, then 10 % with 512.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = list(stages)
        self.batch_size = self.stages[0].batches.batch_size

    def steps(self, epoch: int) -> int:
        """Number of batches of an epoch."""
        return self.at(epoch).steps(epoch)

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """Batches of one epoch, see :meth:`PretrainingBatches.epoch`."""
        return self.at(epoch).epoch(epoch, skip)

    def tokens(self, epochs: int) -> int:
        """Tokens in the first epochs, padding left out."""
        return sum(self.at(epoch).tokens for epoch in range(epochs))

    def at(self, epoch: int) -> PretrainingBatches:
        """The batches of an epoch, from 0; after the last stage its own go on."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage.batches
            epoch -= stage.epochs
        return self.stages[-1].batches
