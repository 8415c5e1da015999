"""Which metric chooses the best epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from bert_tf.config import TrainingConfig
from bert_tf.metrics.extra import lower_is_better

if TYPE_CHECKING:
    from bert_tf.tasks.task import TextTask


class Monitor(NamedTuple):
    """A metric and its direction, as ``monitor`` and ``mode`` of Keras's callbacks.

    Attributes:
        name: of the metric.
        mode: ``min`` where less is better.
    """

    name: str
    mode: Literal["min", "max"]

    @classmethod
    def of(cls, task: TextTask, recipe: TrainingConfig | None = None) -> Monitor:
        """The metric of a recipe, or else that of the task."""
        name, mode = (None, "auto") if recipe is None else (recipe.monitor, recipe.mode)
        chosen = task.monitor if name is None else name
        if mode != "auto":
            return cls(chosen, mode)
        if chosen == task.monitor:
            return cls(chosen, task.mode)
        lower = task.lower_is_better | lower_is_better([] if recipe is None else recipe.metrics)
        return cls(chosen, "min" if chosen in lower else "max")

    def improves(self, value: float, best: float | None) -> bool:
        """Whether ``value`` is better than ``best``, the best so far; NaN is better than no value only."""
        if best is None or best != best:
            return True
        return value > best if self.mode == "max" else value < best
