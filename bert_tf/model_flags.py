"""``--run DIR``, or ``--backbone SPEC --task NAME``: the flags that say which model a command works with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from bert_tf import command_line
from bert_tf.config import DataConfig, ExperimentConfig, load, read_yaml
from bert_tf.data.early_check import check_given_data
from bert_tf.errors import UserError
from bert_tf.head_flags import with_head
from bert_tf.tasks import find_schema

if TYPE_CHECKING:
    from bert_tf.runs.run_directory import RunDirectory
    from bert_tf.runs.untrained import UntrainedModel


class HeadFlags(BaseModel):
    """The flags that are made like a config's."""

    head: dict[str, Any] = Field(default_factory=dict, description="options of the task, beside --backbone")


class ColumnFlags(HeadFlags):
    """As :class:`HeadFlags`, of commands that read ``--data``."""

    columns: dict[str, str] = Field(default_factory=dict, description="column names of --data, over the run's own")


def add_model_flags(parser: argparse.ArgumentParser, *, task: str) -> None:
    """Adds ``--run``, ``--backbone`` and ``--task``.

    Args:
        parser: of the command.
        task: the default of ``--task``.
    """
    parser.add_argument("--run", metavar="DIR", help="run directory")
    parser.add_argument("--backbone", metavar="SPEC", help="instead of --run: a backbone without training")
    parser.add_argument("--task", metavar="NAME", help=f"beside --backbone: what the model answers [{task}]")
    parser.set_defaults(default_task=task)


def add_head_flags(parser: argparse.ArgumentParser, flags: type[HeadFlags], argv: Sequence[str]) -> None:
    """Adds the flags of ``flags``, among them the options of ``--task``."""
    task = command_line.peek(argv, "--task") or parser.get_default("default_task")
    command_line.add_config_flags(parser, with_head(flags, task), argv)


def open_model(arguments: argparse.Namespace) -> RunDirectory | UntrainedModel:
    """Opens what the flags name.

    Raises:
        UserError: neither or both of ``--run`` and ``--backbone`` are given, or the model is not there.
    """
    from bert_tf.runs.run_directory import RunDirectory
    from bert_tf.runs.untrained import UntrainedModel

    head = command_line.config_values(arguments, HeadFlags).get("head", {})
    if (arguments.run is None) == (arguments.backbone is None):
        raise UserError("Give either --run DIR, or --backbone SPEC for a model without training.")
    if arguments.run is None:
        return UntrainedModel(arguments.backbone, arguments.task or arguments.default_task, head)
    if arguments.task is not None or head:
        raise UserError(f"{'--task' if arguments.task else '--head'} goes with --backbone; a run knows its own.")
    return RunDirectory.open(arguments.run)


def check_data(arguments: argparse.Namespace, *, labelled: bool) -> None:
    """Reads the beginning of ``--data`` before anything costs time.

    Raises:
        UserError: a file of it is missing or broken, or lacks a column.
    """
    if not arguments.data:
        return
    config, task = DataConfig(), arguments.task or arguments.default_task
    if arguments.run is not None:
        file = Path(arguments.run) / "config.yaml"
        if not file.exists() or "task" not in read_yaml(file)[0]:
            return  # of another kind, or no run: whoever opens it says so
        experiment = load(file, ExperimentConfig)
        config, task = experiment.data, experiment.task
    columns = command_line.config_values(arguments, ColumnFlags).get("columns", {})
    check_given_data(config, find_schema(task), arguments.data, columns, arguments.encoding, labelled=labelled)


def open_tasks(arguments: argparse.Namespace) -> dict[str, RunDirectory]:
    """Opens each task of ``--run`` where it is a run of several; else there are none.

    Raises:
        UserError: a task holds no model yet.
    """
    from bert_tf.runs.run_directory import RunDirectory

    if arguments.run is None:
        return {}
    return {name: RunDirectory.open(path) for name, path in RunDirectory(arguments.run).tasks().items()}
