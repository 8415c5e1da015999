"""What document classification reads, and its options."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bert_tf.data.binary_labels import BinaryOptions, BinarySchema
from bert_tf.data.schema import Examples
from bert_tf.modeling.layers.pooling_kinds import Pooling, WindowPooling


class Options(BinaryOptions):
    """The options of document classification."""

    strategy: Literal["windows", "head_tail"] = Field(
        "windows", description="windows of --data.sequence_length tokens, or head_tail: the beginning and the end only"
    )
    stride: int | None = Field(
        None, ge=1, description="windows: tokens from one's start to the next one's (default: three quarters of one)"
    )
    max_windows: int = Field(8, ge=1, description="windows: what lies behind this many is not read")
    window_pooling: WindowPooling = Field("mean", description="windows: how they become one vector")
    head_tokens: int = Field(128, ge=0, description="head_tail: tokens of the beginning; the rest is the end")
    pooling: Pooling = Field("cls", description="what stands for a window: cls, mean, mean_max, attention or last4")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target that all labels divide evenly")
    focal_gamma: float = Field(0.0, ge=0, description="focal loss: 2 is usual, 0 is cross-entropy")
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: every label counts alike")


class DocumentClassificationSchema(BinarySchema):
    """Columns and options of document classification."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "The first chapter is slow. The others are a joy.", "label": "positive"},
        {"text": "这本书很差，读到一半就放下了。", "label": "negative"},
    )
    text_columns: ClassVar[tuple[str, ...]] = ("text",)


SCHEMA = DocumentClassificationSchema
