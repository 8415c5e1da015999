"""Classification of documents that are longer than the model: one label for a text of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf
from keras import ops

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.config import TextCleaningConfig
from bert_tf.errors import UserError
from bert_tf.modeling.layers.pooling import pool
from bert_tf.modeling.layers.pooling_kinds import Pooling, WindowPooling
from bert_tf.modeling.layers.window_pooling import FoldWindows, UnfoldWindows, window_pooling
from bert_tf.modeling.losses.cross_entropy import SoftmaxLoss
from bert_tf.tasks.schemas.document_classification import DocumentClassificationSchema
from bert_tf.tasks.single_label import SingleLabelTask
from bert_tf.tokenization.document_preprocessor import DocumentPreprocessor, Strategy


@keras.saving.register_keras_serializable(package="bert_tf")
class DocumentClassifier(DocumentClassificationSchema, SingleLabelTask):
    """A backbone over each window of a document, a pooling of the windows, and a dense layer.

    Its inputs are ``(batch, windows, seq_len)`` int32, those of ``head_tail`` ``(batch, seq_len)``.

    Args:
        backbone: a KerasHub text encoder.
        preprocessor: cuts documents into windows, or keeps their head and tail.
        labels: label names by class index.
        pair: a document has no ``text_pair``.
        strategy: ``windows`` (Pappagari et al. 2019) or ``head_tail`` (Sun et al. 2019).
        max_windows: most windows of a document.
        window_pooling: how the windows become one vector.
        pooling: which vector stands for a window, see :data:`bert_tf.modeling.layers.pooling_kinds.Pooling`.
        dropout: share of the pooled features dropped in training.
        label_smoothing: see :class:`bert_tf.modeling.losses.cross_entropy.SoftmaxLoss`, as the next two.
        focal_gamma: 0 is cross-entropy.
        class_weights: one factor per label, or ``none``.
        positive_label: of two labels, the one that ``f1_positive`` and ``threshold`` mean; default the last.
        threshold: see :data:`bert_tf.data.binary_labels.Threshold`.
        threshold_value: the probability that ``auto`` chose.
    """

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        labels: Sequence[str],
        pair: bool = False,
        strategy: Strategy = "windows",
        max_windows: int = 8,
        window_pooling: WindowPooling = "mean",
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
        if strategy == "head_tail":
            inputs = backbone.input
            document = pool(backbone, inputs, pooling, dtype)
        else:
            inputs = {name: keras.Input((None, None), dtype="int32", name=name) for name in backbone.input}
            document = _over_windows(backbone, inputs, pooling, window_pooling, max_windows, dropout, dtype)
        outputs = self.output_dense(self.output_dropout(document))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.labels = [str(label) for label in labels]
        self.pair = pair
        self.strategy = strategy
        self.max_windows = max_windows
        self.window_pooling = window_pooling
        self.pooling = pooling
        self.dropout = dropout
        self.softmax_loss = SoftmaxLoss(label_smoothing, focal_gamma, class_weights)
        self.set_decision(positive_label, threshold, threshold_value)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "labels": list(self.labels),
            "pair": self.pair,
            "strategy": self.strategy,
            "max_windows": self.max_windows,
            "window_pooling": self.window_pooling,
            "pooling": self.pooling,
            "dropout": self.dropout,
            **self.softmax_loss.get_config(),
            **self.decision_config(),
        }

    @classmethod
    def create(
        cls,
        loaded: LoadedBackbone,
        *,
        sequence_length: int,
        dtype: str = "float32",
        cleaning: TextCleaningConfig | None = None,
        strategy: Strategy = "windows",
        stride: int | None = None,
        max_windows: int = 8,
        head_tokens: int = 128,
        **options: Any,
    ) -> DocumentClassifier:
        """Builds the task on a loaded backbone; see :meth:`TextTask.create`.

        Raises:
            UserError: windows would leave gaps, or head and tail do not fit.
        """
        room = sequence_length - 2
        stride = max(1, room * 3 // 4) if stride is None else stride
        if strategy == "windows" and stride > room:
            raise UserError(
                f"--head.stride {stride}: a window holds {room} tokens of text (--data.sequence_length "
                f"{sequence_length} less two): the text between two windows would not be read."
            )
        if strategy == "head_tail" and head_tokens > room:
            raise UserError(
                f"--head.head_tokens {head_tokens}: there is room for {room} tokens of text in "
                f"--data.sequence_length {sequence_length}."
            )
        preprocessor = DocumentPreprocessor(
            loaded.tokenizer,
            sequence_length=sequence_length,
            segment_ids="segment_ids" in loaded.backbone.input,
            cleaning=cleaning,
            strategy=strategy,
            stride=stride,
            max_windows=max_windows,
            head_tokens=head_tokens,
        )
        return cls(
            backbone=loaded.backbone,
            preprocessor=preprocessor,
            dtype=dtype,
            strategy=strategy,
            max_windows=max_windows,
            **options,
        )

    def text_limit(self) -> tuple[int, str] | None:
        """What lies behind the last window is not read; head and tail leave out the middle, and that is meant."""
        if self.strategy == "head_tail":
            return None
        preprocessor: Any = self.preprocessor
        last_window = (self.max_windows - 1) * preprocessor.stride
        return last_window + preprocessor.sequence_length, "--head.max_windows"

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return self.softmax_loss(targets, outputs)


def _over_windows(
    backbone: keras.Model,
    inputs: Mapping[str, Any],
    pooling: Pooling,
    kind: WindowPooling,
    max_windows: int,
    dropout: float,
    dtype: Any,
) -> Any:
    """The vector of each document, ``(batch, dim)``."""
    mask = inputs["padding_mask"]
    folded = {name: FoldWindows(dtype="int32", name=f"fold_{name}")(value) for name, value in inputs.items()}
    windows = UnfoldWindows(dtype=dtype, name="unfold")(pool(backbone, folded, pooling, dtype), mask)
    is_window = ops.max(mask, axis=-1)
    return window_pooling(kind, max_windows, dropout, dtype)(windows, is_window)


TASK = DocumentClassifier
