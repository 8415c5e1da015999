"""Poolings: what is padding changes nothing, and each gives what its name says."""

from __future__ import annotations

import keras
import keras_hub
import numpy as np
import pytest

from bert_tf.errors import UserError
from bert_tf.modeling.layers.pooling import AttentionPooling, MaskedMax, MaskedMean, pool
from bert_tf.modeling.layers.window_pooling import WindowTransformer
from tests.training.small_model import small_classifier

VALUES = np.array([[[1.0, -2.0], [3.0, -4.0], [50.0, 60.0]]], np.float32)
MASK = np.array([[1, 1, 0]])


def test_mean_and_max_of_what_is_no_padding() -> None:
    np.testing.assert_allclose(MaskedMean()(VALUES, MASK), [[2.0, -3.0]])
    np.testing.assert_allclose(MaskedMax()(VALUES, MASK), [[3.0, -2.0]])


@pytest.mark.parametrize("layer", [AttentionPooling(), WindowTransformer(max_windows=3)])
def test_learned_poolings_do_not_see_padding(layer: keras.layers.Layer) -> None:
    pooled = layer(VALUES, MASK)
    assert pooled.shape == (1, 2)
    np.testing.assert_allclose(layer(VALUES[:, :2], MASK[:, :2]), pooled, atol=1e-6)
    assert np.isfinite(layer(VALUES, 0 * MASK)).all()


def test_attention_is_a_weighted_mean() -> None:
    layer = AttentionPooling()
    layer(VALUES, MASK)
    layer.context.kernel.assign([[100.0], [0.0]])
    layer.hidden.kernel.assign([[1.0, 0.0], [0.0, 0.0]])
    pooled = np.array(layer(VALUES, MASK))[0]  # tanh(3) > tanh(1): the second vector wins
    np.testing.assert_allclose(pooled, VALUES[0, 1], atol=1e-6)


def test_mean_max_is_both_side_by_side() -> None:
    backbone = small_classifier().backbone
    features = {"token_ids": np.array([[2, 5, 3, 0]]), "padding_mask": np.array([[1, 1, 1, 0]])}
    features["segment_ids"] = 0 * features["token_ids"]
    found = keras.Model(backbone.input, pool(backbone, backbone.input, "mean_max"))(features)
    tokens = np.array(backbone(features)["sequence_output"])[:, :3]
    np.testing.assert_allclose(found, np.concatenate([tokens.mean(1), tokens.max(1)], axis=-1), atol=1e-6)


def test_last4_is_the_first_token_of_the_last_four_layers() -> None:
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=20, num_layers=5, num_heads=2, hidden_dim=8, intermediate_dim=16, max_sequence_length=16
    )
    model = keras.Model(backbone.input, pool(backbone, backbone.input, "last4"))
    features = {"token_ids": np.array([[2, 5, 3, 0]]), "padding_mask": np.array([[1, 1, 1, 0]])}
    features["segment_ids"] = 0 * features["token_ids"]
    found = np.array(model(features))
    assert found.shape == (1, 32)
    np.testing.assert_allclose(found[:, -8:], backbone(features)["sequence_output"][:, 0], atol=1e-6)
    third = keras.Model(backbone.input, backbone.transformer_layers[2].output)
    np.testing.assert_allclose(found[:, 8:16], third(features)[:, 0], atol=1e-6)


def test_last4_needs_layers() -> None:
    backbone = small_classifier().backbone
    del backbone.transformer_layers
    with pytest.raises(UserError, match="--head.pooling last4: BertBackbone does not show the outputs of its layers"):
        pool(backbone, backbone.input, "last4")
