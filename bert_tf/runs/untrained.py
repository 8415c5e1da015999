"""A backbone's model without training, for tasks that work so: read like a run directory, but nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bert_tf.backbones.loading import load_backbone
from bert_tf.config import ExperimentConfig, validate
from bert_tf.errors import UserError
from bert_tf.tasks import TASKS, find_schema, find_task
from bert_tf.tasks.task import TextTask


class UntrainedModel:
    """What :class:`bert_tf.runs.run_directory.RunDirectory` gives to readers, of a backbone alone.

    Args:
        backbone: backbone spec.
        task: a task whose model works without training.
        head: its options.

    Raises:
        UserError: the task has to be trained, or there is no such task or option.
    """

    def __init__(self, backbone: str, task: str, head: Mapping[str, Any]) -> None:
        self.path = backbone
        if not find_schema(task).works_untrained:
            able = [name for name in TASKS if find_schema(name).works_untrained]
            raise UserError(
                f"--task {task} has to be trained: give --run. Without training work: {', '.join(able)} (--task)."
            )
        self._class = find_task(task)
        self._options = validate(self._class.Options, head, flag_prefix="head.")
        self._config = ExperimentConfig(task=task, backbone=backbone, head=dict(head), output="")

    def config(self) -> ExperimentConfig:
        """The defaults of an experiment."""
        return self._config

    def load_model(self) -> TextTask:
        """Loads the backbone and puts the task on it, computing in float32."""
        length = self._config.data.sequence_length
        loaded = load_backbone(self.path, dtype="float32")
        length = min(length, getattr(loaded.backbone, "max_sequence_length", None) or length)
        return self._class.create(loaded, sequence_length=length, **self._options.model_dump())

    def examples(self) -> list[dict[str, str]]:
        """None are known."""
        return []
