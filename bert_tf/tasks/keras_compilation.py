"""What ``compile`` chooses where nothing is given, and which losses of Keras a task takes."""

from __future__ import annotations

from typing import Any

import keras

from bert_tf.errors import UserError

_OF_PROBABILITIES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy")
_BERT_BASE_WIDTH = 768


def default_optimizer(backbone: Any) -> keras.optimizers.Optimizer:
    """AdamW with a weight decay of 0.01, but none of biases and of LayerNorm's weights.

    The learning rate is 5e-5 for the width of BERT-base and rises with a smaller one (4e-4 for zh_mini, width 192):
    small encoders hardly move with BERT's.

    Args:
        backbone: a KerasHub encoder, or ``None``.
    """
    width = getattr(backbone, "hidden_dim", _BERT_BASE_WIDTH)
    rate = 5e-5 * max(1.0, (_BERT_BASE_WIDTH / width) ** 1.5)
    optimizer = keras.optimizers.AdamW(min(rate, 1e-3), weight_decay=0.01)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def check_loss(task: Any, loss: Any) -> None:
    """Refuses a loss of Keras that would not do what is asked for.

    Raises:
        UserError: the task's targets and outputs are no classes and logits, the loss reads probabilities, or the task
            has options of its own loss, which would be ignored.
    """
    name = type(task).__name__
    if not task.takes_keras_loss:
        raise UserError(
            f"loss {loss!r}: {name} is trained with its own loss, whose targets are no classes: leave loss out."
        )
    reads_probabilities = loss in _OF_PROBABILITIES if isinstance(loss, str) else _from_logits(loss) is False
    if reads_probabilities:
        raise UserError(
            f"loss {loss!r}: {name} gives logits, but this loss reads probabilities: take "
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True), or of multi_label "
            "BinaryCrossentropy(from_logits=True); or leave loss out."
        )
    config = task.get_config() if getattr(task, "_initialized", False) else {}
    defaults = {"label_smoothing": 0.0, "focal_gamma": 0.0, "class_weights": "none"}
    ignored = [option for option, default in defaults.items() if config.get(option, default) != default]
    if ignored:
        raise UserError(
            f"loss {loss!r}: the task's {ignored[0]} {config[ignored[0]]} is an option of its own loss and would be "
            "ignored: leave loss out, or the option."
        )


def _from_logits(loss: Any) -> bool | None:
    return loss.get_config().get("from_logits") if isinstance(loss, keras.losses.Loss) else None
