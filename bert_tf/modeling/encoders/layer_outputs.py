"""What lies between the layers of a BERT: all hidden states and all attention scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras_hub

from bert_tf.errors import UserError


class LayerOutputs(NamedTuple):
    """What an encoder computes on the way.

    Attributes:
        hidden_states: the embeddings, then the output of each layer: ``(batch, seq_len, dim)`` float each.
        attention_scores: of each layer, how much each token (third axis) takes from each (fourth axis):
            ``(batch, heads, seq_len, seq_len)`` float each; a row adds up to 1.
    """

    hidden_states: list[Any]
    attention_scores: list[Any]


def layer_outputs(
    backbone: keras_hub.models.Backbone, features: Mapping[str, Any], training: bool = False
) -> LayerOutputs:
    """Runs a BERT layer by layer.

    Args:
        backbone: a ``BertBackbone``, such as our ``BertEncoder``.
        features: its inputs, ``(batch, seq_len)`` int32 each.
        training: whether dropout is on.

    Raises:
        UserError: it is another encoder.
    """
    if not isinstance(backbone, keras_hub.models.BertBackbone):
        raise UserError(f"A {type(backbone).__name__} does not show its layers; a BERT does.")
    tokens = backbone.token_embedding(features["token_ids"])
    embeddings = (tokens, backbone.position_embedding(tokens), backbone.segment_embedding(features["segment_ids"]))
    state = backbone.embeddings_layer_norm(backbone.embeddings_add(embeddings))
    state = backbone.embeddings_dropout(state, training=training)
    states, scores = [state], []
    for layer in backbone.transformer_layers:
        state, score = layer(
            state, padding_mask=features["padding_mask"], training=training, return_attention_scores=True
        )
        states.append(state)
        scores.append(score)
    return LayerOutputs(states, scores)
