"""``--head.*``: the options of the chosen task, shown by ``--help`` and checked before TensorFlow is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, create_model

from bert_tf.config import validate
from bert_tf.errors import UserError
from bert_tf.tasks import TASKS, find_schema


def with_head(schema: type[BaseModel], task: str) -> type[BaseModel]:
    """The schema of flags whose ``head``, any mapping in a config, is the options of one task.

    Raises:
        UserError: there is no such task.
    """
    options: Any = find_schema(task).Options
    fields: dict[str, Any] = {"head": (options, Field(default_factory=options))}
    if "task" in schema.model_fields:
        default = schema.model_fields["task"].default
        fields["task"] = str, Field(default, description=f"what the model answers: {', '.join(TASKS)}")
    return create_model(schema.__name__, __base__=schema, **fields)


def check_head(task: str, head: Mapping[str, Any]) -> BaseModel:
    """Checks the options of a task that is to be trained, and returns them.

    Raises:
        UserError: there is no such task or option, or the task is not trained on labels.
    """
    schema = find_schema(task)
    if not schema.learns_from_records:
        raise UserError(
            f"--task {task} is not trained on labels: python -m bert_tf.pretrain makes a model that predict --task "
            f"{task} reads."
        )
    return validate(schema.Options, head, flag_prefix="head.")
