"""What a task's constructor needs beside the backbone."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from bert_tf.errors import UserError


def check_arguments(task_class: type[Any], given: Collection[str]) -> None:
    """Refuses a new head without an argument that has no default, such as its labels.

    Raises:
        UserError: one is missing.
    """
    parameters = inspect.signature(task_class.__init__).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    needed = [one.name for one in parameters if one.default is one.empty and one.kind in named]
    for name in needed:
        if name not in ("self", "backbone", "preprocessor", *given):
            shown = f'{name}=["…", "…"]'
            raise UserError(
                f"{name}: a new {task_class.__name__} needs it: from_preset(…, {shown}), or "
                f"{task_class.__name__}.from_data(preset, x, y), which takes it from the data."
            )
