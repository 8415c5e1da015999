"""What classification reads, and its options."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bert_tf.data.binary_labels import BinaryOptions, BinarySchema
from bert_tf.data.schema import Examples
from bert_tf.modeling.layers.pooling_kinds import Pooling


class Options(BinaryOptions):
    """The options of classification."""

    pooling: Pooling = Field("cls", description="what the last layer reads: cls, mean, mean_max, attention or last4")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target that all labels divide evenly")
    focal_gamma: float = Field(0.0, ge=0, description="focal loss: 2 is usual, 0 is cross-entropy")
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: every label counts alike")


class ClassificationSchema(BinarySchema):
    """Columns and options of classification."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "A joy from beginning to end.", "label": "positive"},
        {"text": "这本书很差。", "label": "negative"},
    )


SCHEMA = ClassificationSchema
