"""One file per task. ``--task NAME`` is the file ``NAME.py`` (the model) with ``schemas/NAME.py`` (columns and options,
without TensorFlow): adding a task is adding these two."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from typing import TYPE_CHECKING

from bert_tf.errors import UserError
from bert_tf.tasks import schemas

if TYPE_CHECKING:
    from bert_tf.data.schema import TaskSchema
    from bert_tf.tasks.task import TextTask


def task_names() -> list[str]:
    """The names that ``--task`` takes."""
    return sorted(module.name for module in pkgutil.iter_modules(schemas.__path__))


def find_schema(name: str) -> type[TaskSchema]:
    """Returns the columns and options of a task, without importing TensorFlow.

    Raises:
        UserError: there is no such task.
    """
    if name not in task_names():
        near = difflib.get_close_matches(name, task_names(), 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"--task {name}: there is no such task; there are: {', '.join(task_names())}.{meant}")
    return importlib.import_module(f"{schemas.__name__}.{name}").SCHEMA


def find_task(name: str) -> type[TextTask]:
    """Returns the task class of the file ``bert_tf/tasks/NAME.py``, named ``TASK`` there.

    Raises:
        UserError: there is no such task.
    """
    find_schema(name)
    return importlib.import_module(f"{__name__}.{name}").TASK
