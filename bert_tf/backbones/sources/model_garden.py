"""Encoders of the TensorFlow Model Garden (tf-models-official), saved with ``tf.train.Checkpoint``.

A directory with the checkpoint (``ckpt-1000.index`` and its data), ``vocab.txt``, and the garden's ``params.yaml`` or a
``bert_config.json``. Both of the garden's BERT encoders are read, alone (``model=encoder``, ``encoder=encoder``) or
inside a model of the garden, such as its pre-training's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bert_tf.backbones.bert_weights import copy_encoder, find_heads
from bert_tf.backbones.checkpoint_directory import build_encoder, read_json, read_tokenizer
from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, describe
from bert_tf.backbones.tensorflow_checkpoint import ObjectWeights, is_object_based, open_checkpoint
from bert_tf.errors import UserError

logger = logging.getLogger("bert_tf")

_ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu", "swish": "silu", "silu": "silu"}
"""The garden's ``gelu`` is the tanh approximation, official/modeling/activations/gelu.py."""

_OBJECTS = {
    "embeddings.word_embeddings": "_embedding_layer",
    "embeddings.position_embeddings": "_position_embedding_layer",
    "embeddings.token_type_embeddings": "_type_embedding_layer",
    "embeddings.LayerNorm": "_embedding_norm_layer",
    "pooler.dense": "_pooler_layer",
    "attention.self.query": "_attention_layer/_query_dense",
    "attention.self.key": "_attention_layer/_key_dense",
    "attention.self.value": "_attention_layer/_value_dense",
    "attention.output.dense": "_attention_layer/_output_dense",
    "attention.output.LayerNorm": "_attention_layer_norm",
    "intermediate.dense": "_intermediate_dense",
    "output.dense": "_output_dense",
    "output.LayerNorm": "_output_layer_norm",
    "cls.predictions.transform.dense": "dense",
    "cls.predictions.transform.LayerNorm": "layer_norm",
}
"""Hugging Face's names to attributes of the garden's encoder, of its transformer blocks and of its ``MaskedLM``."""

_NUMBERED = ("_embedding_layer", "_position_embedding_layer", "_type_embedding_layer", "_embedding_norm_layer")
"""The layers before the transformer blocks, as a functional model numbers them that has no such attributes."""


def accepts(spec: str) -> bool:
    """Whether the spec is a directory with a checkpoint of objects, or with the garden's ``params.yaml``."""
    directory = Path(spec)
    if not directory.is_dir() or (directory / "config.json").exists():
        return False
    has_params = (directory / "params.yaml").exists() and not (directory / "bert_config.json").exists()
    return has_params or is_object_based(directory)


def load(spec: str, options: LoadOptions) -> LoadedBackbone:
    """Builds the encoder in the shape of the checkpoint's weights, copies them, and keeps the masked-token head.

    The config gives what no weight shows (activation, dropout) and must not contradict the weights. The garden's head
    for pairs is left out: it has a pooler of its own.

    Raises:
        UserError: a file is missing or broken, they contradict one another, or the encoder is no BERT.
    """
    directory = Path(spec)
    config, path = _read_config(directory)
    root = ObjectWeights(open_checkpoint(directory))
    weights, path_of = _find_encoder(root, spec)
    sizes = _sizes(weights, path_of, spec)
    _check(config, path, sizes)
    activation = str(config.get("hidden_act", "gelu")).lower()
    if activation not in _ACTIVATIONS:
        raise UserError(f"{path}: the activation {activation!r} is not known; there are: {', '.join(_ACTIVATIONS)}.")
    backbone = build_encoder(config | sizes, path, hidden_act=_ACTIVATIONS[activation], dtype=options.dtype)
    tokenizer = read_tokenizer(directory, backbone.vocabulary_size, guess_case=True)
    copy_encoder(backbone, weights, spec, name_of=path_of, config=path.name)
    head = root.find("masked_lm")
    heads = {} if head is None else find_heads(head, name_of=lambda name: f"masked_lm/{garden_path(name)}")
    return LoadedBackbone(backbone, tokenizer, describe(spec, backbone), heads)


def garden_path(name: str) -> str:
    """Hugging Face's name of a weight to the path of attributes that leads to it in the garden's model."""
    owner, _, last = name.rpartition(".")
    block = ""
    if owner.startswith("encoder.layer."):
        number, owner = owner.removeprefix("encoder.layer.").split(".", 1)
        block = f"_transformer_layers/{number}/"
    if owner == "cls.predictions" or owner not in _OBJECTS:
        return last
    if owner.endswith("_embeddings"):
        last = "embeddings"
    elif owner.endswith("LayerNorm"):
        last = {"weight": "gamma", "bias": "beta"}[last]
    elif last == "weight":
        last = "kernel"
    return f"{block}{_OBJECTS[owner]}/{last}"


