"""The options of a run's plug-ins, checked before anything costs time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bert_tf.config import RunConfig, Section, TrainingConfig
from bert_tf.errors import UserError
from bert_tf.optimization import OPTIMIZERS, SCHEDULES
from bert_tf.training.hooks import HOOKS

if TYPE_CHECKING:
    from bert_tf.training.hook import Hooks


@dataclass(frozen=True)
class PluginOptions:
    """Validated options.

    Attributes:
        optimizer: of the recipe's optimiser.
        schedule: of the recipe's schedule.
        hooks: by name, in their order.
    """

    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    hooks: dict[str, Section]

    @classmethod
    def of(cls, config: RunConfig, recipe: TrainingConfig) -> PluginOptions:
        """Validates what a config has, without importing a plug-in.

        Raises:
            UserError: there is no such plug-in or option, or a value does not fit.
        """
        return cls(
            OPTIMIZERS.validated(recipe.optimizer, config.optimizer, "optimizer").model_dump(),
            SCHEDULES.validated(recipe.schedule, config.schedule, "schedule").model_dump(),
            {
                name: HOOKS.validated(name, _mapping(name, values), f"hooks.{name}")
                for name, values in config.hooks.items()
                if values not in (False, "false")
            },
        )

    def build_hooks(self) -> Hooks:
        """The hooks, not yet built."""
        from bert_tf.training.hook import Hooks

        return Hooks([HOOKS.module(name).hook(options) for name, options in self.hooks.items()])


def _mapping(name: str, values: Any) -> dict[str, Any]:
    if values in (True, "true", None):
        return {}
    if not isinstance(values, dict):
        raise UserError(f"--hooks.{name} {values}: write true, or an option, such as --hooks.{name}.KEY VALUE.")
    return values
