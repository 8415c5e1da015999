"""What regression reads, and its options."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field, field_validator

from bert_tf.config import Section
from bert_tf.data.labels import Spellings, read_label, with_labels
from bert_tf.data.records import Records, Row
from bert_tf.data.schema import Examples, TaskSchema
from bert_tf.modeling.layers.pooling_kinds import Pooling


class Options(Section):
    """The options of regression."""

    bounds: list[float] | None = Field(
        None, description="lowest and highest answer, such as 0 5 (default: none, any number may be answered)"
    )
    pooling: Pooling = Field("cls", description="what the last layer reads: cls, mean, mean_max, attention or last4")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")

    @field_validator("bounds")
    @classmethod
    def _two_in_order(cls, bounds: list[float] | None) -> list[float] | None:
        if bounds is not None and (len(bounds) != 2 or not all(map(math.isfinite, bounds)) or bounds[0] >= bounds[1]):
            raise ValueError("give the lowest and the highest answer, such as 0 5")
        return bounds


class RegressionSchema(TaskSchema):
    """Columns and options of regression."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "A man plays a guitar.", "text_pair": "A man is playing music.", "label": 3.8},
        {"text": "A dog runs.", "text_pair": "The sun is far away.", "label": 0.2},
    )
    score_names: ClassVar[tuple[str, ...]] = ("pearson", "spearman", "pearson_spearman", "mse", "mae")
    class_column: ClassVar[str | None] = None

    @classmethod
    def label_reader(cls, options: Any) -> Callable[[Row, Spellings], Row]:
        return read_label

    @classmethod
    def read_labels(cls, records: Records, options: Any) -> Records:
        return with_labels(records, read_label, say=False)  # 1.50 and 1.5 are one number, which nobody need be told


SCHEMA = RegressionSchema
