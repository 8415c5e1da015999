"""Two labels: which of them is the positive one, and from which probability on it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Field

from bert_tf.config import Section
from bert_tf.data.labels import label_text, short_list
from bert_tf.data.schema import TaskSchema
from bert_tf.errors import UserError


def _read_threshold(value: Any) -> Any:
    if value in ("none", "auto"):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 < number < 1:
        raise ValueError(f"give none, auto or a probability between 0 and 1, not {value!r}")
    return number


Threshold = Annotated[Literal["none", "auto"] | float, BeforeValidator(_read_threshold)]
"""``none``: the likelier label is answered; a number: the positive one from this probability on; ``auto``: from the one
that gives the best F1 of the positive label on the validation data."""


def _read_label(value: Any) -> Any:
    return None if value is None else label_text(value, "--head.positive_label")


_Label = Annotated[str, BeforeValidator(_read_label)]


class BinaryOptions(Section):
    """The options of ``--head.*`` that need two labels."""

    positive_label: _Label | None = Field(
        None, description="of two labels, the one that f1_positive and threshold mean (default: the last one)"
    )
    threshold: Threshold = Field(
        "none",
        description="of two labels, the probability from which on the positive one is answered; auto: the one with its "
        "best F1 on the validation data (none: the likelier label)",
    )


class BinarySchema(TaskSchema):
    """Of tasks that answer exactly one label and have the options of two."""

    has_labels: ClassVar[bool] = True
    score_names: ClassVar[tuple[str, ...]] = (
        *("accuracy", "precision", "recall", "f1"),
        *("f1_positive", "weighted_f1", "mcc", "loss"),
    )

    @classmethod
    def needs_validation(cls, options: BaseModel) -> str | None:
        return "--head.threshold auto" if getattr(options, "threshold", None) == "auto" else None


def positive_label(labels: Sequence[str], given: str | None = None, threshold: Any = "none") -> str | None:
    """The positive one of two labels: the one given, else the last; ``None`` where there are not two.

    Raises:
        UserError: it is none of the labels, or an option needs two labels and there are others.
    """
    if given is not None and given not in labels:
        raise UserError(f"--head.positive_label {given}: there is no such label; there are: {short_list(labels)}.")
    if len(labels) == 2:
        return labels[-1] if given is None else given
    if given is not None or threshold != "none":
        option = f"threshold {threshold}" if given is None else f"positive_label {given}"
        raise UserError(
            f"--head.{option} is for two labels; there are {len(labels)}: {short_list(labels)}. Leave it out."
        )
    return None