def _find_encoder(root: ObjectWeights, spec: str) -> tuple[ObjectWeights, Callable[[str], str]]:
    """The encoder in a checkpoint, and how Hugging Face's names lead to its weights."""
    encoder = root.find("_embedding_layer", "_transformer_layers")
    if encoder is not None:
        return encoder, garden_path
    encoder = root.find("layer_with_weights-0", f"layer_with_weights-{len(_NUMBERED)}")
    if encoder is None or f"layer_with_weights-{len(_NUMBERED)}/_attention_layer" not in encoder:
        raise UserError(f"--backbone {spec}: the checkpoint holds no BERT encoder of the TensorFlow Model Garden.")
    blocks = sum(f"{name}/_attention_layer" in encoder for name in encoder if name.startswith("layer_with_weights-"))

    def numbered(name: str) -> str:
        first, _, rest = garden_path(name).partition("/")
        if first == "_transformer_layers":
            block, _, rest = rest.partition("/")
            number = len(_NUMBERED) + int(block)
        else:
            number = _NUMBERED.index(first) if first in _NUMBERED else len(_NUMBERED) + blocks
        return f"layer_with_weights-{number}/{rest}"

    return encoder, numbered


def _sizes(weights: ObjectWeights, path_of: Callable[[str], str], spec: str) -> dict[str, int]:
    """The encoder's shape, from its weights, by the names of ``bert_config.json``."""
    layers = 0
    while path_of(f"encoder.layer.{layers}.output.dense.bias") in weights:
        layers += 1
    try:
        vocabulary, hidden = weights.shape(path_of("embeddings.word_embeddings.weight"))
        positions, _ = weights.shape(path_of("embeddings.position_embeddings.weight"))
        segments, _ = weights.shape(path_of("embeddings.token_type_embeddings.weight"))
        _, heads, _ = weights.shape(path_of("encoder.layer.0.attention.self.query.weight"))
        (intermediate,) = weights.shape(path_of("encoder.layer.0.intermediate.dense.bias"))
    except (KeyError, ValueError) as error:
        raise UserError(f"--backbone {spec}: the encoder in the checkpoint is no BERT ({error}).") from None
    return {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": intermediate,
        "max_position_embeddings": positions,
        "type_vocab_size": segments,
    }


def _read_config(directory: Path) -> tuple[dict[str, Any], Path]:
    """The encoder's config by the names of ``bert_config.json``, and its file; empty if there is none."""
    path = directory / "bert_config.json"
    if path.exists():
        return read_json(path), path
    path = directory / "params.yaml"
    if not path.exists():
        logger.info("%s: without a params.yaml or bert_config.json, GELU and a dropout of 0.1 are assumed", directory)
        return {}, path
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())}).") from None
    encoder = next(_encoders(values), None)
    if encoder is None:
        raise UserError(f"{path}: it describes no encoder (task.model.encoder with its type).")
    kind = encoder["type"]
    if kind not in ("bert", "bert_v2"):
        raise UserError(f"{path}: the encoder is of type {kind!r}; only 'bert' and 'bert_v2' are read.")
    given = encoder.get(kind) or {}
    renamed = {
        "num_layers": "num_hidden_layers",
        "hidden_activation": "hidden_act",
        "dropout_rate": "hidden_dropout_prob",
    }
    return {renamed.get(name, name): value for name, value in given.items()}, path


def _encoders(values: Any) -> Iterator[dict[str, Any]]:
    """Every mapping that is called ``encoder`` and has a type."""
    if isinstance(values, dict):
        for name, value in values.items():
            if name == "encoder" and isinstance(value, dict) and "type" in value:
                yield value
            yield from _encoders(value)


def _check(config: Mapping[str, Any], path: Path, sizes: Mapping[str, int]) -> None:
    """Raises UserError where the config contradicts the weights, or asks for what is no BERT."""
    for name, size in sizes.items():
        if config.get(name, size) != size:
            raise UserError(f"{path}: {name} is {config[name]}, but the checkpoint's is {size}.")
    if config.get("norm_first"):
        raise UserError(f"{path}: norm_first encoders (LayerNorm before each block) are not BERT and are not read.")
    if config.get("embedding_size") not in (None, sizes["hidden_size"]):
        raise UserError(f"{path}: embeddings narrower than the encoder (embedding_size) are not read.")
