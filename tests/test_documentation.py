"""Every command that the guides, the READMEs, the configs' headers and ``--help`` show is one that can be typed."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
from pathlib import Path

import pytest
from pydantic import BaseModel

from bert_tf import command_line
from bert_tf.config import ExperimentConfig, validate
from bert_tf.multi_task.multi_task_config import MultiTaskConfig
from bert_tf.tasks import find_schema
from tests.conftest import REPOSITORY

PAGES = [
    *sorted(REPOSITORY.glob("README*.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "serving").glob("*.md")),
    *sorted((REPOSITORY / "configs").glob("*.yaml")),
    *sorted((REPOSITORY / "bert_tf").glob("[!_]*.py")),
]
COMMAND = re.compile(r"^[# ]*python -m bert_tf\.(\w+)(.*)$", re.MULTILINE)


class Accepted(Exception):  # noqa: N818 - no error: the command's flags were right
    pass


def commands(page: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Name and arguments of each command on a page, in its order."""
    if page.suffix == ".py":
        text = getattr(importlib.import_module(f"bert_tf.{page.stem}"), "EXAMPLES", "")
    else:
        text = page.read_text(encoding="utf-8")
    text = re.sub(r"\\\n[# ]*", " ", text)  # a line that goes on
    found = []
    for name, rest in COMMAND.findall(text):
        lexer = shlex.shlex(rest, posix=True, punctuation_chars="|>&;")
        lexer.whitespace_split = True
        words = list(lexer)
        end = next((at for at, word in enumerate(words) if word and set(word) <= set("|>&;")), len(words))
        found.append((name, tuple(words[:end])))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_commands_are_accepted(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    read_config = command_line.read_config

    def read(*arguments: object, **options: object) -> None:
        check_heads(read_config(*arguments, **options))
        raise Accepted

    def stop(quiet: bool) -> None:
        raise Accepted

    for name, argv in commands(page):
        module = importlib.import_module(f"bert_tf.{name}")
        with monkeypatch.context() as patch:
            if "read_config(" in inspect.getsource(module):
                patch.setattr(command_line, "read_config", read)
                patch.setattr(command_line, "start_logging", lambda quiet: None)
            else:
                patch.setattr(command_line, "start_logging", stop)
            if "--config" in argv and not argv[argv.index("--config") + 1].startswith("configs/"):
                continue  # the reader's own, or of a run that the commands above make
            with pytest.raises(Accepted):
                module.main(argv)


def check_heads(config: BaseModel) -> None:
    if not isinstance(config, ExperimentConfig | MultiTaskConfig):
        return  # of a pre-training
    for task in config.tasks.values() if isinstance(config, MultiTaskConfig) else [config]:
        validate(find_schema(task.task).Options, task.head, flag_prefix="head.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:tests|benchmarks|configs|bert_tf)/[\w/]+\.\w+)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (REPOSITORY / name).exists()] == []
