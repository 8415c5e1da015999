"""A Transformer decoder that reads an encoder's output, and writes token by token from remembered keys and values.

KerasHub's ``TransformerDecoder`` has such a cache too, but updates it with ``XlaDynamicUpdateSlice``, an op of XLA that
a model server need not have, and wants a copy of the encoder's keys and values for every beam. Here the beams of a text
share them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from bert_tf.modeling.mask_values import MASKED

KeysValues = tuple[tf.Tensor, tf.Tensor]
"""Keys and values of one attention, each ``(rows, length, heads, head_dim)``."""

LAYER_NORM_EPSILON = 1e-12


@keras.saving.register_keras_serializable(package="bert_tf")
class TextDecoder(keras.layers.Layer):
    """Embeds target tokens, attends to them and to the encoder's output, and gives logits by the same embeddings.

    Args:
        vocabulary_size: number of target tokens.
        max_length: longest target in tokens.
        hidden_dim: width.
        num_layers: number of layers.
        num_heads: attention heads of each layer; ``hidden_dim`` is a multiple of them.
        intermediate_dim: width between the two feed-forward layers.
        dropout: share dropped of the embeddings and of what each block adds.
        normalize_first: LayerNorm before each block (trains steadily from random weights) instead of after (as BERT).

    Reference:
        Vaswani et al. 2017, section 3; tied embeddings: Press & Wolf 2017; LayerNorm first: Xiong et al. 2020.
    """

    def __init__(
        self,
        vocabulary_size: int,
        max_length: int,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        normalize_first: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.config = {
            "vocabulary_size": vocabulary_size,
            "max_length": max_length,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "intermediate_dim": intermediate_dim,
            "dropout": dropout,
            "normalize_first": normalize_first,
        }
        self.max_length = max_length
        self.normalize_first = normalize_first
        self.embeddings = keras_hub.layers.TokenAndPositionEmbedding(
            vocabulary_size,
            max_length,
            hidden_dim,
            embeddings_initializer=_initializer(),
            dtype=self.dtype_policy,
            name="embeddings",
        )
        self.layer_norm = _layer_norm("layer_norm", self.dtype_policy)
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.layers = [
            DecoderLayer(
                hidden_dim,
                num_heads,
                intermediate_dim,
                dropout,
                normalize_first,
                dtype=self.dtype_policy,
                name=f"layer_{number}",
            )
            for number in range(num_layers)
        ]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.config}

    def build(self, token_ids_shape: Any, memory_shape: Any, memory_mask_shape: Any = None) -> None:
        self.embeddings.build(token_ids_shape)
        self.layer_norm.build((None, None, self.config["hidden_dim"]))
        for layer in self.layers:
            layer.build(None, memory_shape)
        self.built = True

    def call(
        self, token_ids: tf.Tensor, memory: tf.Tensor, memory_mask: tf.Tensor, training: bool | None = None
    ) -> tf.Tensor:
        """Returns the logits of the token after each position.

        Args:
            token_ids: ``(batch, length)`` int32.
            memory: the encoder's output, ``(batch, memory_length, width)``.
            memory_mask: ``(batch, memory_length)``, 0 at padding.
            training: whether dropout is on.

        Returns:
            ``(batch, length, vocabulary_size)``.
        """
        mask = tf.cast(memory_mask, tf.bool)[:, None]
        x = self._enter(self.embeddings(token_ids), training)
        for layer in self.layers:
            x = layer(x, memory, mask, training=training)
        return self._logits(x)

    def remember(self, memory: tf.Tensor) -> list[KeysValues]:
        """Each layer's keys and values of the encoder's output ``(batch, memory_length, width)``."""
        return [layer.cross_attention.keys_values(memory) for layer in self.layers]

    def empty_cache(self, rows: tf.Tensor) -> list[KeysValues]:
        """Each layer's keys and values before the first token, with room for ``max_length``."""
        heads = self.config["num_heads"]
        shape = [rows, self.max_length, heads, self.config["hidden_dim"] // heads]
        return [(tf.zeros(shape, self.compute_dtype), tf.zeros(shape, self.compute_dtype)) for _ in self.layers]

    def step(
        self,
        token_ids: tf.Tensor,
        position: tf.Tensor,
        cache: Sequence[KeysValues],
        remembered: Sequence[KeysValues],
        memory_mask: tf.Tensor,
    ) -> tuple[tf.Tensor, list[KeysValues]]:
        """Reads one token of each row and returns the logits of the next.

        Args:
            token_ids: ``(batch * beams,)`` int32, the beams of a text one after the other.
            position: the place of these tokens, int32 scalar.
            cache: keys and values of the tokens before, from :meth:`empty_cache` or the step before.
            remembered: from :meth:`remember`.
            memory_mask: ``(batch, memory_length)``, 0 at padding.

        Returns:
            Logits ``(batch * beams, vocabulary_size)`` and the cache with these tokens.
        """
        mask = tf.cast(memory_mask, tf.bool)[:, None]
        x = self._enter(self.embeddings(token_ids[:, None], start_index=position), training=False)
        new_cache = []
        for layer, own, memory in zip(self.layers, cache, remembered, strict=True):
            x, own = layer.step(x, position, own, memory, mask)
            new_cache.append(own)
        return self._logits(x)[:, 0], new_cache

    def initialise_from(self, encoder: keras_hub.models.Backbone, token_of_encoder: Sequence[int | None]) -> None:
        """Copies a BERT's weights: its first layers, positions, and the embeddings of the tokens that both know.

        What attends to the encoder stays random, as there is nothing to copy.

        Args:
            encoder: a KerasHub ``BertBackbone`` of this width, heads and ``intermediate_dim``, not shallower than this.
            token_of_encoder: for each of this decoder's tokens the encoder's id of it, if there is one.

        Reference:
            Rothe et al. 2020, section 3 (BERT2BERT).
        """
        shared = [(own, other) for own, other in enumerate(token_of_encoder) if other is not None]
        own_ids, encoder_ids = np.array(shared, np.int32).reshape(-1, 2).T
        tokens = self.embeddings.token_embedding.embeddings
        table = tokens.numpy()
        table[own_ids] = encoder.token_embedding.embeddings.numpy()[encoder_ids]
        tokens.assign(table)
        # BERT adds the embedding of the first segment to every token; here it is part of the position's.
        positions = encoder.position_embedding.position_embeddings.numpy()[: self.max_length]
        positions = positions + encoder.segment_embedding.embeddings.numpy()[0]
        own = self.embeddings.position_embedding.position_embeddings
        own.assign(np.concatenate([positions, own.numpy()[len(positions) :]]))
        self.layer_norm.set_weights(encoder.embeddings_layer_norm.get_weights())
        for layer, model in zip(self.layers, encoder.transformer_layers, strict=False):
            layer.initialise_from(model)

    def _enter(self, embedded: tf.Tensor, training: bool | None) -> tf.Tensor:
        return self.dropout(embedded if self.normalize_first else self.layer_norm(embedded), training=training)

    def _logits(self, x: tf.Tensor) -> tf.Tensor:
        return self.embeddings.token_embedding(self.layer_norm(x) if self.normalize_first else x, reverse=True)


@keras.saving.register_keras_serializable(package="bert_tf")
class DecoderLayer(keras.layers.Layer):
    """Attention to what is written, attention to the encoder's output, and a feed-forward block.

    Args:
        hidden_dim: width.
        num_heads: attention heads.
        intermediate_dim: width inside the feed-forward block.
        dropout: share dropped of what each block adds.
        normalize_first: LayerNorm before each block instead of after.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        intermediate_dim: int,
        dropout: float,
        normalize_first: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        dtype = self.dtype_policy
        self.hidden_dim = hidden_dim
        self.normalize_first = normalize_first
        self.self_attention = Attention(hidden_dim, num_heads, dtype=dtype, name="self_attention")
        self.cross_attention = Attention(hidden_dim, num_heads, dtype=dtype, name="cross_attention")
        dense = {"kernel_initializer": _initializer(), "dtype": dtype}
        self.intermediate = keras.layers.Dense(intermediate_dim, activation="gelu", name="intermediate", **dense)
        self.output_dense = keras.layers.Dense(hidden_dim, name="output", **dense)
        names = ("self_attention", "cross_attention", "feed_forward")
        self.layer_norms = [_layer_norm(f"{name}_layer_norm", dtype) for name in names]
        self.dropouts = [keras.layers.Dropout(dropout, dtype=dtype, name=f"{name}_dropout") for name in names]

    def build(self, x_shape: Any, memory_shape: Any, memory_mask_shape: Any = None) -> None:
        shape = (None, None, self.hidden_dim)
        self.self_attention.build(shape)
        self.cross_attention.build(memory_shape)
        self.intermediate.build(shape)
        self.output_dense.build((None, None, self.intermediate.units))
        for layer_norm in self.layer_norms:
            layer_norm.build(shape)
        self.built = True

    def call(self, x: tf.Tensor, memory: tf.Tensor, memory_mask: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Args: ``x`` ``(batch, length, width)``; ``memory``; ``memory_mask`` ``(batch, 1, memory_length)`` bool."""
        length = tf.shape(x)[1]
        causal = tf.linalg.band_part(tf.ones([1, length, length], tf.bool), -1, 0)
        keys, values = self.cross_attention.keys_values(memory)

        def attend_to_self(h: tf.Tensor) -> tf.Tensor:
            return self.self_attention(h, *self.self_attention.keys_values(h), causal)

        x = self._add(0, x, attend_to_self, training)
        x = self._add(1, x, lambda h: self.cross_attention(h, keys, values, memory_mask), training)
        return self._add(2, x, self._feed_forward, training)

    def step(
        self, x: tf.Tensor, position: tf.Tensor, cache: KeysValues, remembered: KeysValues, memory_mask: tf.Tensor
    ) -> tuple[tf.Tensor, KeysValues]:
        """One position ``x`` ``(batch * beams, 1, width)`` after those in the cache; see :meth:`TextDecoder.step`."""
        places = tf.range(tf.shape(cache[0])[1])
        keys, values = remembered
        beams = tf.shape(x)[0] // tf.maximum(tf.shape(keys)[0], 1)
        new_cache = cache

        def attend_to_self(h: tf.Tensor) -> tf.Tensor:
            nonlocal new_cache
            here = tf.equal(places, position)[None, :, None, None]
            new = self.self_attention.keys_values(h)
            new_cache = (tf.where(here, new[0], cache[0]), tf.where(here, new[1], cache[1]))
            return self.self_attention(h, *new_cache, (places <= position)[None, None])

        def attend_to_memory(h: tf.Tensor) -> tf.Tensor:
            # The beams of a text stand where a text's positions stand in training: all look at the same memory.
            together = tf.reshape(h, [-1, beams, self.hidden_dim])
            return tf.reshape(self.cross_attention(together, keys, values, memory_mask), tf.shape(h))

        x = self._add(0, x, attend_to_self, training=False)
        x = self._add(1, x, attend_to_memory, training=False)
        return self._add(2, x, self._feed_forward, training=False), new_cache

    def initialise_from(self, model: keras_hub.layers.TransformerEncoder) -> None:
        """Copies the weights of an encoder layer of the same shape."""
        theirs = model._self_attention_layer
        pairs = [
            (self.self_attention.query, theirs._query_dense),
            (self.self_attention.key, theirs._key_dense),
            (self.self_attention.value, theirs._value_dense),
            (self.self_attention.output_dense, theirs._output_dense),
            (self.layer_norms[0], model._self_attention_layer_norm),
            (self.intermediate, model._feedforward_intermediate_dense),
            (self.output_dense, model._feedforward_output_dense),
            (self.layer_norms[2], model._feedforward_layer_norm),
        ]
        for own, other in pairs:
            own.set_weights(other.get_weights())

    def _add(
        self, block: int, x: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor], training: bool | None
    ) -> tf.Tensor:
        """``x`` plus what a block makes of it."""
        layer_norm, dropout = self.layer_norms[block], self.dropouts[block]
        if self.normalize_first:
            return x + dropout(function(layer_norm(x)), training=training)
        return layer_norm(x + dropout(function(x), training=training))

    def _feed_forward(self, x: tf.Tensor) -> tf.Tensor:
        return self.output_dense(self.intermediate(x))


