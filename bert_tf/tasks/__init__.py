"""One file per task. ``--task NAME`` is the file ``NAME.py``, which assigns ``TASK``, the model, and ``SCHEMA``, its
columns and options, which are read without TensorFlow.

Of a task whose ``NAME.py`` has no ``SCHEMA``, it is in ``schemas/NAME.py``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bert_tf.plugins import Registry

if TYPE_CHECKING:
    from bert_tf.data.schema import TaskSchema
    from bert_tf.tasks.task import TextTask

TASKS = Registry("task", "bert_tf.tasks", "--task", marker="TASK")


def find_schema(name: str) -> type[TaskSchema]:
    """Returns the columns and options of a task, without importing TensorFlow.

    Raises:
        UserError: there is no such task.
    """
    schema: type[TaskSchema] | None = TASKS.declared(name, "SCHEMA")
    if schema is None:
        schema = importlib.import_module(f"{__name__}.schemas.{name}").SCHEMA
    return schema


def find_task(name: str) -> type[TextTask]:
    """Returns the class that the file of a task assigns to ``TASK``.

    Raises:
        UserError: there is no such task.
    """
    task: type[TextTask] = TASKS.module(name).TASK
    return task
