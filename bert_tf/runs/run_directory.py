"""The run directory: what training leaves, and all that later steps need."""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bert_tf.atomic_file import write_atomically, write_errors
from bert_tf.backbones.model_files import check_files
from bert_tf.config import ExperimentConfig, RunConfig, load, read_yaml
from bert_tf.errors import UserError, first_line
from bert_tf.runs import training_files
from bert_tf.runs.run_kinds import config_class, kind_of
from bert_tf.runs.run_lock import LOCK_FILE, locked

if TYPE_CHECKING:
    import keras_hub

    from bert_tf.tasks.task import TextTask

EXAMPLES_KEPT = 32

MARKER_FILE = "run.json"
"""Says that a folder is a run of ours; it is the first file that a run writes."""

_PROGRAM = "bert_tf"
_FORMAT = 1
_NEW_MODEL = ".model.new"
_OLD_MODELS = (".model.old", "model.old")  # the second is that of earlier versions

WRITTEN = frozenset(
    {
        *(MARKER_FILE, LOCK_FILE, "config.yaml", "environment.json", "training_files.json", "examples.jsonl"),
        *("metrics.jsonl", "model", _NEW_MODEL, ".model.old", "checkpoints", "logs", "evaluation", "examples", "tasks"),
    }
)
"""Names of what runs write."""

logger = logging.getLogger("bert_tf")


