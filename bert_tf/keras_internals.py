"""Everything of Keras and KerasHub that is not public, in one place: an upgrade is checked here.

Written for Keras 3.15 and KerasHub 0.32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import keras
from keras_hub.src.utils.preset_utils import (
    CONFIG_FILE,
    PREPROCESSOR_CONFIG_FILE,
    TASK_CONFIG_FILE,
    TASK_WEIGHTS_FILE,
    check_config_class,
    check_file_exists,
    get_preset_loader,
    load_json,
)
from keras_hub.src.utils.tensor_utils import no_convert_scope, preprocessing_function

__all__ = [
    "CONFIG_FILE",
    "PREPROCESSOR_CONFIG_FILE",
    "TASK_CONFIG_FILE",
    "TASK_WEIGHTS_FILE",
    "check_config_class",
    "check_file_exists",
    "get_preset_loader",
    "layers_of",
    "load_json",
    "no_convert_scope",
    "preprocessing_function",
    "reduced",
]


def layers_of(model: keras.layers.Layer) -> list[keras.layers.Layer]:
    """A model's layers, those inside other layers too; the model itself first."""
    return list(model._flatten_layers())


@cache
def reduced(base: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """An optimiser class of Keras for gradients that are already summed over the replicas.

    Keras's own would sum them again. The training step has to do it earlier, because a global norm is only right to
    clip once the gradient is whole.

    Args:
        base: any optimiser class of Keras.

    Returns:
        A subclass in which ``decay(variables, apply)`` may be overridden, too.
    """

    class Reduced(base):
        def _all_reduce_sum_gradients(self, grads_and_vars: Sequence[tuple[Any, Any]]) -> Sequence[tuple[Any, Any]]:
            return grads_and_vars

        def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
            self.decay(variables, super()._apply_weight_decay)

        def decay(self, variables: Sequence[Any], apply: Callable[[Sequence[Any]], None]) -> None:
            """Decays the weights of variables by ``self.weight_decay``."""
            apply(variables)

        def key_of(self, variable: Any) -> Any:
            """What tells a variable from others, also where an update sees one device's copy of it."""
            return self._var_key(variable)

    Reduced.__name__ = Reduced.__qualname__ = f"Reduced{base.__name__}"
    return Reduced
