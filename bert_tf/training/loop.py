"""The training loop, to be read top to bottom. It drives any task under any ``tf.distribute`` strategy.

What it repeats is a weight update: of one task (:class:`OneTaskUpdates`), or of whichever of several is next
(``bert_tf.multi_task``).

Exactness, and where it is tested (tests/training): a batch gives the same update on one device, on several devices,
in several processes, or in accumulated pieces, up to the order of floating-point sums (dropout draws different masks);
a run that was killed and resumed ends with the same weights as one that was not.
"""

from __future__ import annotations

import logging
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import keras
import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.errors import UserError
from bert_tf.keras_internals import layers_of
from bert_tf.optimization.build_optimizer import build_optimizer
from bert_tf.optimization.groups import declared
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.monitor import Monitor
from bert_tf.tasks.task import TextTask
from bert_tf.training.checkpoint import Checkpoints, Progress
from bert_tf.training.hook import Hooks
from bert_tf.training.plugin_options import PluginOptions
from bert_tf.training.progress import ProgressReport, TensorBoardCurves
from bert_tf.training.step_losses import StepLosses
from bert_tf.training.strategy import check_batch_size, distribute, is_chief
from bert_tf.training.update import build_update

logger = logging.getLogger("bert_tf")

STEPS_BETWEEN_LOSSES = 10
"""Steps between two points of a curve, and between two looks whether the loss is a number."""


class Batches(Protocol):
    """What the loop asks of its data; ``data.batching`` and ``pretraining`` provide it.

    Attributes:
        batch_size: rows of every batch, over all devices, or what they are a multiple of.
    """

    batch_size: int

    def steps(self, epoch: int) -> int:
        """Number of batches of an epoch."""

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """``(features, targets, weights (batch,) float32)`` of one epoch from batch ``skip`` on."""


class Updates(ABC):
    """What the loop repeats.

    Attributes:
        batch_size: rows of every batch, over all devices.
        optimizer: built; its iterations count the updates.
    """

    batch_size: int
    optimizer: keras.optimizers.Optimizer

    @abstractmethod
    def steps(self, epoch: int) -> int:
        """Number of updates in an epoch."""

    @abstractmethod
    def start(self, epoch: int, skip: int) -> None:
        """Makes batch ``skip`` of an epoch the next one."""

    @abstractmethod
    def __call__(self, steps: int) -> tuple[tf.Tensor, tf.Tensor]:
        """That many weight updates; gives (sum of losses, number) of the examples."""


def train(
    task: TextTask,
    batches: Batches | Updates,
    recipe: TrainingConfig,
    run: RunDirectory,
    *,
    validate: Callable[[], Mapping[str, Any]] | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    hooks: Hooks | None = None,
    options: PluginOptions | None = None,
    strategy: tf.distribute.Strategy | None = None,
    progress: Progress | None = None,
) -> Progress:
    """Trains ``task`` and leaves its best evaluation in ``run.model``.

    Args:
        task: built under ``strategy.scope()``.
        batches: the training data; or, where not every batch is of one task, the updates.
        recipe: epochs, optimiser and so on.
        run: gets checkpoints, curves, ``metrics.jsonl`` and the model.
        validate: returns the metrics on the validation data; without it the last evaluation is the best.
        resume: continue from the newest checkpoint in ``run``.
        callbacks: Keras callbacks; ``model.stop_training`` is honoured after each epoch.
        hooks: what changes the weight update; of ``batches`` that are updates, the hooks they were built with.
        options: of the optimiser and its schedule.
        strategy: as in ``tf.distribute``; default the current one.
        progress: gets the place in the training, and may carry more that belongs into a checkpoint.

    Returns:
        Where the training ended: ``progress``.

    Raises:
        UserError: the batch cannot be cut evenly, the loss became NaN, a checkpoint cannot be written or does not fit.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; a checkpoint was written first.
    """
    strategy = strategy or tf.distribute.get_strategy()
    hooks = hooks or Hooks()
    check_batch_size(strategy, batches.batch_size, recipe.gradient_accumulation_steps)
    updates = (
        batches if isinstance(batches, Updates) else OneTaskUpdates(task, batches, recipe, strategy, hooks, options)
    )
    with strategy.scope():
        task.compile(optimizer=updates.optimizer)
    progress = progress or Progress()
    checkpoints = Checkpoints(run.checkpoints, task, updates.optimizer, progress, recipe.max_to_keep, hooks.variables())
    chief = is_chief(strategy)
    if resume and checkpoints.restore():
        logger.info("resuming at epoch %d, batch %d", progress.epoch + 1, progress.batch)
    elif resume:
        logger.info("the run was stopped before its first checkpoint: it starts at epoch 1")
    if chief:
        run.forget_after(progress.step)
    loop = _Loop(task, updates, recipe, run, validate, hooks, checkpoints, progress, chief, callbacks)
    with stop_requests() as stop_requested:
        loop.run(stop_requested)
    return progress


