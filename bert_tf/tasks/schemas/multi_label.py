"""What multi-label classification reads, and its options."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from bert_tf.config import Section
from bert_tf.data.labels import Spellings, read_several
from bert_tf.data.records import Row
from bert_tf.data.schema import Examples, TaskSchema
from bert_tf.modeling.layers.pooling_kinds import Pooling


class Options(Section):
    """The options of multi-label classification."""

    separator: str = Field(",", min_length=1, description="separates the labels where a record has them as one string")
    thresholds: Literal["fixed", "global", "per_label"] = Field(
        "global", description="0.5, or tuned on the validation data for best F1: one for all labels, or one for each"
    )
    pooling: Pooling = Field("cls", description="what the last layer reads: cls, mean, mean_max, attention or last4")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")
    focal_gamma: float = Field(0.0, ge=0, description="focal loss: 2 is usual, 0 is cross-entropy")
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: of each label, the texts that have it count as much as those that do not"
    )


class MultiLabelSchema(TaskSchema):
    """Columns and options of multi-label classification."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "Thank you so much, what a day!", "label": "gratitude,joy"},
        {"text": "The train leaves at nine.", "label": ""},
        {"text": "太好了！", "label": ["joy"]},
    )
    has_labels: ClassVar[bool] = True
    score_names: ClassVar[tuple[str, ...]] = (
        "micro_f1",
        "micro_precision",
        "micro_recall",
        "macro_f1",
        "map",
        "subset_accuracy",
        "hamming_loss",
        "loss",
    )

    @classmethod
    def needs_validation(cls, options: BaseModel) -> str | None:
        return "--head.thresholds per_label" if getattr(options, "thresholds", None) == "per_label" else None

    @classmethod
    def prepare(cls, row: Row) -> Row:
        label = row.values.get("label")
        if isinstance(label, np.ndarray | tuple):
            label = list(label)
        elif isinstance(label, str) and not label.strip():
            label = []  # the empty set, where an empty label would be a mistake
        return row._replace(values={**row.values, "label": label}) if "label" in row.values else row

    @classmethod
    def label_reader(cls, options: Any) -> Callable[[Row, Spellings], Row]:
        return partial(read_several, separator=options.separator)


SCHEMA = MultiLabelSchema
