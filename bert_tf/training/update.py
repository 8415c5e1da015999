"""One weight update in five steps: objective, gradient, accumulate, reduce, apply.

Each step is a function below, which a hook (:mod:`bert_tf.training.hook`) changes at its own place. A batch gives the
same update on one device, on several, and in accumulated pieces, up to the order of floating-point sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.training.hook import Gradient, Hooks, Objective

Update = Callable[[Iterator[Any], tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Trainable(Protocol):
    """What an update asks of a model; a :class:`bert_tf.tasks.task.TextTask` has it."""

    @property
    def trainable_variables(self) -> list[Any]: ...

    @property
    def losses(self) -> list[tf.Tensor]: ...

    def __call__(self, features: Mapping[str, tf.Tensor], training: bool = False) -> Any: ...

    def loss_per_example(self, targets: Any, outputs: Any) -> tf.Tensor: ...

    def loss_weights(self, targets: Any) -> tf.Tensor | None: ...


def build_update(
    model: Trainable,
    optimizer: keras.optimizers.Optimizer,
    recipe: TrainingConfig,
    strategy: tf.distribute.Strategy,
    hooks: Hooks | None = None,
) -> Update:
    """Returns ``update(iterator, steps)``: that many weight updates; gives (sum of losses, number) of the examples.

    Where a task counts tokens (``TextTask.loss_weights``), both are those of the tokens, over the whole global batch.
    """
    hooks = hooks or Hooks()
    variables = model.trainable_variables
    pieces = recipe.gradient_accumulation_steps
    scaled = recipe.mixed_precision == "float16"
    loss_of = hooks.wrap_objective(objective(model, shares=pieces * strategy.num_replicas_in_sync), model)
    gradient_of = hooks.wrap_gradient(gradient(loss_of, variables, optimizer if scaled else None), variables)
    if recipe.jit_compile:
        gradient_of = tf.function(gradient_of, jit_compile=True)

    def replica_update(
        features: Mapping[str, tf.Tensor], targets: Any, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        replica = tf.distribute.get_replica_context()
        counts = model.loss_weights(targets)
        weights = weights if counts is None else weights * counts
        total = replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_sum(weights))
        loss, gradients = accumulate(gradient_of, (features, targets, weights), total, pieces, len(variables))
        known = [index for index, value in enumerate(gradients) if value is not None]
        trained = [variables[index] for index in known]
        reduced = reduce(replica, [gradients[index] for index in known], trained, hooks)
        scale = optimizer.dynamic_scale.value if scaled else 1.0
        apply(optimizer, reduced, trained, recipe.global_clipnorm, scale, hooks)
        return loss * total, total / tf.cast(replica.num_replicas_in_sync, tf.float32)

    return _repeat(replica_update, recipe, strategy)


def objective(model: Trainable, shares: int) -> Objective:
    """The loss: the rows' share of the mean loss of the global batch, and of the model's own losses.

    Args:
        model: what is trained.
        shares: into how many parts the global batch is cut, over devices and accumulated pieces: ``model.losses``
            (regularisers, ``add_loss``) count once in a global batch.
    """

    def loss_of(features: Mapping[str, tf.Tensor], targets: Any, weights: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
        outputs = model(features, training=True)
        loss = tf.reduce_sum(weights * model.loss_per_example(targets, outputs)) / total
        for penalty in model.losses:
            loss += tf.cast(penalty, tf.float32) / shares
        return loss

    return loss_of


def gradient(
    loss_of: Objective, variables: Sequence[Any], scaler: keras.optimizers.Optimizer | None = None
) -> Gradient:
    """The gradient of the loss; ``scaler`` is the optimiser that scales the loss of float16."""

    def gradient_of(
        features: Mapping[str, tf.Tensor], targets: Any, weights: tf.Tensor, total: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor | None]]:
        with tf.GradientTape() as tape:
            loss = loss_of(features, targets, weights, total)
            scaled = scaler.scale_loss(loss) if scaler else loss
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        # Dense, because the norm of an embedding's gradient slices counts a repeated token's rows apart.
        return loss, [tf.convert_to_tensor(g) if g is not None else None for g in gradients]

    return gradient_of


def accumulate(
    gradient_of: Gradient, batch: tuple[Any, Any, tf.Tensor], total: tf.Tensor, pieces: int, variables: int
) -> tuple[tf.Tensor, list[tf.Tensor | None]]:
    """The sums over the pieces of one device's batch: the same gradient, in less memory."""
    rows = tf.shape(batch[2])[0] // pieces  # a distributed iterator forgets the static size
    loss = tf.constant(0.0)
    sums: list[tf.Tensor | None] = [None] * variables
    for piece in range(pieces):
        part = slice(piece * rows, (piece + 1) * rows)
        features, targets, weights = tf.nest.map_structure(lambda v, part=part: v[part], batch)
        piece_loss, gradients = gradient_of(features, targets, weights, total)
        loss += piece_loss
        sums = [_add(a, b) for a, b in zip(sums, gradients, strict=True)]
    return loss, sums


def reduce(
    replica: tf.distribute.ReplicaContext, gradients: list[tf.Tensor], variables: Sequence[Any], hooks: Hooks
) -> list[tf.Tensor]:
    """The sums over the devices: the gradient of the global batch."""
    return hooks.transform_gradients(
        list(replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)) if gradients else [], variables
    )


def apply(
    optimizer: keras.optimizers.Optimizer,
    gradients: list[tf.Tensor],
    variables: Sequence[Any],
    global_clipnorm: float | None,
    scale: tf.Tensor | float,
    hooks: Hooks,
) -> None:
    """Clips the whole gradient and lets the optimiser change the weights. ``scale`` is that of a float16 loss."""
    if global_clipnorm is not None:
        gradients, _ = tf.clip_by_global_norm(gradients, global_clipnorm * scale)
    optimizer.apply(gradients, variables)
    hooks.after_update(variables)


def _repeat(
    replica_update: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    recipe: TrainingConfig,
    strategy: tf.distribute.Strategy,
) -> Update:
    """The update on all devices, several times in one call of the compiled function where the recipe says so."""

    def one_update(data: Iterator[Any]) -> tuple[tf.Tensor, tf.Tensor]:
        sums = strategy.run(replica_update, args=next(data))
        return tuple(strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in sums)

    @tf.function
    def update(data: Iterator[Any], steps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if recipe.steps_per_execution == 1:
            return one_update(data)
        loss_sum = examples = tf.constant(0.0)
        for _ in tf.range(steps):
            step_loss, step_examples = one_update(data)
            loss_sum += step_loss
            examples += step_examples
        return loss_sum, examples

    return update


def _add(a: tf.Tensor | None, b: tf.Tensor | None) -> tf.Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b
