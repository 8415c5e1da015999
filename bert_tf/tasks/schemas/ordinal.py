"""What ordinal classification reads, and its options."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bert_tf.config import Section
from bert_tf.data.binary_labels import BinarySchema
from bert_tf.data.schema import Examples, TaskSchema
from bert_tf.modeling.layers.pooling_kinds import Pooling


class Options(Section):
    """The options of ordinal classification."""

    pooling: Pooling = Field("cls", description="what the last layer reads: cls, mean, mean_max, attention or last4")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")


class OrdinalSchema(TaskSchema):
    """Columns and options of ordinal classification."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "It broke on the first day.", "label": 1},
        {"text": "It works, but the manual is a joke.", "label": 3},
        {"text": "非常满意。", "label": 5},
    )
    has_labels: ClassVar[bool] = True
    score_names: ClassVar[tuple[str, ...]] = (
        "mae",
        "quadratic_kappa",
        "off_by_one_accuracy",
        *BinarySchema.score_names,
    )


SCHEMA = OrdinalSchema
