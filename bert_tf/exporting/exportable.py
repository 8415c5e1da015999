"""What an export format is given to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bert_tf.backbones.loading import LoadedBackbone
    from bert_tf.tasks.task import TextTask

Texts = Sequence[Mapping[str, Any]]
"""Records: column to text."""


class Exportable:
    """A trained task, several on one backbone, or a backbone alone; a model is loaded when it is first asked for.

    Args:
        load_tasks: gives the tasks by name; one that stands alone is named ``""``. None of a backbone alone.
        examples: real records of each task, by its name.
        preset: directory that holds the one task, where it is saved already.
        load_backbone: gives a backbone alone.
    """

    def __init__(
        self,
        load_tasks: Callable[[], Mapping[str, TextTask]] | None = None,
        examples: Mapping[str, Texts] | None = None,
        *,
        preset: Path | None = None,
        load_backbone: Callable[[], LoadedBackbone] | None = None,
    ) -> None:
        self._load_tasks = load_tasks
        self._load_backbone = load_backbone
        self.examples = dict(examples or {})
        self.preset = preset

    @classmethod
    def of_task(cls, task: TextTask, examples: Texts = ()) -> Exportable:
        """One task that is in memory.

        Args:
            task: the model.
            examples: real records.
        """
        return cls(lambda: {"": task}, {"": examples})

    @classmethod
    def of_backbone(cls, loaded: LoadedBackbone) -> Exportable:
        """A backbone that is in memory."""
        return cls(load_backbone=lambda: loaded)

    @cached_property
    def tasks(self) -> dict[str, TextTask]:
        """The tasks by name; one that stands alone is named ``""``. Empty for a backbone alone."""
        return {} if self._load_tasks is None else dict(self._load_tasks())

    @property
    def task(self) -> TextTask:
        """The one task."""
        [task] = self.tasks.values()
        return task

    @property
    def is_several(self) -> bool:
        """Whether there are several tasks."""
        return bool(self.examples) and "" not in self.examples

    @cached_property
    def backbone(self) -> LoadedBackbone | None:
        """The backbone, where it is exported alone."""
        return None if self._load_backbone is None else self._load_backbone()

    @property
    def is_backbone(self) -> bool:
        """Whether it is a backbone alone."""
        return self._load_backbone is not None
