"""Parameter groups: which weights have a learning rate, a weight decay or a start of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Group:
    """What holds for the variables whose path a pattern is found in; of several groups, the first that matches.

    A Keras layer declares groups for its own variables by an attribute ``parameter_groups``.

    Attributes:
        pattern: regular expression, searched for in ``variable.path``.
        learning_rate: multiple of the recipe's.
        weight_decay: instead of the recipe's; ``None`` for the recipe's, which leaves out biases and LayerNorm.
        frozen_until: weight updates before which the variables do not change; ``None`` for none.
    """

    pattern: str
    learning_rate: float = 1.0
    weight_decay: float | None = None
    frozen_until: int | None = None

    def matches(self, variable: Any) -> bool:
        """Whether the variable belongs here."""
        return re.search(self.pattern, variable.path) is not None


def group_of(variable: Any, groups: Iterable[Group]) -> Group | None:
    """The first group that a variable belongs to."""
    return next((group for group in groups if group.matches(variable)), None)


def declared(layers: Iterable[Any]) -> list[Group]:
    """The groups that layers declare for their own variables."""
    return [
        replace(group, pattern=f"^{re.escape(layer.path)}/.*(?:{group.pattern})")
        for layer in layers
        for group in getattr(layer, "parameter_groups", ())
    ]


def split_by_group(variables: Sequence[Any], groups: Sequence[Group]) -> dict[Group | None, list[Any]]:
    """The variables of each group, in the order of the variables."""
    found: dict[Group | None, list[Any]] = {}
    for variable in variables:
        found.setdefault(group_of(variable, groups), []).append(variable)
    return found
