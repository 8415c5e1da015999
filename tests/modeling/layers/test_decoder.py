"""The decoder writes with its cache what it computes without, and takes a BERT's weights."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.modeling.encoders.bert_encoder import BertEncoder
from bert_tf.modeling.layers.decoder import TextDecoder

LENGTH = 6


def small_decoder(normalize_first: bool = True, dtype: str = "float32") -> TextDecoder:
    keras.utils.set_random_seed(5)
    decoder = TextDecoder(
        vocabulary_size=11,
        max_length=LENGTH,
        hidden_dim=8,
        num_layers=2,
        num_heads=2,
        intermediate_dim=16,
        normalize_first=normalize_first,
        dtype=dtype,
    )
    decoder.build((None, None), (None, None, 12), (None, None))
    for variable in decoder.trainable_variables:  # far from the small numbers they begin with, or all would look equal
        variable.assign(tf.random.normal(variable.shape, stddev=0.5))
    return decoder


def inputs() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    random = np.random.default_rng(1)
    ids = tf.constant(random.integers(0, 11, (3, LENGTH)), tf.int32)
    memory = tf.constant(random.normal(size=(3, 4, 12)), tf.float32)
    return ids, memory, tf.constant([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])


@pytest.mark.parametrize("normalize_first", [True, False])
@pytest.mark.parametrize("beams", [1, 2])
def test_cached_equals_uncached(normalize_first: bool, beams: int) -> None:
    decoder = small_decoder(normalize_first)
    ids, memory, mask = inputs()
    # The second beam of each text writes something else.
    rows = tf.reshape(tf.stack([ids, (ids + 1) % 11][:beams], 1), [-1, LENGTH])
    expected = decoder(rows, tf.repeat(memory, beams, 0), tf.repeat(mask, beams, 0))
    remembered, cache = decoder.remember(memory), decoder.empty_cache(tf.shape(rows)[0])
    step = tf.function(lambda ids, position, cache: decoder.step(ids, position, cache, remembered, mask))
    for position in range(LENGTH):
        logits, cache = step(rows[:, position], tf.constant(position), cache)
        np.testing.assert_allclose(logits, expected[:, position], atol=1e-5)


def test_a_position_sees_what_is_before_it_and_the_unpadded_memory() -> None:
    decoder = small_decoder()
    ids, memory, mask = inputs()
    before = decoder(ids, memory, mask).numpy()
    after = decoder(tf.concat([ids[:, :3], (ids[:, 3:] + 1) % 11], 1), memory, mask).numpy()
    np.testing.assert_allclose(after[:, :3], before[:, :3], atol=1e-6)
    assert np.abs(after[:, 3:] - before[:, 3:]).min(axis=-1).max() > 1e-3
    padding = tf.cast(1 - mask, tf.float32)[:, :, None]
    np.testing.assert_allclose(decoder(ids, memory + 9 * padding, mask), before, atol=1e-6)
    seen = decoder(ids, memory + 9 * (1 - padding), mask).numpy()
    assert np.abs(seen - before).max() > 1e-2


def test_weights_are_saved_and_loaded(tmp_path: Path) -> None:
    decoder = small_decoder()
    ids, memory, mask = inputs()
    expected = decoder(ids, memory, mask)

    def model(layer: TextDecoder) -> keras.Model:
        given = [keras.Input((None,), dtype="int32"), keras.Input((None, 12)), keras.Input((None,), dtype="int32")]
        return keras.Model(given, layer(*given))

    model(decoder).save(str(tmp_path / "m.keras"))
    again = keras.models.load_model(str(tmp_path / "m.keras"))
    np.testing.assert_array_equal(again([ids, memory, mask]), expected)


def test_half_precision() -> None:
    decoder = small_decoder(dtype="mixed_bfloat16")
    ids, memory, mask = inputs()
    logits, cache = decoder.step(
        ids[:, 0], tf.constant(0), decoder.empty_cache(3), decoder.remember(tf.cast(memory, tf.bfloat16)), mask
    )
    assert logits.dtype == cache[0][0].dtype == tf.bfloat16
    np.testing.assert_allclose(
        tf.cast(decoder(ids, memory, mask)[:, 0], tf.float32), tf.cast(logits, tf.float32), rtol=0.1, atol=0.3
    )


def test_a_bert_in_the_decoder_computes_what_the_bert_computes() -> None:
    """With cross-attention silenced, the first position (which sees itself alone) is BERT's on that token alone."""
    keras.utils.set_random_seed(2)
    shape = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 32}
    encoder = BertEncoder(vocabulary_size=9, max_sequence_length=4, dropout=0.0, **shape)
    for variable in encoder.trainable_variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.3))
    decoder = TextDecoder(6, max_length=5, dropout=0.0, normalize_first=False, **shape)
    decoder.build((None, None), (None, None, 8), (None, None))
    theirs = [None, 8, 3, None, 5, 0]
    decoder.initialise_from(encoder, theirs)
    for layer in decoder.layers:
        for weight in layer.cross_attention.trainable_variables:
            weight.assign(tf.zeros_like(weight))
        layer.layer_norms[1].epsilon = 0.0  # normalising what is normalised already changes nothing then
    # BERT's own LayerNorm before the cross-attention is no identity only in its scale and shift: make it plain.
    for model, layer in zip(encoder.transformer_layers, decoder.layers, strict=True):
        for norm in (model._self_attention_layer_norm, layer.layer_norms[0]):
            norm.set_weights([np.ones(8), np.zeros(8)])
    token = 2
    features = {"token_ids": [[theirs[token]]], "segment_ids": [[0]], "padding_mask": [[1]]}
    expected = encoder({name: tf.constant(value) for name, value in features.items()})["sequence_output"][0, 0]
    logits = decoder(tf.constant([[token]]), tf.zeros([1, 1, 8]), tf.ones([1, 1]))[0, 0]
    table = decoder.embeddings.token_embedding.embeddings
    np.testing.assert_allclose(logits, tf.linalg.matvec(table, expected), atol=1e-4)
    np.testing.assert_array_equal(table.numpy()[[1, 2, 4, 5]], encoder.token_embedding.embeddings.numpy()[[8, 3, 5, 0]])


def test_it_needs_no_op_of_xla() -> None:
    decoder = small_decoder()
    ids, memory, mask = inputs()
    remembered = decoder.remember(memory)
    step = tf.function(lambda ids, cache: decoder.step(ids, tf.constant(0), cache, remembered, mask))
    graph = step.get_concrete_function(ids[:, 0], decoder.empty_cache(3)).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert not [node.op for node in nodes if node.op.startswith("Xla")]
