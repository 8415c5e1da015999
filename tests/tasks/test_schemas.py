"""Columns and options of the tasks, which are known without TensorFlow."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from bert_tf.errors import UserError
from bert_tf.tasks import TASKS, find_schema, find_task


def test_schemas_import_no_tensorflow() -> None:
    code = (
        "import sys\n"
        "from bert_tf.tasks import TASKS, find_schema\n"
        "options = [find_schema(name).Options() for name in TASKS]\n"
        "print(len(options), sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(list(TASKS))} []\n"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_its_schema_and_takes_its_options(name: str) -> None:
    schema, task = find_schema(name), find_task(name)
    assert issubclass(task, schema)
    assert task.Options is schema.Options
    taken = set(inspect.signature(task.__init__).parameters) | set(inspect.signature(task.create).parameters)
    assert "options" in taken or set(schema.Options.model_fields) <= taken
    assert all(field.description for field in schema.Options.model_fields.values())


@pytest.mark.parametrize(("name", "meant"), [("taging", "tagging"), ("question_anwsering", "question_answering")])
def test_an_unknown_task_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(UserError, match=f"--task {name}: there is no such task; .* Did you mean {meant}?"):
        find_schema(name)
