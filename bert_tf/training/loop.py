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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import keras
import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.errors import UserError
from bert_tf.tasks.task import TextTask
from bert_tf.training.checkpoint import Checkpoints, Progress
from bert_tf.training.optimizer import build_optimizer
from bert_tf.training.progress import ProgressReport, TensorBoardCurves
from bert_tf.training.run_directory import RunDirectory
from bert_tf.training.strategy import check_batch_size, distribute, is_chief

logger = logging.getLogger("bert_tf")


class Batches(Protocol):
    """What the loop asks of its data; ``data.batching`` and ``pretraining.batches`` provide it.

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


class Trainable(Protocol):
    """What an update asks of a model; a :class:`bert_tf.tasks.task.TextTask` has it."""

    @property
    def trainable_variables(self) -> list[Any]: ...

    def __call__(self, features: Mapping[str, tf.Tensor], training: bool = False) -> Any: ...

    def loss_per_example(self, targets: Any, outputs: Any) -> tf.Tensor: ...

    def loss_weights(self, targets: Any) -> tf.Tensor | None: ...


def train(
    task: TextTask,
    batches: Batches | Updates,
    recipe: TrainingConfig,
    run: RunDirectory,
    *,
    validate: Callable[[], Mapping[str, Any]] | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    strategy: tf.distribute.Strategy | None = None,
    progress: Progress | None = None,
) -> Progress:
    """Trains ``task`` and leaves its best epoch in ``run.model``.

    Args:
        task: built under ``strategy.scope()``.
        batches: the training data; or, where not every batch is of one task, the updates.
        recipe: epochs, optimiser and so on.
        run: gets checkpoints, curves, ``metrics.jsonl`` and the model.
        validate: returns the metrics on the validation data; without it the last epoch is the best.
        resume: continue from the newest checkpoint in ``run``.
        callbacks: ordinary Keras callbacks; ``model.stop_training`` is honoured after each epoch.
        strategy: as in ``tf.distribute``; default the current one.
        progress: gets the place in the training, and may carry more that belongs into a checkpoint.

    Returns:
        Where the training ended: ``progress``.

    Raises:
        UserError: the batch cannot be cut evenly, the loss became NaN, a checkpoint cannot be written or does not fit.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; a checkpoint was written first.
    """
    strategy = strategy or tf.distribute.get_strategy()
    check_batch_size(strategy, batches.batch_size, recipe.gradient_accumulation_steps)
    metric, more_is_better = task.best_metric
    if recipe.best_metric not in (None, metric):
        metric, more_is_better = recipe.best_metric, recipe.best_metric not in task.lower_is_better

    updates = batches if isinstance(batches, Updates) else OneTaskUpdates(task, batches, recipe, strategy)
    optimizer = updates.optimizer
    with strategy.scope():
        task.compile(optimizer=optimizer)
    progress = progress or Progress()
    checkpoints = Checkpoints(run.checkpoints, task, optimizer, progress, recipe.checkpoints_to_keep)
    chief = is_chief(strategy)
    if resume and checkpoints.restore():
        logger.info("resuming at epoch %d, batch %d", progress.epoch + 1, progress.batch)
    elif resume:
        logger.info("the run was stopped before its first checkpoint: it starts at epoch 1")
    if chief:
        run.forget_after(progress.step)

    own = [ProgressReport(updates.steps, metric, progress.batch)] if chief else []
    if chief and recipe.tensorboard:
        own.append(TensorBoardCurves(run.logs))
    listeners = keras.callbacks.CallbackList(
        [*own, *callbacks], model=task, epochs=recipe.epochs, steps=updates.steps(progress.epoch)
    )
    task.stop_training = progress.stopped

    with stop_requests() as stop_requested:
        listeners.on_train_begin()
        while progress.epoch < recipe.epochs and not task.stop_training:
            epoch, started = progress.epoch, time.monotonic()
            last = updates.steps(epoch)
            listeners.on_epoch_begin(epoch)
            updates.start(epoch, progress.batch)
            while progress.batch < last:
                steps = min(recipe.steps_per_call, last - progress.batch)
                listeners.on_train_batch_begin(progress.batch)
                loss_sum, examples = (float(value) for value in updates(steps))
                if loss_sum != loss_sum and recipe.mixed_precision != "float16":
                    raise UserError(
                        f"The loss became NaN at step {progress.step + steps}: use a smaller --training.learning_rate"
                        " or --training.gradient_clip_norm 1. The last good checkpoint is kept."
                    )
                before = progress.step
                progress.loss_sum += loss_sum
                progress.loss_examples += examples
                progress.batch += steps
                progress.step += steps
                listeners.on_train_batch_end(
                    progress.batch - 1,
                    {"loss": loss_sum / examples, "learning_rate": float(optimizer.learning_rate)},
                )
                if stop_requested():
                    if chief:
                        checkpoints.save()
                    listeners.on_train_end()
                    raise KeyboardInterrupt(f"the run continues with --config {run.config_file} --resume")
                due = before // recipe.checkpoint_every != progress.step // recipe.checkpoint_every
                if chief and due and progress.batch < last:
                    checkpoints.save()

            logs = {"loss": progress.loss_sum / progress.loss_examples, "seconds": time.monotonic() - started}
            metrics = validate() if validate else {}
            logs |= {f"val_{name}": value for name, value in metrics.items() if isinstance(value, int | float)}
            if validate and metric not in metrics:
                numbers = ", ".join(name for name, value in metrics.items() if isinstance(value, int | float))
                raise UserError(f"--training.best_metric {metric}: there is no such metric; there are: {numbers}.")
            value = metrics.get(metric)
            if value is None or improves(value, progress.best, more_is_better):
                progress.best, progress.best_epoch, progress.epochs_without_improvement = value, epoch, 0
                if chief:
                    run.save_model(task)
            else:
                progress.epochs_without_improvement += 1
            if chief:
                run.append_metrics({"epoch": epoch + 1, "step": progress.step, **logs})
            progress.epoch, progress.batch, progress.loss_sum, progress.loss_examples = epoch + 1, 0, 0.0, 0.0
            listeners.on_epoch_end(epoch, logs)
            patience = recipe.early_stopping_patience
            if patience is not None and progress.epochs_without_improvement >= patience:
                logger.info("early stopping: %s has not improved for %d epoch(s)", metric, patience)
                task.stop_training = True
            progress.stopped = bool(task.stop_training)
            if chief:
                checkpoints.save()
        listeners.on_train_end()
    return progress


class OneTaskUpdates(Updates):
    """Weight updates of one task, batch after batch.

    Args:
        task: the model.
        batches: its training data.
        recipe: epochs, optimiser and so on.
        strategy: under whose scope the model was built.
    """

    def __init__(
        self, task: TextTask, batches: Batches, recipe: TrainingConfig, strategy: tf.distribute.Strategy
    ) -> None:
        self.batch_size = batches.batch_size
        with strategy.scope():
            self.optimizer = build_optimizer(recipe, total_steps=sum(map(batches.steps, range(recipe.epochs))))
            self.optimizer.build(task.trainable_variables)
        self._batches = batches
        self._strategy = strategy
        self._update = build_update(task, self.optimizer, recipe, strategy)

    def steps(self, epoch: int) -> int:
        return self._batches.steps(epoch)

    def start(self, epoch: int, skip: int) -> None:
        self._data = iter(distribute(self._strategy, self._batches.epoch(epoch, skip=skip)))

    def __call__(self, steps: int) -> tuple[tf.Tensor, tf.Tensor]:
        return self._update(self._data, tf.constant(steps))


def build_update(
    task: Trainable,
    optimizer: keras.optimizers.Optimizer,
    recipe: TrainingConfig,
    strategy: tf.distribute.Strategy,
) -> Callable[[Iterator[Any], tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns ``update(iterator, steps)``: that many weight updates; gives (sum of losses, number) of the examples.

    Where a task counts tokens (``TextTask.loss_weights``), both are those of the tokens, over the whole global batch.
    """
    variables = task.trainable_variables
    pieces = recipe.gradient_accumulation_steps

    def gradient(
        features: Mapping[str, tf.Tensor], targets: Any, weights: tf.Tensor, examples: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The gradient of one piece's share in the mean loss of the global batch."""
        with tf.GradientTape() as tape:
            outputs = task(features, training=True)
            loss = tf.reduce_sum(weights * task.loss_per_example(targets, outputs)) / examples
            scaled = optimizer.scale_loss(loss) if recipe.mixed_precision == "float16" else loss
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        # Dense, because the norm of an embedding's gradient slices counts a repeated token's rows apart.
        return loss, [tf.convert_to_tensor(g) if g is not None else None for g in gradients]

    if recipe.xla:
        gradient = tf.function(gradient, jit_compile=True)

    def replica_update(
        features: Mapping[str, tf.Tensor], targets: Any, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        replica = tf.distribute.get_replica_context()
        counts = task.loss_weights(targets)
        weights = weights if counts is None else weights * counts
        examples = replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_sum(weights))
        rows = tf.shape(weights)[0] // pieces  # a distributed iterator forgets the static size
        loss = tf.constant(0.0)
        total: list[tf.Tensor | None] = [None] * len(variables)
        for piece in range(pieces):
            part = slice(piece * rows, (piece + 1) * rows)
            inputs, goals, shares = tf.nest.map_structure(lambda v, part=part: v[part], (features, targets, weights))
            piece_loss, gradients = gradient(inputs, goals, shares, examples)
            loss += piece_loss
            total = [_add(a, b) for a, b in zip(total, gradients, strict=True)]
        known = [index for index, value in enumerate(total) if value is not None]
        reduced = list(replica.all_reduce(tf.distribute.ReduceOp.SUM, [total[index] for index in known]))
        if recipe.gradient_clip_norm is not None:
            scale = optimizer.dynamic_scale.value if recipe.mixed_precision == "float16" else 1.0
            reduced, _ = tf.clip_by_global_norm(reduced, recipe.gradient_clip_norm * scale)
        optimizer.apply(reduced, [variables[index] for index in known])
        return loss * examples, examples / tf.cast(replica.num_replicas_in_sync, tf.float32)

    def one_update(data: Iterator[Any]) -> tuple[tf.Tensor, tf.Tensor]:
        sums = strategy.run(replica_update, args=next(data))
        return tuple(strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in sums)

    @tf.function
    def update(data: Iterator[Any], steps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if recipe.steps_per_call == 1:
            return one_update(data)
        loss_sum = examples = tf.constant(0.0)
        for _ in tf.range(steps):
            step_loss, step_examples = one_update(data)
            loss_sum += step_loss
            examples += step_examples
        return loss_sum, examples

    return update


def improves(value: float, best: float | None, more_is_better: bool) -> bool:
    """Whether ``value`` beats ``best``; NaN beats nothing but the absence of a value."""
    if best is None or best != best:
        return True
    return value > best if more_is_better else value < best


def _add(a: tf.Tensor | None, b: tf.Tensor | None) -> tf.Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


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
