"""What masked-token filling reads, and its options."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bert_tf.config import Section
from bert_tf.data.records import Row
from bert_tf.data.schema import Examples, TaskSchema
from bert_tf.errors import UserError

MASK = "[MASK]"


class Options(Section):
    """The options of masked-token filling."""

    top_k: int = Field(5, ge=1, description="candidates for each mask")


class FillSchema(TaskSchema):
    """Columns and options of masked-token filling."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "a b [MASK] d", "label": "c"},
        {"text": "天[MASK]很好", "label": "气"},
    )
    text_columns: ClassVar[tuple[str, ...]] = ("text",)
    target_columns: ClassVar[tuple[str, ...]] = ("label",)
    class_column: ClassVar[str | None] = None
    keeps_text: ClassVar[bool] = True
    learns_from_records: ClassVar[bool] = False
    works_untrained: ClassVar[bool] = True

    @classmethod
    def prepare(cls, row: Row) -> Row:
        text, label = row.values.get("text"), row.values.get("label")
        if isinstance(text, str) and MASK not in text:
            raise UserError(f"{row.where()}: the text has no {MASK} to fill: {text[:60]!r}.")
        return row._replace(values={**row.values, "label": " ".join(label)}) if isinstance(label, list) else row


SCHEMA = FillSchema