@keras.saving.register_keras_serializable(package="bert_tf")
class Attention(keras.layers.Layer):
    """Multi-head attention whose keys and values come from outside, made now or remembered.

    Args:
        hidden_dim: width of the queries and the output.
        num_heads: attention heads.
    """

    def __init__(self, hidden_dim: int, num_heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim
        self.head_dim = hidden_dim // num_heads

        def dense(name: str, equation: str, shape: tuple[int | None, ...], bias: str) -> keras.layers.EinsumDense:
            return keras.layers.EinsumDense(
                equation,
                shape,
                bias_axes=bias,
                kernel_initializer=_initializer(),
                dtype=self.dtype_policy,
                name=name,
            )

        self.query, self.key, self.value = (
            dense(name, "btd,dhk->bthk", (None, num_heads, self.head_dim), "hk") for name in ("query", "key", "value")
        )
        self.output_dense = dense("output", "bthk,hkd->btd", (None, hidden_dim), "d")
        self.heads_shape = (None, None, num_heads, self.head_dim)

    def build(self, memory_shape: Any, *other_shapes: Any) -> None:
        self.query.build((None, None, self.hidden_dim))
        self.key.build((None, None, memory_shape[-1]))
        self.value.build((None, None, memory_shape[-1]))
        self.output_dense.build(self.heads_shape)
        self.built = True

    def keys_values(self, memory: tf.Tensor) -> KeysValues:
        """Keys and values of ``(rows, length, width)``."""
        return self.key(memory), self.value(memory)

    def call(self, x: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Args: ``x`` ``(rows, length, width)``; ``mask`` bool, ``(rows or 1, length or 1, keys)``."""
        scores = tf.einsum("bthk,bshk->bhts", self.query(x) * self.head_dim**-0.5, keys)
        scores = tf.where(mask[:, None], tf.cast(scores, tf.float32), MASKED)
        weights = tf.cast(tf.nn.softmax(scores), self.compute_dtype)
        return self.output_dense(tf.einsum("bhts,bshk->bthk", weights, values))


def _initializer() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)


def _layer_norm(name: str, dtype: Any) -> keras.layers.LayerNormalization:
    return keras.layers.LayerNormalization(epsilon=LAYER_NORM_EPSILON, dtype=dtype, name=name)
