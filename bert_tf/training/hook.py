"""What a plug-in may change of a training, beside the task and the optimiser: its contract, and several as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import keras
import tensorflow as tf

Objective = Callable[[Mapping[str, tf.Tensor], Any, tf.Tensor, tf.Tensor], tf.Tensor]
"""``(features, targets, weights (rows,) float32, total () float32)`` to the rows' share of the mean loss, ``()``."""

Gradient = Callable[[Mapping[str, tf.Tensor], Any, tf.Tensor, tf.Tensor], tuple[tf.Tensor, list[tf.Tensor | None]]]
"""The arguments of an :data:`Objective` to the loss and one gradient for each trainable variable."""


class Hook(keras.callbacks.Callback):
    """A Keras callback that may also change the weight update. Each method's default changes nothing.

    The methods from :meth:`wrap_objective` to :meth:`after_update` are called while the update is traced: they build
    TensorFlow ops and keep what changes in :meth:`variables`. The events are those of Keras (``on_epoch_begin``, …).

    Example:
    ```python
    class Noise(Hook):
        def transform_gradients(self, gradients, variables):
            return [g + tf.random.normal(tf.shape(g), stddev=0.01) for g in gradients]
    ```
    """

    def build(self, model: Any, optimizer: keras.optimizers.Optimizer) -> None:
        """Called once, under the strategy's scope, before the update is traced: creates :meth:`variables`."""

    def wrap_objective(self, objective: Objective, model: Any) -> Objective:
        """Returns the loss of a piece of the batch, made of the one before (R-Drop, distillation, mixup)."""
        return objective

    def wrap_gradient(self, gradient: Gradient, variables: Sequence[Any]) -> Gradient:
        """Returns the gradient of a piece, made of the one before (FGM, SAM, clipping of each example)."""
        return gradient

    def transform_gradients(self, gradients: list[tf.Tensor], variables: Sequence[Any]) -> list[tf.Tensor]:
        """Changes the gradients of the global batch, after they were summed over the replicas and before clipping."""
        return gradients

    def after_update(self, variables: Sequence[Any]) -> None:
        """Runs after the optimiser has changed the weights (moving averages, masks)."""
        return None  # AutoGraph cannot read a function without a statement

    def weights_for_evaluation(self) -> AbstractContextManager[None]:
        """A context in which the model has the weights that are evaluated and saved."""
        return nullcontext()

    def variables(self) -> list[Any]:
        """Variables that go into the checkpoint, so that a resumed run continues exactly."""
        return []


class Hooks:
    """Several hooks as one, in their order: the first is the innermost."""

    def __init__(self, hooks: Sequence[Hook] = ()) -> None:
        self.hooks = list(hooks)

    def build(self, model: Any, optimizer: keras.optimizers.Optimizer) -> None:
        """See :meth:`Hook.build`."""
        for hook in self.hooks:
            hook.build(model, optimizer)

    def wrap_objective(self, objective: Objective, model: Any) -> Objective:
        """See :meth:`Hook.wrap_objective`."""
        for hook in self.hooks:
            objective = hook.wrap_objective(objective, model)
        return objective

    def wrap_gradient(self, gradient: Gradient, variables: Sequence[Any]) -> Gradient:
        """See :meth:`Hook.wrap_gradient`."""
        for hook in self.hooks:
            gradient = hook.wrap_gradient(gradient, variables)
        return gradient

    def transform_gradients(self, gradients: list[tf.Tensor], variables: Sequence[Any]) -> list[tf.Tensor]:
        """See :meth:`Hook.transform_gradients`."""
        for hook in self.hooks:
            gradients = hook.transform_gradients(gradients, variables)
        return gradients

    def after_update(self, variables: Sequence[Any]) -> None:
        """See :meth:`Hook.after_update`."""
        for hook in self.hooks:
            hook.after_update(variables)

    @contextmanager
    def weights_for_evaluation(self) -> Iterator[None]:
        """See :meth:`Hook.weights_for_evaluation`."""
        with ExitStack() as stack:
            for hook in self.hooks:
                stack.enter_context(hook.weights_for_evaluation())
            yield

    def variables(self) -> list[Any]:
        """See :meth:`Hook.variables`."""
        return [variable for hook in self.hooks for variable in hook.variables()]
