"""Text classification: one label for a text or a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from bert_tf.modeling.layers.pooling import pool
from bert_tf.modeling.layers.pooling_kinds import Pooling
from bert_tf.modeling.losses.cross_entropy import SoftmaxLoss
from bert_tf.tasks.schemas.classification import ClassificationSchema
from bert_tf.tasks.single_label import SingleLabelTask


@keras.saving.register_keras_serializable(package="bert_tf")
class TextClassifier(ClassificationSchema, SingleLabelTask):
    """A backbone, dropout, and a dense layer with one logit per label (Devlin et al. 2018, section 4.1).

    Args:
        backbone: a KerasHub text encoder. BERT's pooled output is used where there is one, else the first token.
        preprocessor: turns strings into the backbone's inputs.
        labels: label names by class index.
        pair: whether the model reads ``text_pair`` beside ``text``.
        pooling: which vector stands for the text, see :data:`bert_tf.modeling.layers.pooling_kinds.Pooling`.
        dropout: share of the pooled features dropped in training.
        label_smoothing: see :class:`bert_tf.modeling.losses.cross_entropy.SoftmaxLoss`, as the next two.
        focal_gamma: 0 is cross-entropy.
        class_weights: one factor per label, or ``none``.
        positive_label: of two labels, the one that ``f1_positive`` and ``threshold`` mean; default the last.
        threshold: see :data:`bert_tf.data.binary_labels.Threshold`.
        threshold_value: the probability that ``auto`` chose.

    Example:
    ```python
    classifier = TextClassifier.from_preset("bert_base_zh", labels=["negative", "positive"])
    logits = classifier.predict(["我非常喜欢这本书。", "这本书很差。"])  # (2, 2)
    ```
    """

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        labels: Sequence[str],
        pair: bool = False,
        pooling: Pooling = "cls",
        dropout: float = 0.1,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        class_weights: Sequence[float] | Literal["none"] = "none",
        positive_label: str | None = None,
        threshold: Literal["none", "auto"] | float = "none",
        threshold_value: float | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.output_dropout = keras.layers.Dropout(dropout, dtype=dtype, name="classifier_dropout")
        self.output_dense = keras.layers.Dense(
            len(labels),
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype=dtype,
            name="logits",
        )

        # === Functional Model ===
        inputs = backbone.input
        outputs = self.output_dense(self.output_dropout(pool(backbone, inputs, pooling, dtype)))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.labels = [str(label) for label in labels]
        self.pair = pair
        self.pooling = pooling
        self.dropout = dropout
        self.softmax_loss = SoftmaxLoss(label_smoothing, focal_gamma, class_weights)
        self.set_decision(positive_label, threshold, threshold_value)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "labels": list(self.labels),
            "pair": self.pair,
            "pooling": self.pooling,
            "dropout": self.dropout,
            **self.softmax_loss.get_config(),
            **self.decision_config(),
        }

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return self.softmax_loss(targets, outputs)


TASK = TextClassifier
