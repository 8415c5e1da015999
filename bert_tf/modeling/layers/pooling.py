"""From the vectors of many tokens (or windows) to one: what a head is put on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from bert_tf.errors import UserError
from bert_tf.modeling.layers.pooling_kinds import Pooling
from bert_tf.modeling.mask_values import MASKED


def pool(backbone: keras.Model, inputs: Mapping[str, Any], pooling: Pooling, dtype: Any = None) -> Any:
    """Runs the encoder and makes one vector of each text.

    Args:
        backbone: a KerasHub text encoder.
        inputs: its inputs, ``(batch, seq_len)`` int32 each, among them ``padding_mask``.
        pooling: how.
        dtype: dtype policy of the layers that are added.

    Returns:
        ``(batch, dim)`` float; of ``mean_max`` twice, of ``last4`` four times as wide.

    Raises:
        UserError: ``last4`` with an encoder whose layers cannot be told apart.
    """
    if pooling == "last4":
        states = _last_hidden_states(backbone, 4)(inputs)
        return ops.concatenate([state[:, 0] for state in states], axis=-1) if len(states) > 1 else states[0][:, 0]
    outputs = backbone(inputs)
    tokens = token_vectors(outputs)
    if pooling == "cls":
        return outputs["pooled_output"] if isinstance(outputs, dict) and "pooled_output" in outputs else tokens[:, 0]
    layer = AttentionPooling if pooling == "attention" else MaskedMean
    pooled = layer(dtype=dtype, name="pooling")(tokens, inputs["padding_mask"])
    if pooling == "mean_max":
        greatest = MaskedMax(dtype=dtype, name="max_pooling")(tokens, inputs["padding_mask"])
        return ops.concatenate([pooled, greatest], axis=-1)
    return pooled


def token_vectors(outputs: Any) -> Any:
    """The vector of each token, ``(batch, seq_len, dim)``, in what an encoder gives: BERT a dict, others a tensor."""
    return outputs["sequence_output"] if isinstance(outputs, dict) else outputs


def _last_hidden_states(backbone: keras.Model, count: int) -> keras.Model:
    """The encoder with the outputs ``(batch, seq_len, dim)`` of its last ``count`` layers (of all, if it has fewer)."""
    try:
        states = [layer.output for layer in backbone.transformer_layers[-count:]]
    except AttributeError:  # ALBERT runs one layer again and again: it has no output of its own
        raise UserError(
            f"--head.pooling last4: {type(backbone).__name__} does not show the outputs of its layers; take cls, mean "
            "or attention."
        ) from None
    return keras.Model(backbone.input, states, name="last_hidden_states")


@keras.saving.register_keras_serializable(package="bert_tf")
class MaskedMean(keras.layers.Layer):
    """The mean of those vectors whose mask is 1."""

    def call(self, values: Any, padding_mask: Any) -> Any:
        """``(batch, items, dim)`` float and ``(batch, items)`` int to ``(batch, dim)`` float."""
        weights = ops.expand_dims(ops.cast(padding_mask, values.dtype), -1)
        return ops.sum(values * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1)


@keras.saving.register_keras_serializable(package="bert_tf")
class MaskedMax(keras.layers.Layer):
    """The greatest value in each dimension, among those vectors whose mask is 1."""

    def call(self, values: Any, padding_mask: Any) -> Any:
        """``(batch, items, dim)`` float and ``(batch, items)`` int to ``(batch, dim)`` float."""
        lowest = ops.cast(-65504.0, values.dtype)  # the least float16
        return ops.max(ops.where(ops.expand_dims(padding_mask, -1) > 0, values, lowest), axis=1)


@keras.saving.register_keras_serializable(package="bert_tf")
class AttentionPooling(keras.layers.Layer):
    """A mean whose weights are learned: softmax of ``v · tanh(W h + b)`` (Yang et al. 2016, equations 5 to 7)."""

    def build(self, values_shape: Any, padding_mask_shape: Any = None) -> None:
        dim = values_shape[-1]
        self.hidden = keras.layers.Dense(dim, activation="tanh", dtype=self.dtype_policy, name="hidden")
        self.context = keras.layers.Dense(1, use_bias=False, dtype=self.dtype_policy, name="context")
        self.hidden.build(values_shape)
        self.context.build(values_shape)

    def call(self, values: Any, padding_mask: Any) -> Any:
        """``(batch, items, dim)`` float and ``(batch, items)`` int to ``(batch, dim)`` float."""
        scores = ops.cast(self.context(self.hidden(values)), "float32")
        # Finite, so that a row without any item gives numbers too.
        scores += (1.0 - ops.cast(ops.expand_dims(padding_mask, -1), "float32")) * MASKED
        return ops.sum(values * ops.cast(ops.softmax(scores, axis=1), values.dtype), axis=1)
