"""The run directory: what training leaves, and all that later steps need."""

from __future__ import annotations

import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import keras_hub
import tensorflow as tf

from bert_tf.atomic_file import write_atomically
from bert_tf.config import ExperimentConfig, RunConfig, load, read_yaml
from bert_tf.errors import UserError
from bert_tf.pretraining.config import PretrainingConfig
from bert_tf.tasks import find_task
from bert_tf.tasks.task import TextTask

EXAMPLES_KEPT = 32

_MAY_CHANGE_ON_RESUME = {
    "output",
    "distribution",
    "training.checkpoint_every",
    "training.checkpoints_to_keep",
    "training.steps_per_call",
    "training.tensorboard",
    "training.xla",
    "training.evaluation_batch_size",
    "training.gradient_accumulation_steps",
    "training.early_stopping_patience",
}

_PACKAGES = ("tensorflow", "tensorflow-text", "keras", "keras-hub", "numpy", "scikit-learn")


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

    def check_startable(self, config: RunConfig, resume: bool) -> None:
        """Checks, before anything costs time, that a run may write here.

        A resumed run must see the same batches and the same schedule, or its result means nothing.

        Raises:
            UserError: the directory already holds a run and ``resume`` is off or the config is another, or the path is
                a file.
        """
        if self.config_file.exists() and not resume:
            raise UserError(
                f"--output {self.path}: there is already a run. Continue it with --resume, choose another directory, "
                "or remove it."
            )
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--output {self.path}: this is a file, not a directory.")
        if self.config_file.exists():
            values = (c.model_dump(mode="json") for c in (load(self.config_file, type(config)), config))
            old, new = (dict(_flat(value)) for value in values)
            changed = [key for key in new if old.get(key) != new[key] and key not in _MAY_CHANGE_ON_RESUME]
            if changed:
                differences = "; ".join(f"--{key} was {old.get(key)!r}, is {new[key]!r}" for key in changed)
                raise UserError(f"--resume: the run in {self.path} began with another config: {differences}.")

    @classmethod
    def create(cls, config: RunConfig) -> RunDirectory:
        """Makes the directory and writes the resolved config and the environment.

        Raises:
            UserError: it cannot be written.
        """
        run = cls(config.output)
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            write_atomically(run.config_file, config.to_yaml())
            write_atomically(run.environment_file, json.dumps(_environment(config.seed), indent=2) + "\n")
        except OSError as error:
            raise UserError(f"--output {run.path}: cannot be written ({error.strerror}).") from None
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Opens a finished run for reading.

        Raises:
            UserError: it is not a run directory, it holds no model yet, or those of several tasks.
        """
        run = cls(path)
        if run.model.is_symlink():  # to the run of several tasks that this one is a part of
            cls(run.path / run.model.readlink().parent.parent)._restore_model_swap()
        run._restore_model_swap()
        if not run.config_file.exists():
            raise UserError(f"--run {path}: this is not a run directory (it has no config.yaml).")
        if tasks := run.tasks():
            raise UserError(
                f"--run {path}: this run has several tasks; give one: {', '.join(map(str, tasks.values()))}."
            )
        if not (run.model / "task.json").exists():
            raise UserError(
                f"--run {path}: it holds no model yet. Finish its first epoch: "
                f"python -m bert_tf.train --config {run.config_file} --resume"
            )
        return run

    def config(self) -> ExperimentConfig:
        """The resolved config of the run; of a pre-training run, what it says about its model and data."""
        if "task" in read_yaml(self.config_file)[0]:
            return load(self.config_file, ExperimentConfig)
        return load(self.config_file, PretrainingConfig).as_experiment()

    def tasks(self) -> dict[str, Path]:
        """Of a run of several tasks, the run directory of each; empty for other runs."""
        names = read_yaml(self.config_file)[0].get("tasks", {}) if self.config_file.exists() else {}
        return {name: self.path / "tasks" / name for name in names}

    def link_model(self, model: Path) -> None:
        """Makes a model that lies in another run this one's.

        Raises:
            UserError: the file system has no links.
        """
        try:
            self.model.unlink(missing_ok=True)
            self.model.symlink_to(os.path.relpath(model, self.path))
        except OSError as error:
            raise UserError(f"--output {self.path}: cannot be written ({error.strerror}).") from None

    def load_model(self, backbone: keras_hub.models.Backbone | None = None) -> TextTask:
        """Loads the best epoch's model, computing in float32.

        Args:
            backbone: takes the place of the model's own, which has equal weights.
        """
        task_class = find_task(self.config().task)
        shared = {} if backbone is None else {"backbone": backbone}
        try:
            return task_class.from_preset(str(self.model), dtype="float32", **shared)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.model}: the model cannot be read ({str(error).splitlines()[0]}).") from None

    def save_model(self, task: TextTask) -> None:
        """Replaces ``model/``; at every moment either the old or the new one is whole.

        Raises:
            UserError: it cannot be written, as on a full disk.
        """
        new, old = self.path / "model.new", self.path / "model.old"
        shutil.rmtree(new, ignore_errors=True)
        try:
            task.save_to_preset(str(new))
        except (OSError, RuntimeError) as error:  # h5py raises either
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{self.model}: the model cannot be written ({reason}); the one before is kept, if there was one. "
                "Make room and use --resume."
            ) from None
        shutil.rmtree(old, ignore_errors=True)
        if self.model.exists():
            self.model.rename(old)
        new.rename(self.model)
        shutil.rmtree(old, ignore_errors=True)

    def _restore_model_swap(self) -> None:
        """Undoes a swap of models that a crash cut in two."""
        old = self.path / "model.old"
        if old.exists() and not self.model.exists():
            old.rename(self.model)

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Adds one line to ``metrics.jsonl``."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``."""
        if not self.metrics_file.exists():
            return []
        return [json.loads(line) for line in self.metrics_file.read_text(encoding="utf-8").splitlines()]

    def save_examples(self, texts: Iterable[Mapping[str, str]]) -> None:
        """Keeps a few texts of the data, with which export checks and warms up the model when the data is gone."""
        lines = [json.dumps(text, ensure_ascii=False) + "\n" for text in itertools.islice(texts, EXAMPLES_KEPT)]
        write_atomically(self.examples_file, "".join(lines))

    def examples(self) -> list[dict[str, str]]:
        """What :meth:`save_examples` kept; empty if nothing was."""
        if not self.examples_file.exists():
            return []
        return [json.loads(line) for line in self.examples_file.read_text(encoding="utf-8").splitlines()]

    def forget_after(self, step: int) -> None:
        """Drops evaluations of steps that a resumed run will do again."""
        self._restore_model_swap()
        kept = [line for line in self.metrics() if line["step"] <= step]
        if self.metrics_file.exists():
            write_atomically(self.metrics_file, "".join(json.dumps(k, ensure_ascii=False) + "\n" for k in kept))

    def add_to_environment(self, **facts: Any) -> None:
        """Adds facts that are known at the end, such as the wall time."""
        known = json.loads(self.environment_file.read_text(encoding="utf-8"))
        write_atomically(self.environment_file, json.dumps(known | facts, indent=2, ensure_ascii=False) + "\n")


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _environment(seed: int) -> dict[str, Any]:
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "seed": seed,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "machine": platform.platform(),
        "cpus": os.cpu_count(),
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
