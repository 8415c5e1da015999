"""Resumable checkpoints: weights, optimiser, random state and the place in the data, saved together."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import keras
import tensorflow as tf

from bert_tf.errors import UserError


@dataclass
class Progress(tf.train.experimental.PythonState):
    """Where a training stands. The next batch to use is batch ``batch`` of epoch ``epoch``, both from 0.

    Attributes:
        step: weight updates done.
        best: best value of the metric that chooses the epoch, ``None`` before the first evaluation.
        best_epoch: epoch (from 0) of ``best``.
        epochs_without_improvement: evaluations since ``best``.
        loss_sum: sum over this epoch's batches of loss × examples.
        loss_examples: examples in ``loss_sum``.
        stopped: early stopping has ended the training.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int | None = None
    epochs_without_improvement: int = 0
    loss_sum: float = 0.0
    loss_examples: float = 0.0
    stopped: bool = False

    def serialize(self) -> str:
        return json.dumps(asdict(self))

    def deserialize(self, string_value: bytes | str) -> None:
        values = json.loads(string_value)
        for field in fields(self):
            setattr(self, field.name, values[field.name])


class Checkpoints:
    """The ``checkpoints/`` of a run.

    Args:
        directory: where they lie.
        model: built model; its dropout seeds are saved too.
        optimizer: built optimiser.
        progress: saved and restored with them.
        keep: number of checkpoints kept.
    """

    def __init__(
        self,
        directory: Path,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        progress: Progress,
        keep: int,
    ) -> None:
        checkpoint = tf.train.Checkpoint(
            model=[variable.value for variable in model.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            progress=progress,
        )
        self._checkpoint = checkpoint
        self._progress = progress
        self._manager = tf.train.CheckpointManager(checkpoint, str(directory), max_to_keep=keep)

    def save(self) -> None:
        """Writes a checkpoint; the one before stays valid until this one is whole.

        Raises:
            UserError: it cannot be written, as on a full disk.
        """
        try:
            self._manager.save(checkpoint_number=self._progress.step)
        except (tf.errors.OpError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"The checkpoint of step {self._progress.step} cannot be written to {self._manager.directory}: "
                f"{reason}. The last good one is {self._manager.latest_checkpoint}; make room and use --resume."
            ) from None

    def restore(self) -> bool:
        """Restores the newest checkpoint; returns whether there was one.

        Raises:
            UserError: it belongs to another model.
        """
        if self._manager.latest_checkpoint is None:
            return False
        try:
            self._checkpoint.restore(self._manager.latest_checkpoint).assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise UserError(
                f"{self._manager.latest_checkpoint} does not fit this model ({str(error).splitlines()[0]}): "
                "resume with the config that the run began with."
            ) from None
        return True
