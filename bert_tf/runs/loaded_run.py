"""A run as Python code uses it: ``bert_tf.load("runs/x")``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bert_tf.config import ExperimentConfig
from bert_tf.exporting.formats import FORMATS
from bert_tf.exporting.publish import publish
from bert_tf.runs.exportable_run import exportable_run
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.runs.run_evaluation import Scores, evaluate_run
from bert_tf.tasks.task import TextTask


class LoadedRun:
    """The best epoch of a run of one task.

    Attributes:
        path: the run directory.

    Example:
    ```python
    run = bert_tf.load("runs/reviews")
    run.answer(["这本书很差。"])  # [{"label": "negative", "score": 0.98, ...}]
    run.evaluate(data=["test.tsv"]).models["model"]["accuracy"]
    run.export("exported/reviews")
    ```
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self.path = run.path

    @cached_property
    def config(self) -> ExperimentConfig:
        """What the run was trained with."""
        return self._run.config()

    @cached_property
    def task(self) -> TextTask:
        """The Keras model; loaded when it is first used."""
        return self._run.load_model()

    def answer(self, records: Any, *, batch_size: int = 32) -> list[dict[str, Any]]:
        """One answer for each text or record; see :meth:`bert_tf.tasks.task.TextTask.answer`."""
        return self.task.answer(records, batch_size=batch_size)

    def evaluate(self, data: Sequence[str] | None = None, *, columns: Mapping[str, str] | None = None) -> Scores:
        """Scores the run; see :func:`bert_tf.runs.run_evaluation.evaluate_run`.

        Args:
            data: data specs; default the run's test data, else its validation data.
            columns: column names of ``data`` where they differ from the run's.
        """
        return evaluate_run(self._run, data=data, columns=columns)

    def export(self, output: str | Path, format: str = "saved_model", **options: Any) -> Path:
        """Writes the model for other programs: for TF Serving, or in another format.

        Args:
            output: the directory; a SavedModel gets a version in it.
            format: a file of ``bert_tf/exporting/formats``.
            **options: of the format, such as ``version``.

        Returns:
            The directory that was made.

        Raises:
            UserError: there is no such format or option, or it cannot write this model.
        """
        chosen = FORMATS.validated(format, options, "")
        return publish(format, exportable_run(self._run), output, chosen).path


def load(path: str | Path) -> LoadedRun:
    """Opens a finished run.

    Args:
        path: a run directory.

    Raises:
        UserError: it is not a run directory, it holds no model yet, or those of several tasks.
    """
    return LoadedRun(RunDirectory.open(path))
