"""What is checked before a training may begin or go on, and which run a resumed one is. Needs no TensorFlow."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bert_tf.config import RunConfig, load
from bert_tf.errors import UserError
from bert_tf.runs import training_files
from bert_tf.runs.run_directory import WRITTEN, RunDirectory
from bert_tf.runs.run_lock import LOCK_FILE
from bert_tf.training.checkpoint_files import saved_steps

_MAY_CHANGE_ON_RESUME = {
    "output",
    "distribution",
    "training.checkpoint_every",
    "training.max_to_keep",
    "training.steps_per_execution",
    "training.tensorboard",
    "training.jit_compile",
    "training.evaluation_batch_size",
    "training.gradient_accumulation_steps",
    "training.early_stopping_patience",
}
_NAMES_OF_DATA = re.compile(r"(.*\.)?data\.(train|validation)|data|validation")
"""Where the data lies may change as well, if its sums are known."""

_NAMES_SHOWN = 4

_COMMANDS = {"experiment": "train", "multi_task": "train", "pretraining": "pretrain"}
"""By kind of run, the command that trains it."""

logger = logging.getLogger("bert_tf")


def add_run_flags(parser: argparse.ArgumentParser) -> None:
    """Adds ``--config`` and ``--resume``."""
    parser.add_argument("--config", metavar="FILE", help="YAML config; flags win over it")
    parser.add_argument(
        "--resume", action="store_true", help="continue the run of --config RUN/config.yaml or of --output RUN"
    )


def name_resumed_run(argv: Sequence[str], command: str = "train") -> list[str]:
    """The arguments of a command with, where it resumes, the flag that was left out: its config or its output.

    The folder that holds the config is the run, whatever the config says: it may have been moved or copied.

    Args:
        argv: the arguments.
        command: its name.

    Raises:
        UserError: neither is given, there is no run, or another command resumes it.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_run_flags(parser)
    parser.add_argument("--output")
    given = parser.parse_known_args([arg for arg in argv if arg not in ("-h", "--help")])[0]
    if not given.resume:
        return list(argv)
    if given.config is None and given.output is None:
        raise UserError("--resume: say which run: --config RUN/config.yaml, or --output RUN.")
    run = RunDirectory(given.output if given.config is None else Path(given.config).parent)
    kind = run.kind()
    if kind is not None and (right := _COMMANDS.get(kind, command)) != command:
        raise UserError(f"--resume: the run in {run.path} is of another kind: python -m bert_tf.{right} resumes it.")
    if given.config is None:
        if kind is None:
            raise _no_run(run)
        return [*argv, "--config", str(run.config_file)] if run.config_file.is_file() else list(argv)
    if given.output is None and Path(given.config).name == run.config_file.name and run.is_run():
        return [*argv, "--output", str(run.path)]
    return list(argv)


def check_output(config: RunConfig, resume: bool) -> None:
    """As :func:`check_startable`, for a command before it loads TensorFlow.

    One worker of several may begin before another looks: there it is checked once they have found each other.
    """
    if "TF_CONFIG" not in os.environ:
        check_startable(RunDirectory(config.output), config, resume)


def check_startable(run: RunDirectory, config: RunConfig, resume: bool) -> None:
    """Checks, before anything costs time, that a run may write here.

    A resumed run must see the same batches and the same schedule, or its result means nothing.

    Raises:
        UserError: there is a run and ``resume`` is off, or there is none and it is on; what is here is not ours; or
            the run began with another config or other data.
    """
    if run.path.exists() and not run.path.is_dir():
        raise UserError(f"--output {run.path}: this is a file, not a directory.")
    if resume:
        _check_resumable(run, config)
        return
    if run.is_run():
        raise UserError(
            f"--output {run.path}: there is already a run. Continue it with --resume, choose another directory, "
            "or remove it."
        )
    found = sorted(path.name for path in run.path.iterdir() if path.name != LOCK_FILE) if run.path.exists() else []
    if found:
        more = f" and {len(found) - _NAMES_SHOWN} more" if len(found) > _NAMES_SHOWN else ""
        raise UserError(
            f"--output {run.path}: this folder is not empty and holds no run: {', '.join(found[:_NAMES_SHOWN])}{more}. "
            "Nothing in it was touched. Choose another directory."
        )
    refuse_output_in_run(run.path)


def refuse_output_in_run(output: str | Path, flag: str = "--output") -> None:
    """Raises UserError if a file or folder that is to be written is one that a run writes, or below one.

    Args:
        output: the file or folder.
        flag: that named it.
    """
    for path in (Path(os.path.realpath(output)), Path(os.path.abspath(output))):
        for outer in path.parents:
            if path.relative_to(outer).parts[0] in WRITTEN and RunDirectory(outer).is_run():
                raise UserError(f"{flag} {output}: this is inside the run {outer}, which writes there itself.")


def _check_resumable(run: RunDirectory, config: RunConfig) -> None:
    kind = run.kind()
    if kind is None:
        raise _no_run(run)
    if whole := run.whole():
        raise UserError(f"--resume: {run.path} is a task of the run {whole}: give --config {whole / 'config.yaml'}.")
    if kind != config.kind:
        raise UserError(f"--resume: the run in {run.path} is of another kind ({kind}, not {config.kind}).")
    if run.config_file.exists():
        _check_same_config(run, config)
    training_files.check_unchanged(run.training_files, config.training_data())
    has_saved = run.model.exists() or run.metrics() or (run.checkpoints / "checkpoint").exists()
    if has_saved and not saved_steps(run.checkpoints):
        raise UserError(
            f"--resume: the run in {run.path} has been trained, but {run.checkpoints} holds no checkpoint any more. "
            "Put it back, or start a new run with another --output."
        )


def _no_run(run: RunDirectory) -> UserError:
    near = _runs_of_like_name(run.path)
    hint = f" There is {', '.join(near)}." if near else ""
    return UserError(
        f"--resume: there is no run in {run.path}.{hint} Give --config RUN/config.yaml or --output RUN, or leave "
        "out --resume to start one."
    )


def _check_same_config(run: RunDirectory, config: RunConfig) -> None:
    values = (c.model_dump(mode="json") for c in (load(run.config_file, type(config)), config))
    old, new = (dict(_flat(value)) for value in values)
    changed = [key for key in new if old.get(key) != new[key] and key not in _MAY_CHANGE_ON_RESUME]
    if run.training_files.exists():
        changed = [key for key in changed if not _NAMES_OF_DATA.fullmatch(key)]
    if changed:
        differences = "; ".join(f"--{key} was {old.get(key)!r}, is {new[key]!r}" for key in changed)
        raise UserError(f"--resume: the run in {run.path} began with another config: {differences}.")
    if old["output"] != new["output"]:
        logger.info("the run began as %s: it goes on in %s", old["output"], new["output"])


def _runs_of_like_name(path: Path) -> list[str]:
    if not path.parent.is_dir():
        return []
    runs = [each.name for each in path.parent.iterdir() if each.is_dir() and RunDirectory(each).is_run()]
    return [str(path.parent / name) for name in difflib.get_close_matches(path.name, runs)]


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
