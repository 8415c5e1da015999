"""The masked-token head of BERT: built on an encoder, its weights by the names that checkpoints give them."""

from __future__ import annotations

from typing import Any

import keras
import keras_hub

from bert_tf.backbones.bert_weights import NamedVariable, dense, layer_norm
from bert_tf.modeling.encoders.bert_encoder import ACTIVATIONS


def build_masked_token_head(backbone: keras_hub.models.BertBackbone, dtype: Any) -> keras_hub.layers.MaskedLMHead:
    """A dense layer, LayerNorm, and the token embedding read backwards, plus a bias (Devlin et al. 2018, section 3.1).

    Args:
        backbone: the encoder; activation and LayerNorm epsilon are its own.
        dtype: Keras dtype policy.

    Returns:
        A layer from ``(batch, seq_len, hidden)`` and positions ``(batch, masked)`` int32 to logits
        ``(batch, masked, vocabulary)``.
    """
    return keras_hub.layers.MaskedLMHead(
        token_embedding=backbone.token_embedding,
        intermediate_activation=ACTIVATIONS[getattr(backbone, "hidden_act", "gelu_new")],
        layer_norm_epsilon=getattr(backbone, "layer_norm_epsilon", 1e-12),
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        dtype=dtype,
        name="masked_token_head",
    )


def masked_token_head_variables(head: keras_hub.layers.MaskedLMHead) -> list[NamedVariable]:
    """The head's weights, in the order of ``bert_weights.MASKED_TOKEN_HEAD``."""
    return [
        *dense(head._intermediate_dense, "cls.predictions.transform.dense"),
        *layer_norm(head._intermediate_layer_norm, "cls.predictions.transform.LayerNorm"),
        NamedVariable(head._bias, "cls.predictions.bias"),
    ]