class _Loop:
    """Epochs of updates, evaluations and checkpoints; the arguments are those of :func:`train`."""

    def __init__(
        self,
        task: TextTask,
        updates: Updates,
        recipe: TrainingConfig,
        run: RunDirectory,
        validate: Callable[[], Mapping[str, Any]] | None,
        hooks: Hooks,
        checkpoints: Checkpoints,
        progress: Progress,
        chief: bool,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        self.task, self.updates, self.recipe, self.run_directory = task, updates, recipe, run
        self.validate, self.hooks, self.checkpoints, self.progress = validate, hooks, checkpoints, progress
        self.chief = chief
        self.monitor = Monitor.of(task, recipe)
        self.losses = StepLosses(progress, recipe)
        own = [ProgressReport(updates.steps, self.monitor.name, progress.batch)] if chief else []
        if chief and recipe.tensorboard:
            own.append(TensorBoardCurves(run.logs))
        foreign = [*hooks.hooks, *callbacks]
        # Reading a loss waits for the device: every step only where somebody wants every loss.
        self.steps_between_losses = 1 if foreign else STEPS_BETWEEN_LOSSES
        self.listeners = keras.callbacks.CallbackList(
            [*own, *foreign], model=task, epochs=recipe.epochs, steps=updates.steps(progress.epoch)
        )

    def run(self, stop_requested: Callable[[], bool]) -> None:
        """Runs to the end, or to the next step after a stop is requested."""
        progress, task = self.progress, self.task
        task.stop_training = progress.stopped
        self.listeners.on_train_begin()
        while progress.epoch < self.recipe.epochs and not task.stop_training:
            epoch, started = progress.epoch, time.monotonic()
            self.listeners.on_epoch_begin(epoch)
            self._steps_of_epoch(stop_requested)
            logs = {"loss": self.losses.mean(), "seconds": time.monotonic() - started}
            if self.recipe.evaluate_every is None or self._is_last(epoch):
                logs |= self._evaluate(logs)
            else:
                self._note(logs)
            progress.epoch, progress.batch, progress.loss_sum, progress.loss_examples = epoch + 1, 0, 0.0, 0.0
            self.listeners.on_epoch_end(epoch, logs)
            progress.stopped = bool(task.stop_training) or self._is_out_of_steps() or self._is_out_of_patience()
            task.stop_training = progress.stopped
            if self.chief:
                self.checkpoints.save()
        self.listeners.on_train_end()

    def _steps_of_epoch(self, stop_requested: Callable[[], bool]) -> None:
        progress, recipe = self.progress, self.recipe
        last = self._last_batch()
        self.updates.start(progress.epoch, progress.batch)
        while progress.batch < last and not progress.stopped:
            steps = min(recipe.steps_per_execution, last - progress.batch)
            self.listeners.on_train_batch_begin(progress.batch)
            self.losses.add(*self.updates(steps), steps)
            before = progress.step
            progress.batch += steps
            progress.step += steps
            wanted = crosses(before, progress.step, self.steps_between_losses) or progress.batch == last
            self.listeners.on_train_batch_end(progress.batch - 1, self._logs() if wanted else {})
            if stop_requested():
                self._stop()
            evaluates = recipe.evaluate_every and crosses(before, progress.step, recipe.evaluate_every)
            if evaluates and progress.batch < last:
                self._evaluate({"loss": self.losses.mean()})
                progress.stopped = self._is_out_of_patience()
            due = crosses(before, progress.step, recipe.checkpoint_every)
            if self.chief and (due or evaluates) and progress.batch < last:
                self.losses.read()
                self.checkpoints.save()

    def _last_batch(self) -> int:
        """Number of batches of this epoch, fewer where ``max_steps`` ends it."""
        last, progress = self.updates.steps(self.progress.epoch), self.progress
        if self.recipe.max_steps is None:
            return last
        return min(last, progress.batch + max(0, self.recipe.max_steps - progress.step))

    def _is_last(self, epoch: int) -> bool:
        return epoch + 1 == self.recipe.epochs or self._is_out_of_steps()

    def _is_out_of_steps(self) -> bool:
        return self.recipe.max_steps is not None and self.progress.step >= self.recipe.max_steps

    def _is_out_of_patience(self) -> bool:
        patience = self.recipe.early_stopping_patience
        if patience is None or self.progress.epochs_without_improvement < patience:
            return False
        logger.info("early stopping: %s has not improved for %d evaluation(s)", self.monitor.name, patience)
        return True

    def _logs(self) -> dict[str, float]:
        """The loss of the last step and its learning rate."""
        return {"loss": self.losses.read(), "learning_rate": float(self.updates.optimizer.learning_rate)}

    def _stop(self) -> None:
        self.losses.read()
        if self.chief:
            self.checkpoints.save()
        self.listeners.on_train_end()
        raise KeyboardInterrupt(f"the run continues with --config {self.run_directory.config_file} --resume")

    def _evaluate(self, logs: Mapping[str, float]) -> dict[str, Any]:
        """Scores the model and keeps it if it is the best; returns the scores by the names of ``metrics.jsonl``."""
        progress = self.progress
        with self.hooks.weights_for_evaluation():
            metrics = self.validate() if self.validate else {}
            scores = {f"val_{name}": value for name, value in metrics.items() if isinstance(value, int | float)}
            if self.validate and self.monitor.name not in metrics:
                numbers = ", ".join(name for name, value in metrics.items() if isinstance(value, int | float))
                raise UserError(
                    f"--training.monitor {self.monitor.name}: there is no such metric; there are: {numbers}."
                )
            value = metrics.get(self.monitor.name)
            if value is None or self.monitor.improves(value, progress.best):
                progress.best, progress.best_epoch = value, progress.epoch
                progress.epochs_without_improvement = 0
                if self.chief:
                    self.run_directory.save_model(self.task)
            else:
                progress.epochs_without_improvement += 1
        self._note({**logs, **scores})
        return scores

    def _note(self, numbers: Mapping[str, Any]) -> None:
        """Writes a line of ``metrics.jsonl``."""
        if self.chief:
            self.run_directory.append_metrics({"epoch": self.progress.epoch + 1, "step": self.progress.step, **numbers})


class OneTaskUpdates(Updates):
    """Weight updates of one task, batch after batch.

    Args:
        task: the model.
        batches: its training data.
        recipe: epochs, optimiser and so on.
        strategy: under whose scope the model was built.
        hooks: what changes the update.
        options: of the optimiser and its schedule.
    """

    def __init__(
        self,
        task: TextTask,
        batches: Batches,
        recipe: TrainingConfig,
        strategy: tf.distribute.Strategy,
        hooks: Hooks | None = None,
        options: PluginOptions | None = None,
    ) -> None:
        hooks = hooks or Hooks()
        self.batch_size = batches.batch_size
        with strategy.scope():
            steps = total_steps(recipe, map(batches.steps, range(recipe.epochs)))
            self.optimizer = build_optimizer(
                recipe, steps, groups=declared(layers_of(task)), **optimizer_options(options)
            )
            self.optimizer.build(task.trainable_variables)
            hooks.build(task, self.optimizer)
        self._batches = batches
        self._strategy = strategy
        self._update = build_update(task, self.optimizer, recipe, strategy, hooks)

    def steps(self, epoch: int) -> int:
        return self._batches.steps(epoch)

    def start(self, epoch: int, skip: int) -> None:
        self._data = iter(distribute(self._strategy, self._batches.epoch(epoch, skip=skip)))

    def __call__(self, steps: int) -> tuple[tf.Tensor, tf.Tensor]:
        return self._update(self._data, tf.constant(steps))


def total_steps(recipe: TrainingConfig, steps_of_epochs: Iterable[int]) -> int:
    """Weight updates of the whole training."""
    steps = sum(steps_of_epochs)
    return steps if recipe.max_steps is None else min(steps, recipe.max_steps)


def optimizer_options(options: PluginOptions | None) -> dict[str, Any]:
    """The options as ``build_optimizer`` takes them."""
    return {} if options is None else {"options": options.optimizer, "schedule_options": options.schedule}


def crosses(before: int, after: int, every: int) -> bool:
    """Whether a multiple of ``every`` lies behind ``before`` and not behind ``after``."""
    return before // every != after // every


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Lets the loop finish its step when Ctrl-C or SIGTERM comes; the second one stops at once."""
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        logger.warning("stopping after this step (once more: at once, without a checkpoint) …")

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
