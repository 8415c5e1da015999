"""What multiple choice reads, and its options."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from bert_tf.config import Section
from bert_tf.data.records import Row, text_of
from bert_tf.data.schema import Examples, TaskSchema
from bert_tf.errors import UserError

_NUMBERED = re.compile(r"(?:choice|ending|option)_?(\d+)")


class Options(Section):
    """The options of multiple choice."""

    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")
    pooling: Literal["cls", "mean", "attention"] = Field("cls", description="how the tokens become one vector")


class MultipleChoiceSchema(TaskSchema):
    """Columns and options of multiple choice."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "It was raining.", "question": "What did she take?", "choices": ["an umbrella", "a fork"], "label": 0},
        {"text": "天黑了。", "question": "他做什么？", "choices": ["游泳", "睡觉", "种树"], "label": 1},
    )
    score_names: ClassVar[tuple[str, ...]] = ("accuracy", "loss")
    text_columns: ClassVar[tuple[str, ...]] = ("text", "question")
    list_columns: ClassVar[tuple[str, ...]] = ("choices",)
    target_columns: ClassVar[tuple[str, ...]] = ("label",)
    source_columns: ClassVar[tuple[str, ...]] = ("choices",)
    class_column: ClassVar[str | None] = None

    @classmethod
    def required_columns(cls) -> tuple[str, ...]:
        return ("text", "choices")

    @classmethod
    def values_of(cls, given: Any, target: Any = None) -> dict[str, Any]:
        """``(text, choices)`` and ``(text, question, choices)`` too."""
        if isinstance(given, list | tuple):
            names = ("text", "choices") if len(given) == 2 else ("text", "question", "choices")
            given = dict(zip(names, given, strict=False))
        return super().values_of(given, target)

    @classmethod
    def prepare(cls, row: Row) -> Row:
        """Gathers ``ending0``, ``ending1``, … (or ``choice…``, ``option…``) into ``choices``, and checks these."""
        values = dict(row.values)
        if "choices" not in values:
            numbered = {int(found[1]): name for name in values if (found := _NUMBERED.fullmatch(name))}
            if numbered:
                texts = [text_of(row, numbered[number]) for number in sorted(numbered)]
                while texts and not texts[-1].strip():  # a table has as many columns as its longest question
                    texts.pop()
                values["choices"] = texts
        choices = values.get("choices")
        choices = list(choices) if isinstance(choices, tuple) else choices
        if choices is None:
            raise UserError(
                f"{row.where()}: there are no choices. Give a list in a column 'choices' (JSONL), or columns ending0, "
                "ending1, … (CSV)."
            )
        if not isinstance(choices, list) or not all(isinstance(choice, str | int | float) for choice in choices):
            raise UserError(f"{row.where()}: the column 'choices' must hold a list of texts, not {choices!r:.60}.")
        if len(choices) < 2:
            raise UserError(f"{row.where()}: there is {len(choices)} choice; two at least are needed.")
        values["choices"] = [str(choice) for choice in choices]
        return row._replace(values=values)


SCHEMA = MultipleChoiceSchema
