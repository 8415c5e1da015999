"""A local Hugging Face BERT directory: ``config.json``, ``vocab.txt``, ``model.safetensors`` or ``pytorch_model.bin``.

Chinese-BERT-wwm, MacBERT and RoBERTa-wwm are such directories too.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from bert_tf.backbones.bert_encoder import ACTIVATIONS, BertEncoder
from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, describe
from bert_tf.backbones.sources.scratch import read_vocabulary
from bert_tf.errors import UserError
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer

logger = logging.getLogger("bert_tf")


def accepts(spec: str) -> bool:
    """Whether the spec is a directory with Hugging Face's ``config.json`` (KerasHub's names no ``model_type``)."""
    path = Path(spec) / "config.json"
    if not path.is_file():
        return False
    try:
        return "model_type" in json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return True


def load(spec: str, options: LoadOptions) -> LoadedBackbone:
    """Builds the encoder and copies every weight; heads of other tasks in the file are left out.

    Raises:
        UserError: a file is missing or broken, or the model is not a BERT.
    """
    directory = Path(spec)
    config = _read_json(directory / "config.json", required=True)
    if config.get("model_type") != "bert":
        raise UserError(
            f"--backbone {spec}: config.json says model_type {config.get('model_type')!r}; only 'bert' directories are "
            "read. Other encoders come as KerasHub presets."
        )
    if config.get("hidden_act", "gelu") not in ACTIVATIONS:
        raise UserError(f"--backbone {spec}: hidden_act {config['hidden_act']!r} is not known.")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise UserError(f"--backbone {spec}: only absolute position embeddings are supported.")
    weights = read_weights(directory)
    try:
        backbone = BertEncoder(
            vocabulary_size=config["vocab_size"],
            num_layers=config["num_hidden_layers"],
            num_heads=config["num_attention_heads"],
            hidden_dim=config["hidden_size"],
            intermediate_dim=config["intermediate_size"],
            dropout=config.get("hidden_dropout_prob", 0.1),
            max_sequence_length=config.get("max_position_embeddings", 512),
            num_segments=config.get("type_vocab_size", 2),
            hidden_act=config.get("hidden_act", "gelu"),
            layer_norm_epsilon=config.get("layer_norm_eps", 1e-12),
            dtype=options.dtype,
        )
    except KeyError as error:
        raise UserError(f"{directory / 'config.json'}: {error.args[0]} is missing.") from None
    copy_weights(backbone, weights, str(directory))
    return LoadedBackbone(backbone, read_tokenizer(directory, backbone.vocabulary_size), describe(spec, backbone))


def read_tokenizer(directory: Path, vocabulary_size: int) -> ExactBertTokenizer:
    """Builds the tokeniser from ``vocab.txt`` and ``tokenizer_config.json``.

    Raises:
        UserError: the vocabulary is missing, broken or larger than the model's.
    """
    tokens = read_vocabulary(directory / "vocab.txt")
    if len(tokens) > vocabulary_size:
        raise UserError(
            f"{directory / 'vocab.txt'}: {len(tokens):,} tokens, but the model has {vocabulary_size:,}: "
            "the two do not belong together."
        )
    config = _read_json(directory / "tokenizer_config.json", required=False)
    # Without a word on it, BERT lower-cases: Hugging Face's default.
    lowercase = bool(config.get("do_lower_case", True))
    return ExactBertTokenizer(tokens, lowercase=lowercase, strip_accents=config.get("strip_accents"))


def read_weights(directory: Path) -> dict[str, np.ndarray]:
    """All tensors of a directory by name, without the ``bert.`` prefix, old LayerNorm names made new.

    Raises:
        UserError: there is no weight file, it is broken, or it needs PyTorch.
    """
    if (directory / "model.safetensors").is_file():
        tensors = _read_safetensors(directory / "model.safetensors")
    elif (directory / "model.safetensors.index.json").is_file():
        files = set(_read_json(directory / "model.safetensors.index.json", required=True)["weight_map"].values())
        tensors = {name: value for file in sorted(files) for name, value in _read_safetensors(directory / file).items()}
    elif (directory / "pytorch_model.bin").is_file():
        tensors = _read_torch(directory / "pytorch_model.bin")
    else:
        raise UserError(f"--backbone {directory}: there is no model.safetensors (or pytorch_model.bin).")
    renamed = {}
    for name, value in tensors.items():
        name = name.removeprefix("bert.")
        renamed[name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")] = value
    return renamed


def copy_weights(backbone: BertEncoder, weights: dict[str, np.ndarray], name: str) -> None:
    """Copies Hugging Face's tensors into KerasHub's variables; a missing pooler stays random.

    Raises:
        UserError: a tensor is missing or has another shape.
    """
    for variable, key, transposed in variable_names(backbone):
        if key not in weights and key.startswith("pooler."):
            if key.endswith("weight"):
                logger.warning("%s has no pooler: its weights start random", name)
            continue
        if key not in weights:
            raise UserError(f"--backbone {name}: the weight {key} is missing.")
        value = weights[key].T if transposed else weights[key]
        if value.size != np.prod(variable.shape):
            raise UserError(f"--backbone {name}: {key} has shape {weights[key].shape}, which config.json contradicts.")
        variable.assign(value.reshape(variable.shape))


def variable_names(backbone: BertEncoder) -> list[tuple[Any, str, bool]]:
    """``(variable, Hugging Face's name, whether its matrix is transposed)`` of every weight."""
    names: list[tuple[Any, str, bool]] = [
        (backbone.token_embedding.embeddings, "embeddings.word_embeddings.weight", False),
        (backbone.position_embedding.position_embeddings, "embeddings.position_embeddings.weight", False),
        (backbone.segment_embedding.embeddings, "embeddings.token_type_embeddings.weight", False),
    ]

    def dense(layer: Any, name: str) -> None:
        names.extend([(layer.kernel, f"{name}.weight", True), (layer.bias, f"{name}.bias", False)])

    def norm(layer: Any, name: str) -> None:
        names.extend([(layer.gamma, f"{name}.weight", False), (layer.beta, f"{name}.bias", False)])

    norm(backbone.embeddings_layer_norm, "embeddings.LayerNorm")
    for number, layer in enumerate(backbone.transformer_layers):
        prefix = f"encoder.layer.{number}"
        attention = layer._self_attention_layer
        dense(attention.query_dense, f"{prefix}.attention.self.query")
        dense(attention.key_dense, f"{prefix}.attention.self.key")
        dense(attention.value_dense, f"{prefix}.attention.self.value")
        dense(attention.output_dense, f"{prefix}.attention.output.dense")
        norm(layer._self_attention_layer_norm, f"{prefix}.attention.output.LayerNorm")
        dense(layer._feedforward_intermediate_dense, f"{prefix}.intermediate.dense")
        dense(layer._feedforward_output_dense, f"{prefix}.output.dense")
        norm(layer._feedforward_layer_norm, f"{prefix}.output.LayerNorm")
    dense(backbone.pooled_dense, "pooler.dense")
    return names


def _read_json(path: Path, *, required: bool) -> dict[str, Any]:
    if not path.exists() and not required:
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}).") from None


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        # Integers are position numbers; the kind of bfloat16, which ml_dtypes brings, is not that of a float.
        return {n: value.astype(np.float32) for n, value in load_file(path).items() if value.dtype.kind not in "iub"}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}).") from None


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{path}: this format needs PyTorch (pip install torch). Or save the model as safetensors: "
            'AutoModel.from_pretrained(".").save_pretrained(".", safe_serialization=True).'
        ) from None
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.float().numpy() for name, value in tensors.items() if value.is_floating_point()}
