"""Resumable checkpoints: weights, optimiser, random state and the place in the data, saved together."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from bert_tf.atomic_file import write_errors
from bert_tf.errors import UserError, first_line
from bert_tf.plain_path import plain_path
from bert_tf.training import checkpoint_files

logger = logging.getLogger("bert_tf")


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
        more: further variables, such as those of hooks.
    """

    def __init__(
        self,
        directory: Path,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        progress: Progress,
        keep: int,
        more: Sequence[Any] = (),
    ) -> None:
        checkpoint = tf.train.Checkpoint(
            model=[variable.value for variable in model.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            progress=progress,
            **({"hooks": [variable.value for variable in more]} if more else {}),
        )
        self._checkpoint = checkpoint
        self._progress = progress
        self._folder = directory
        self._keep = keep

    def save(self) -> None:
        """Writes a checkpoint; the one before stays valid until this one is whole.

        Raises:
            UserError: it cannot be written, as on a full disk.
        """
        step = self._progress.step
        before = checkpoint_files.saved_steps(self._folder)
        last = f"The last good one is {self._path(before[-1])}; make" if before else "Make"
        try:
            with write_errors(f"The checkpoint {self._path(step)}", f"{last} room and use --resume."):
                self._folder.mkdir(parents=True, exist_ok=True)
                self._checkpoint.write(str(self._path(step)))
        except UserError:
            checkpoint_files.remove_unfinished(self._folder, step)
            raise
        checkpoint_files.keep_newest(self._folder, step, self._keep)

    def restore(self) -> bool:
        """Restores the newest checkpoint that can be read; returns whether there was any.

        Raises:
            UserError: all are damaged, or it belongs to another model.
        """
        steps = checkpoint_files.saved_steps(self._folder)
        for step in reversed(steps):
            with plain_path(self._folder) as folder:
                prefix = str(folder / checkpoint_files.prefix(step))
                if damage := _damage(prefix):
                    logger.warning("the checkpoint %s is damaged (%s)", self._path(step), damage)
                    continue
                try:
                    self._checkpoint.read(prefix).assert_existing_objects_matched()
                except (AssertionError, ValueError, tf.errors.OpError) as error:
                    raise UserError(
                        f"{self._path(step)} does not fit this model ({first_line(error)}): "
                        "resume with the config that the run began with."
                    ) from None
            return True
        if steps:
            raise UserError(
                f"--resume: every checkpoint in {self._folder} is damaged. Start again with another --output."
            )
        return False

    def _path(self, step: int) -> Path:
        return self._folder / checkpoint_files.prefix(step)


def _damage(prefix: str) -> str | None:
    """What is wrong with the files of a checkpoint; its sums are compared as its tensors are read."""
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    # A file that was cut off raises IndexError.
    except (tf.errors.OpError, LookupError, OSError, RuntimeError, ValueError) as error:
        return first_line(error)
    return None
