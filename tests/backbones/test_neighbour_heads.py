"""The first two heads of an encoder that starts with ``neighbours`` look at the tokens beside."""

from __future__ import annotations

import numpy as np

from bert_tf.backbones.loading import load_backbone
from bert_tf.config import ScratchConfig
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS

LENGTH = 100


def attention(start: str, tmp_path: object) -> np.ndarray:
    """Mean attention of the first layer by head and distance -2 to 2, ``(heads, 5)``, on random tokens."""
    vocabulary = f"{tmp_path}/vocab.txt"
    with open(vocabulary, "w", encoding="utf-8") as file:
        file.write("\n".join([*RESERVED_TOKENS, *(chr(0x4E00 + i) for i in range(300))]))
    config = ScratchConfig(vocabulary=vocabulary, start=start)
    backbone = load_backbone("scratch:1x192", scratch=config).backbone
    ids = np.random.default_rng(1).integers(5, 305, (1, LENGTH))
    tokens = backbone.token_embedding(ids)
    parts = [tokens, backbone.position_embedding(tokens), backbone.segment_embedding(np.zeros_like(ids))]
    x = backbone.embeddings_layer_norm(backbone.embeddings_add(parts))
    layer = backbone.transformer_layers[0]._self_attention_layer
    queries, keys = (np.array(dense(x))[0] for dense in (layer.query_dense, layer.key_dense))
    logits = np.einsum("ihd,jhd->hij", queries, keys) / np.sqrt(queries.shape[-1])
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return np.array([[np.diagonal(head, k)[5:-5].mean() for k in range(-2, 3)] for head in weights])


def test_heads_look_to_both_sides(tmp_path: object) -> None:
    before, after, other = attention("neighbours", tmp_path)
    assert before[1] > 0.3 > 10 * before[3]
    assert after[3] > 0.3 > 10 * after[1]
    np.testing.assert_allclose(other, 1 / LENGTH, rtol=0.3)
    np.testing.assert_allclose(attention("random", tmp_path), 1 / LENGTH, rtol=0.3)
