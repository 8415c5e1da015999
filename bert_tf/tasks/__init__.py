"""One file per task. ``--task NAME`` is the file ``NAME.py``: adding a task is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.tasks.task import TextTask

_CONTRACTS = ("task", "single_label")  # what task files are made from


def task_names() -> list[str]:
    """The names that ``--task`` takes."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _CONTRACTS)


def find_task(name: str) -> type[TextTask]:
    """Returns the task class of the file ``bert_tf/tasks/NAME.py``, named ``TASK`` there.

    Raises:
        UserError: there is no such file.
    """
    if name not in task_names():
        raise UserError(f"--task {name}: there is no such task; there are: {', '.join(task_names())}.")
    return importlib.import_module(f"{__name__}.{name}").TASK
