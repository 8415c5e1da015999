"""``--optimizer.*``, ``--schedule.*``, ``--hooks.*``: options of plug-ins, shown by ``--help`` and checked early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidatorFunctionWrapHandler, WrapValidator, create_model

from bert_tf.command_line import peek
from bert_tf.config import Section
from bert_tf.metrics.extra import METRICS
from bert_tf.optimization import OPTIMIZERS, SCHEDULES
from bert_tf.training.hooks import HOOKS

_CHOSEN = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}


def with_plugins(schema: type[BaseModel], argv: Sequence[str], values: Mapping[str, Any]) -> type[BaseModel]:
    """The schema of flags whose mappings ``optimizer``, ``schedule`` and ``hooks`` are options of plug-ins.

    Args:
        schema: of a run's config.
        argv: the flags, one of which may choose a plug-in.
        values: of ``--config``, which may choose it too.

    Raises:
        UserError: there is no such plug-in.
    """
    recipe: Any = schema.model_fields["training"].annotation
    training = values.get("training")
    fields: dict[str, Any] = {"training": _with_names(recipe), "hooks": _hooks()}
    for kind, registry in _CHOSEN.items():
        of_file = training.get(kind) if isinstance(training, Mapping) else None
        name = peek(argv, f"--training.{kind}") or of_file or recipe.model_fields[kind].default
        fields[kind] = registry.options(str(name)), Field({}, validate_default=True)
    return create_model(schema.__name__, __base__=schema, **fields)


def _with_names(recipe: type[BaseModel]) -> tuple[type[BaseModel], Any]:
    """The training section, whose help names the plug-ins that there are."""
    fields: dict[str, Any] = {}
    for name, registry in {**_CHOSEN, "metrics": METRICS}.items():
        field = recipe.model_fields[name]
        about = f"{field.description}: {', '.join(registry)}"
        fields[name] = field.annotation, Field(field.get_default(call_default_factory=True), description=about)
    named = create_model(recipe.__name__, __base__=recipe, __doc__=recipe.__doc__, **fields)
    return named, Field(default_factory=named)


def _hooks() -> tuple[type[BaseModel], Any]:
    """A section for each hook, which ``true`` switches on with its defaults."""
    fields: dict[str, Any] = {}
    for name in HOOKS:
        options: Any = HOOKS.options(name)
        field = Field(None, description=HOOKS.about(name), json_schema_extra={"switch": True})
        fields[name] = Annotated[options, WrapValidator(_switched)], field
    hooks = create_model("Hooks", __base__=Section, __doc__="What changes the weight update.", **fields)
    return hooks, Field({}, validate_default=True)


def _switched(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    if value in (None, False, "false"):
        return None
    return validate({} if value in (True, "true") else value)
