"""Weight updates of several tasks, a batch of one task after a batch of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.data.batching import TrainingBatches
from bert_tf.keras_internals import layers_of
from bert_tf.multi_task.multi_task_config import SamplingConfig
from bert_tf.multi_task.multi_task_model import MultiTaskModel
from bert_tf.multi_task.multi_task_progress import MultiTaskProgress
from bert_tf.multi_task.task_schedule import draw_schedule
from bert_tf.optimization.build_optimizer import build_optimizer
from bert_tf.optimization.groups import Group, declared
from bert_tf.training.hook import Hooks
from bert_tf.training.loop import Updates, optimizer_options, total_steps
from bert_tf.training.plugin_options import PluginOptions
from bert_tf.training.strategy import distribute
from bert_tf.training.update import build_update


class MultiTaskBatches:
    """The order of the tasks' batches, a function of the seed, the epoch and which tasks have stopped.

    Each task goes through epochs of its own, one after the other, whenever it is drawn. Nothing of that is stored: the
    place of every task in its data follows from the schedules before, and so a resumed run finds it again.

    Args:
        members: each task's own batches, all of one size.
        sampling: how the tasks are drawn.
        seed: decides the order together with the epoch.
        epochs: of the whole training.
        progress: knows which tasks have stopped.
    """

    def __init__(
        self,
        members: Mapping[str, TrainingBatches],
        sampling: SamplingConfig,
        *,
        seed: int,
        epochs: int,
        progress: MultiTaskProgress,
    ) -> None:
        self.members = dict(members)
        self.batch_size = next(iter(members.values())).batch_size
        self._sampling = sampling
        self._seed = seed
        self._epochs = epochs
        self._progress = progress

    def schedule(self, epoch: int) -> np.ndarray:
        """Index of the task of each batch of an epoch, ``(batches,)`` int64."""
        idle_from = self._progress.idle_from
        drawn = [epoch < idle_from.get(name, epoch + 1) for name in self.members]
        return draw_schedule(
            [member.steps_per_epoch * on for member, on in zip(self.members.values(), drawn, strict=True)],
            [member.examples * on for member, on in zip(self.members.values(), drawn, strict=True)],
            self._sampling,
            seed=self._seed,
            epoch=epoch,
            epochs=self._epochs,
        )

    def steps(self, epoch: int) -> int:
        """Number of batches of an epoch."""
        return len(self.schedule(epoch))

    def used(self, epoch: int, batch: int) -> np.ndarray:
        """Number of batches of each task that came before batch ``batch`` of an epoch, ``(tasks,)`` int64."""
        before = [*map(self.schedule, range(epoch)), self.schedule(epoch)[:batch]]
        return np.bincount(np.concatenate(before), minlength=len(self.members))


class MultiTaskUpdates(Updates):
    """Each update is of one task, and changes the backbone and that task's head alone.

    The other heads stay as they are to the last bit: neither momentum nor weight decay reaches them.

    Args:
        model: the tasks.
        batches: their data and its order.
        recipe: epochs, optimiser and so on.
        strategy: under whose scope the model was built.
        uncertainty_learning_rate: peak learning rate of the log-variances.
        hooks: what changes the updates.
        options: of the optimiser and its schedule.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        batches: MultiTaskBatches,
        recipe: TrainingConfig,
        strategy: tf.distribute.Strategy,
        uncertainty_learning_rate: float,
        hooks: Hooks | None = None,
        options: PluginOptions | None = None,
    ) -> None:
        hooks = hooks or Hooks()
        uncertainty = Group("log_variance", learning_rate=uncertainty_learning_rate / recipe.learning_rate)
        with strategy.scope():
            self.optimizer = build_optimizer(
                recipe,
                total_steps(recipe, map(batches.steps, range(recipe.epochs))),
                groups=[uncertainty, *declared(layers_of(model))],
                partial_updates=True,
                **optimizer_options(options),
            )
            self.optimizer.build(model.trainable_variables)
            hooks.build(model, self.optimizer)
        self.batch_size = batches.batch_size
        self.batches = batches
        self._updates = [
            build_update(model.weighted(name), self.optimizer, recipe, strategy, hooks) for name in model.members
        ]
        self._streams = [_Stream(member, strategy) for member in batches.members.values()]

    def steps(self, epoch: int) -> int:
        return self.batches.steps(epoch)

    def start(self, epoch: int, skip: int) -> None:
        self._next_tasks = iter(self.batches.schedule(epoch)[skip:].tolist())
        for stream, used in zip(self._streams, self.batches.used(epoch, skip).tolist(), strict=True):
            stream.seek(used)

    def __call__(self, steps: int) -> tuple[tf.Tensor, tf.Tensor]:
        """One update; ``steps`` is 1."""
        task = next(self._next_tasks)
        return self._updates[task](self._streams[task].at_next_batch(), tf.constant(steps))


class _Stream:
    """The batches of one task, epoch after epoch."""

    def __init__(self, batches: TrainingBatches, strategy: tf.distribute.Strategy) -> None:
        self._batches = batches
        self._strategy = strategy
        self._used = 0
        self._data: Iterator[Any] | None = None

    def seek(self, used: int) -> None:
        """Makes the next batch the one after ``used`` batches."""
        if used != self._used:
            self._used, self._data = used, None

    def at_next_batch(self) -> Iterator[Any]:
        """An iterator whose next element is the next batch."""
        epoch, batch = divmod(self._used, self._batches.steps_per_epoch)
        if self._data is None or batch == 0:
            self._data = iter(distribute(self._strategy, self._batches.epoch(epoch, skip=batch)))
        self._used += 1
        return self._data
