"""The shipped experiments name tasks and head options that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from bert_tf.config import ExperimentConfig, read_yaml, validate
from bert_tf.tasks import find_task
from tests.conftest import REPOSITORY

RECIPES = [path for path in sorted((REPOSITORY / "configs").glob("*.yaml")) if "task" in read_yaml(path)[0]]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_head_options_and_columns_are_the_tasks(path: Path) -> None:
    config = validate(ExperimentConfig, read_yaml(path)[0])
    task = find_task(config.task)
    validate(task.Options, config.head, flag_prefix="head.")
    assert {*config.data.columns} <= {*task.text_columns, *task.target_columns, *task.source_columns}