class RunDirectory:
    """Paths and files of ``runs/NAME``.

    Args:
        path: the directory; created by :meth:`create`, checked by :meth:`open`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.model = self.path / "model"
        self.checkpoints = self.path / "checkpoints"
        self.logs = self.path / "logs"
        self.metrics_file = self.path / "metrics.jsonl"
        self.evaluation = self.path / "evaluation"
        self.examples_file = self.path / "examples.jsonl"
        self.environment_file = self.path / "environment.json"
        self.training_files = self.path / "training_files.json"
        self._marker = self.path / MARKER_FILE

    def is_run(self) -> bool:
        """Whether a run of ours is here: by its marker or, of earlier versions, by its config and environment."""
        return self.kind() is not None

    def kind(self) -> str | None:
        """What the run trains, as :attr:`RunConfig.kind`; ``None`` if this is no run of ours."""
        if self._marker.exists():
            marker = _read_json(self._marker)
            return marker.get("kind") if marker.get("program") == _PROGRAM else None
        try:
            config = yaml.safe_load(self.config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            return None
        is_ours = isinstance(config, dict) and {"output", "seed", "training"} <= config.keys()
        if not is_ours or "packages" not in _read_json(self.environment_file):
            return None
        return kind_of(config)

    def whole(self) -> Path | None:
        """Of one task of a run of several, that run's directory."""
        run = RunDirectory(self.path.absolute().parent.parent)
        is_part = self.path.absolute().parent.name == "tasks" and run.kind() == "multi_task"
        return self.path.parent.parent if is_part and self.is_run() else None

    @classmethod
    def create(cls, config: RunConfig) -> RunDirectory:
        """Makes the directory and writes the marker, the resolved config, the environment and the data's sums.

        Raises:
            UserError: it cannot be written.
        """
        from bert_tf.runs.environment import describe_environment

        run, flag = cls(config.output), "--output"
        write_atomically(
            run._marker, json.dumps({"program": _PROGRAM, "kind": config.kind, "format": _FORMAT}) + "\n", flag
        )
        write_atomically(run.config_file, config.to_yaml(), flag)
        write_atomically(run.environment_file, json.dumps(describe_environment(config.seed), indent=2) + "\n", flag)
        if not run.training_files.exists():
            training_files.write_description(run.training_files, config.training_data())
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Opens a finished run for reading. Nothing is written, so that a training that is under way is not disturbed.

        Raises:
            UserError: it is not a run directory, it holds no model yet, or those of several tasks.
        """
        run = cls(path)
        if not run.config_file.exists():
            raise UserError(f"--run {path}: this is not a run directory (it has no config.yaml).")
        if tasks := run.tasks():
            raise UserError(
                f"--run {path}: this run has several tasks; give one: {', '.join(map(str, tasks.values()))}."
            )
        run.model = run._whole_model()
        if not run.model.exists():
            command = "pretrain" if run.kind() == "pretraining" else "train"
            raise UserError(
                f"--run {path}: it holds no model yet. Finish its first epoch: "
                f"python -m bert_tf.{command} --config {(run.whole() or run.path) / 'config.yaml'} --resume"
            )
        if not (run.model / "task.json").exists():
            check_files(run.model)
            raise UserError(f"{run.model / 'task.json'} is missing: the model is incomplete.")
        return run

    def remove(self) -> None:
        """Removes what a run of ours wrote here, and the folder if nothing else is in it.

        Raises:
            UserError: another process writes the run, or it cannot be removed.
        """
        if not self.is_run():
            return
        with locked(self.path), write_errors(f"--output {self.path}"):
            for name in [*sorted(WRITTEN - {LOCK_FILE, MARKER_FILE}), MARKER_FILE]:
                path = self.path / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()

    def config(self) -> ExperimentConfig:
        """The resolved config of the run; of a pre-training run, what it says about its model and data."""
        kind = self.kind() or kind_of(read_yaml(self.config_file)[0])
        return load(self.config_file, config_class(kind)).as_experiment()

    def tasks(self) -> dict[str, Path]:
        """Of a run of several tasks, the run directory of each; empty for other runs."""
        names = read_yaml(self.config_file)[0].get("tasks", {}) if self.config_file.exists() else {}
        return {name: self.path / "tasks" / name for name in names}

    def link_model(self, model: Path) -> None:
        """Makes a model that lies in another run this one's.

        Raises:
            UserError: it cannot be written, as where the file system has no links.
        """
        with write_errors(f"--output {self.path}"):
            self.model.unlink(missing_ok=True)
            self.model.symlink_to(os.path.relpath(model, self.path))

    def load_model(self, backbone: keras_hub.models.Backbone | None = None) -> TextTask:
        """Loads the best epoch's model, computing in float32.

        Args:
            backbone: takes the place of the model's own, which has equal weights.
        """
        from bert_tf.tasks import find_task

        task_class = find_task(self.config().task)
        shared = {} if backbone is None else {"backbone": backbone}
        try:
            return task_class.from_preset(str(self.model), dtype="float32", **shared)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.model}: the model cannot be read ({first_line(error)}).") from None

    def save_model(self, task: TextTask) -> None:
        """Replaces ``model/``; at every moment either the old or the new one is whole.

        Raises:
            UserError: it cannot be written, as on a full disk.
        """
        new, old = self.path / _NEW_MODEL, self.path / _OLD_MODELS[0]
        shutil.rmtree(new, ignore_errors=True)
        try:
            with write_errors(self.model, "The model before is kept, if there was one. Make room and use --resume."):
                task.save_to_preset(str(new))
                _copy_others(self.model, new)
                shutil.rmtree(old, ignore_errors=True)
                if self.model.exists():
                    self.model.rename(old)
                new.rename(self.model)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)

    def _whole_model(self) -> Path:
        """``model/``, or where it is while one model makes way for the next."""
        if self.model.exists():
            return self.model
        if self.model.is_symlink():  # to the run of several tasks that this one is a part of
            target = self.path / self.model.readlink()
            return RunDirectory(target.parent.parent)._whole_model() / target.name
        found = (self.path / name for name in _OLD_MODELS)
        return next((path for path in found if path.is_dir()), self.model)

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Adds one line to ``metrics.jsonl``.

        Raises:
            UserError: it cannot be written.
        """
        with write_errors(self.metrics_file), self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``; a last one that a power cut tore is left out.

        Raises:
            UserError: another line is none that training writes.
        """
        if not self.metrics_file.exists():
            return []
        lines = self.metrics_file.read_bytes().rstrip(b"\0\r\n ").split(b"\n")
        found: list[dict[str, Any]] = []
        for number, line in enumerate(lines, start=1):
            try:
                value = json.loads(line) if line.strip() else None
            except ValueError:
                if number == len(lines):
                    logger.warning("%s: the last line is incomplete and left out", self.metrics_file)
                    break
                value = line
            if value is None:
                continue
            if not isinstance(value, dict) or not isinstance(value.get("step"), int):
                raise UserError(
                    f"{self.metrics_file} line {number}: this is not a line that training writes. Remove the line."
                )
            found.append(value)
        return found

    def save_examples(self, texts: Iterable[Mapping[str, str]]) -> None:
        """Keeps a few texts of the data, with which export checks and warms up the model when the data is gone."""
        lines = [json.dumps(text, ensure_ascii=False) + "\n" for text in itertools.islice(texts, EXAMPLES_KEPT)]
        write_atomically(self.examples_file, "".join(lines))

    def examples(self) -> list[dict[str, str]]:
        """What :meth:`save_examples` kept; empty if nothing was."""
        if not self.examples_file.exists():
            return []
        # Not splitlines: a text may hold line ends of other kinds.
        lines = self.examples_file.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line]

    def forget_after(self, step: int) -> None:
        """Drops evaluations of steps that a resumed run will do again, and undoes a swap of models cut in two.

        Raises:
            UserError: a line is none of ours, or it cannot be written.
        """
        if not self.model.exists() and (whole := self._whole_model()) != self.model:
            with write_errors(self.model):
                whole.rename(self.model)
        if self.metrics_file.exists():
            kept = [line for line in self.metrics() if line["step"] <= step]
            write_atomically(self.metrics_file, "".join(json.dumps(k, ensure_ascii=False) + "\n" for k in kept))

    def add_to_environment(self, **facts: Any) -> None:
        """Adds facts that are known at the end, such as the wall time."""
        known = _read_json(self.environment_file)
        write_atomically(self.environment_file, json.dumps(known | facts, indent=2, ensure_ascii=False) + "\n")


def _read_json(path: Path) -> dict[str, Any]:
    """A mapping in a JSON file; empty if there is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _copy_others(old: Path, new: Path) -> None:
    """Copies what somebody put beside a model, such as notes, to the model that replaces it."""
    for path in old.rglob("*"):
        target = new / path.relative_to(old)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
