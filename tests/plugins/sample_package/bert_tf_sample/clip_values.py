"""Limits each number of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from pydantic import Field

from bert_tf.config import Section
from bert_tf.training.hook import Hook


class Options(Section):
    """Options of clip_values: ``--hooks.clip_values.*``."""

    limit: float = Field(0.1, gt=0, description="largest absolute value")


class ClipValues(Hook):
    """Clips the gradient of the global batch, number by number."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def transform_gradients(self, gradients: list[tf.Tensor], variables: Sequence[Any]) -> list[tf.Tensor]:
        return [tf.clip_by_value(gradient, -self.limit, self.limit) for gradient in gradients]


def hook(options: Options) -> Hook:
    """The hook of the options."""
    return ClipValues(options.limit)
