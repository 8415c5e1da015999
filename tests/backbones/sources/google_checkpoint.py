"""A tiny checkpoint in the form of Google's TF1 releases, and what google-research/bert computes from one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from bert_tf.tokenization.vocabulary import RESERVED_TOKENS

VOCABULARY = [*RESERVED_TOKENS, *"abcdefgh", *(f"##{c}" for c in "abcdefgh"), *"书好"]
HIDDEN, INNER, LAYERS, HEADS = 8, 12, 2, 2
CONFIG = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": HIDDEN,
    "initializer_range": 0.02,
    "intermediate_size": INNER,
    "max_position_embeddings": 16,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "type_vocab_size": 2,
    "vocab_size": len(VOCABULARY),
}


def shapes() -> dict[str, tuple[int, ...]]:
    """The variables of ``run_pretraining.py`` after one step: encoder, heads, and Adam's slots."""
    size = len(VOCABULARY)
    found: dict[str, tuple[int, ...]] = {
        "bert/embeddings/word_embeddings": (size, HIDDEN),
        "bert/embeddings/position_embeddings": (16, HIDDEN),
        "bert/embeddings/token_type_embeddings": (2, HIDDEN),
        "cls/predictions/output_bias": (size,),
        "cls/seq_relationship/output_weights": (2, HIDDEN),
        "cls/seq_relationship/output_bias": (2,),
    }
    norms = ["bert/embeddings", "cls/predictions/transform"]
    layers = {"bert/pooler": (HIDDEN, HIDDEN), "cls/predictions/transform": (HIDDEN, HIDDEN)}
    for number in range(LAYERS):
        layer = f"bert/encoder/layer_{number}"
        for scope in ("self/query", "self/key", "self/value"):
            found[f"{layer}/attention/{scope}/kernel"] = (HIDDEN, HIDDEN)
            found[f"{layer}/attention/{scope}/bias"] = (HIDDEN,)
        layers[f"{layer}/attention/output"] = (HIDDEN, HIDDEN)
        layers[f"{layer}/intermediate"] = (HIDDEN, INNER)
        layers[f"{layer}/output"] = (INNER, HIDDEN)
        norms += [f"{layer}/attention/output", f"{layer}/output"]
    for scope, shape in layers.items():
        found[f"{scope}/dense/kernel"] = shape
        found[f"{scope}/dense/bias"] = shape[1:]
    for scope in norms:
        found[f"{scope}/LayerNorm/gamma"] = found[f"{scope}/LayerNorm/beta"] = (HIDDEN,)
    return found | {f"{name}/adam_m": shape for name, shape in found.items()}


def write_directory(directory: Path, drop: str = " ") -> Path:
    """Writes random weights, larger than usual so that a wrong activation shows; ``drop`` leaves out its scope."""
    generator = np.random.default_rng(5)
    tensors = {name: generator.normal(scale=0.7, size=shape).astype("f4") for name, shape in sorted(shapes().items())}
    tensors = {name: value for name, value in tensors.items() if not name.startswith(drop)}
    directory.mkdir(exist_ok=True)
    prefix = str(directory / "bert_model.ckpt")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(value) for value in tensors.values()],
    )
    (directory / "bert_config.json").write_text(json.dumps(CONFIG))
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return directory


def google_outputs(directory: Path, ids: list[int], segments: list[int]) -> dict[str, np.ndarray]:
    """The forward pass of one text without padding, as in google-research/bert: modeling.py, run_pretraining.py."""
    config = json.loads((directory / "bert_config.json").read_text())
    read = tf.train.load_checkpoint(str(directory / "bert_model.ckpt")).get_tensor
    heads = config["num_attention_heads"]

    def dense(x: np.ndarray, scope: str) -> np.ndarray:
        return x @ read(f"{scope}/kernel") + read(f"{scope}/bias")

    def norm(x: np.ndarray, scope: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * read(f"{scope}/LayerNorm/gamma") + read(f"{scope}/LayerNorm/beta")

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    def split(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), heads, -1).transpose(1, 0, 2)

    table = read("bert/embeddings/word_embeddings")
    x = table[ids] + read("bert/embeddings/token_type_embeddings")[segments]
    x = norm(x + read("bert/embeddings/position_embeddings")[: len(ids)], "bert/embeddings")
    for number in range(config["num_hidden_layers"]):
        layer = f"bert/encoder/layer_{number}"
        query, key, value = (split(dense(x, f"{layer}/attention/self/{name}")) for name in ("query", "key", "value"))
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        context = (weights / weights.sum(-1, keepdims=True)) @ value
        context = context.transpose(1, 0, 2).reshape(len(ids), -1)
        x = norm(x + dense(context, f"{layer}/attention/output/dense"), f"{layer}/attention/output")
        inner = gelu(dense(x, f"{layer}/intermediate/dense"))
        x = norm(x + dense(inner, f"{layer}/output/dense"), f"{layer}/output")
    pooled = np.tanh(dense(x[0], "bert/pooler/dense"))
    hidden = norm(gelu(dense(x, "cls/predictions/transform/dense")), "cls/predictions/transform")
    pair = pooled @ read("cls/seq_relationship/output_weights").T + read("cls/seq_relationship/output_bias")
    tokens = hidden @ table.T + read("cls/predictions/output_bias")
    return {"sequence": x, "pooled": pooled, "tokens": tokens, "pair": pair}
