"""Attention scores and hidden states of a call of the encoder."""

from __future__ import annotations

import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.errors import UserError
from bert_tf.modeling.encoders.bert_encoder import BertEncoder
from bert_tf.modeling.encoders.layer_outputs import layer_outputs

SHAPE = {"vocabulary_size": 20, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
FEATURES = {
    "token_ids": tf.constant([[2, 7, 3, 0]]),
    "segment_ids": tf.zeros([1, 4], tf.int32),
    "padding_mask": tf.constant([[1, 1, 1, 0]]),
}


def test_encoder_gives_its_layers_when_asked() -> None:
    encoder = BertEncoder(**SHAPE)
    plain = encoder(FEATURES)
    assert set(plain) == {"sequence_output", "pooled_output"}
    asked = encoder(FEATURES, return_attention_scores=True, return_hidden_states=True)
    for name, value in plain.items():
        np.testing.assert_allclose(asked[name], value, atol=1e-6)
    assert [score.shape for score in asked["attention_scores"]] == [(1, 2, 4, 4)] * 2
    assert len(asked["hidden_states"]) == 3
    assert float(tf.reduce_max(asked["attention_scores"][0][..., 3])) < 1e-6  # nobody looks at the padding
    with pytest.raises(TypeError):
        encoder(FEATURES, return_attention=True)


def test_another_encoder_says_that_it_does_not_show_its_layers() -> None:
    encoder = keras_hub.models.DistilBertBackbone(20, 2, 2, 8, 16)
    with pytest.raises(UserError, match="DistilBertBackbone does not show its layers"):
        layer_outputs(encoder, FEATURES)
