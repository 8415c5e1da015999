"""What a preset directory holds, before it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert_tf.backbones.shipped_presets import shipped_preset
from bert_tf.data.labels import short_list
from bert_tf.errors import UserError
from bert_tf.keras_internals import (
    TASK_CONFIG_FILE,
    TASK_WEIGHTS_FILE,
    check_config_class,
    check_file_exists,
    load_json,
)


def is_saved_task(preset: str, task_class: type[Any]) -> bool:
    """Whether the preset holds a task of this class; of any other, only the encoder is taken."""
    is_handle = "://" in preset and not preset.startswith("package://")
    if shipped_preset(preset) is not None or not (Path(preset).is_dir() or is_handle):
        return False  # KerasHub's own presets hold tasks of its own classes
    if not check_file_exists(preset, TASK_CONFIG_FILE):
        return False
    return issubclass(check_config_class(load_json(preset, TASK_CONFIG_FILE)), task_class)


def check_same_labels(preset: str, labels: Sequence[str] | None) -> None:
    """Raises UserError if the saved head has other labels than those that were given."""
    saved = load_json(preset, TASK_CONFIG_FILE)["config"].get("labels")
    if labels is not None and saved is not None and list(labels) != saved:
        raise UserError(
            f"labels: the model in {preset} was trained with {short_list(saved)}: leave labels out, or put a new head "
            "on its encoder by num_classes or from_data."
        )


def check_head(preset: str, task: Any) -> None:
    """Raises UserError if the task has weights of its own, but the preset has none: KerasHub leaves them random."""
    if task.has_task_weights() and not check_file_exists(preset, TASK_WEIGHTS_FILE):
        raise UserError(f"{preset}/{TASK_WEIGHTS_FILE} is missing: the model has no head. Copy the whole model again.")
