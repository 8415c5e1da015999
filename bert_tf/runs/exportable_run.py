"""Runs as what an export format is given."""

from __future__ import annotations

from collections.abc import Mapping

from bert_tf.exporting.exportable import Exportable
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.runs.untrained import UntrainedModel
from bert_tf.tasks.task import TextTask


def exportable_run(run: RunDirectory | UntrainedModel) -> Exportable:
    """The best epoch of a run of one task, or a model that works without training."""
    preset = run.model if isinstance(run, RunDirectory) else None
    return Exportable(lambda: {"": run.load_model()}, {"": run.examples()}, preset=preset)


def exportable_runs(members: Mapping[str, RunDirectory]) -> Exportable:
    """The tasks of a run of several, on one backbone.

    Args:
        members: the runs of the tasks, by name.
    """

    def load() -> dict[str, TextTask]:
        tasks: dict[str, TextTask] = {}
        backbone = None
        for name, run in members.items():
            tasks[name] = run.load_model(backbone)
            backbone = tasks[name].backbone
        return tasks

    return Exportable(load, {name: run.examples() for name, run in members.items()})
