"""Several texts a record, ``(batch, texts, …)``, through an encoder; and windows of a document to one vector."""

from __future__ import annotations

from typing import Any

import keras
import keras_hub
from keras import ops

from bert_tf.modeling.layers.pooling import AttentionPooling, MaskedMax, MaskedMean
from bert_tf.modeling.layers.pooling_kinds import WindowPooling


def fold(values: Any) -> Any:
    """``(batch, texts, seq_len)`` to ``(batch × texts, seq_len)``, as an encoder takes them."""
    return ops.reshape(values, (-1, ops.shape(values)[-1]))


def unfold(values: Any, padding_mask: Any) -> Any:
    """What came of folded texts, ``(batch × texts, dim)``, to ``(batch, texts, dim)``.

    Args:
        values: of each text.
        padding_mask: of the texts before they were folded, ``(batch, texts, seq_len)``.
    """
    batch, texts = ops.shape(padding_mask)[:2]
    return ops.reshape(values, (batch, texts, values.shape[-1]))


@keras.saving.register_keras_serializable(package="bert_tf")
class FoldWindows(keras.layers.Layer):
    """:func:`fold` in a functional model: an encoder sees each window as a text."""

    def call(self, inputs: Any) -> Any:
        return fold(inputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor((None, inputs.shape[-1]), inputs.dtype)


@keras.saving.register_keras_serializable(package="bert_tf")
class UnfoldWindows(keras.layers.Layer):
    """:func:`unfold` in a functional model."""

    def call(self, inputs: Any, padding_mask: Any) -> Any:
        return unfold(inputs, padding_mask)

    def compute_output_spec(self, inputs: Any, padding_mask: Any) -> Any:
        return keras.KerasTensor((*padding_mask.shape[:2], inputs.shape[-1]), inputs.dtype)


@keras.saving.register_keras_serializable(package="bert_tf")
class WindowTransformer(keras.layers.Layer):
    """Windows read each other in a small Transformer, then their mean (ToBERT of Pappagari et al. 2019, section 3.2).

    Args:
        max_windows: number of positions that are learned.
        layers: number of Transformer layers; the paper's is two.
        dropout: in the Transformer.
    """

    def __init__(self, max_windows: int, layers: int = 2, dropout: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_windows = max_windows
        self.layers = layers
        self.dropout = dropout

    def build(self, values_shape: Any, padding_mask_shape: Any = None) -> None:
        dim = values_shape[-1]
        self.positions = keras_hub.layers.PositionEmbedding(self.max_windows, dtype=self.dtype_policy)
        self.encoders = [
            keras_hub.layers.TransformerEncoder(
                intermediate_dim=4 * dim,
                num_heads=max(1, dim // 64),
                dropout=self.dropout,
                activation="gelu",
                dtype=self.dtype_policy,
            )
            for _ in range(self.layers)
        ]
        self.mean = MaskedMean(dtype=self.dtype_policy)
        # The window axis is open, but a position embedding is built on a length.
        self.positions.build((None, self.max_windows, dim))
        for encoder in self.encoders:
            encoder.build((None, None, dim))

    def call(self, values: Any, padding_mask: Any, training: bool | None = None) -> Any:
        """``(batch, windows, dim)`` float and ``(batch, windows)`` int to ``(batch, dim)`` float."""
        values = values + self.positions(values)
        for encoder in self.encoders:
            values = encoder(values, padding_mask=padding_mask, training=training)
        return self.mean(values, padding_mask)

    def compute_output_spec(self, values: Any, padding_mask: Any, training: bool | None = None) -> Any:
        return keras.KerasTensor((values.shape[0], values.shape[-1]), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_windows": self.max_windows,
            "layers": self.layers,
            "dropout": self.dropout,
        }


def window_pooling(kind: WindowPooling, max_windows: int, dropout: float, dtype: Any) -> keras.layers.Layer:
    """The layer that makes one vector of a document of the vectors of its windows."""
    match kind:
        case "mean":
            return MaskedMean(dtype=dtype, name="window_pooling")
        case "max":
            return MaskedMax(dtype=dtype, name="window_pooling")
        case "attention":
            return AttentionPooling(dtype=dtype, name="window_pooling")
    return WindowTransformer(max_windows, dropout=dropout, dtype=dtype, name="window_pooling")
