"""``--task yes_no``: whether a text is one of those labelled ``yes``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, Field

from bert_tf.config import Section
from bert_tf.data.records import Records, Row
from bert_tf.data.schema import TaskSchema
from bert_tf.modeling.layers.pooling import pool
from bert_tf.tasks.task import TextTask


class Options(Section):
    """Options of yes_no: ``--head.*``, and arguments of the constructor."""

    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")


class YesNoSchema(TaskSchema):
    """What is known of the task without TensorFlow: its columns, options and scores."""

    Options = Options
    text_columns = ("text",)
    score_names = ("accuracy", "loss")
    examples = ({"text": "Please call back today.", "label": "yes"}, {"text": "Thank you!", "label": "no"})


@keras.saving.register_keras_serializable(package="bert_tf_sample")
class YesNo(YesNoSchema, TextTask):
    """A backbone, dropout, and one logit."""

    monitor = "accuracy"
    target_signature = tf.TensorSpec([None], tf.float32)

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        dropout: float = 0.1,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.dropout = keras.layers.Dropout(dropout, dtype=dtype)
        self.logit = keras.layers.Dense(1, dtype=dtype, name="logit")

        # === Functional Model ===
        inputs = backbone.input
        outputs = self.logit(self.dropout(pool(backbone, inputs, "cls", dtype)))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.pair = False
        self.dropout_rate = dropout

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.dropout_rate}

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        return {}

    def target(self, row: Row) -> float | None:
        return {"yes": 1.0, "no": 0.0}.get(str(row.values["label"]))

    def unknown_target(self, row: Row) -> str:
        return f"the label {row.values['label']!r} is neither 'yes' nor 'no'"

    def counted(self, row: Row, target: float) -> list[str]:
        return [str(row.values["label"])]

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.sigmoid_cross_entropy_with_logits(targets, tf.cast(outputs, tf.float32)[:, 0])

    def postprocess(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        score = tf.sigmoid(tf.cast(outputs, tf.float32)[:, 0])
        return {"label": tf.where(score > 0.5, "yes", "no"), "score": score}

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        pairs = zip(finished["label"], finished["score"], strict=True)
        return [{"label": label.decode(), "score": float(score)} for label, score in pairs]

    def evaluate_outputs(
        self, targets: Sequence[float], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        truth, score = np.array(targets) > 0.5, finished["score"]
        right = np.where(truth, score, 1 - score)
        loss = -np.log(np.maximum(right, 1e-7)).mean()
        return {"accuracy": float(np.mean(truth == (score > 0.5))), "loss": float(loss), "examples": len(truth)}


SCHEMA = YesNoSchema
TASK = YesNo
