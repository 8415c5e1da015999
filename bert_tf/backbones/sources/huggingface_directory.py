"""A local Hugging Face BERT directory: ``config.json``, ``vocab.txt``, ``model.safetensors`` or ``pytorch_model.bin``.

Chinese-BERT-wwm, MacBERT and RoBERTa-wwm are such directories too.
"""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path

import numpy as np

from bert_tf.backbones.bert_weights import MASKED_TOKEN_HEAD, copy_encoder, find_heads
from bert_tf.backbones.checkpoint_directory import build_encoder, read_json, read_tokenizer
from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, describe
from bert_tf.errors import UserError
from bert_tf.modeling.encoders.bert_encoder import ACTIVATIONS

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
    """Builds the encoder, copies every weight, and keeps the pre-training heads; heads of other tasks are left out.

    Raises:
        UserError: a file is missing or broken, or the model is not a BERT.
    """
    directory = Path(spec)
    config = read_json(directory / "config.json")
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
    backbone = build_encoder(
        config,
        directory / "config.json",
        hidden_act=config.get("hidden_act", "gelu"),
        layer_norm_epsilon=config.get("layer_norm_eps", 1e-12),
        dtype=options.dtype,
    )
    tokenizer = read_tokenizer(directory, backbone.vocabulary_size)
    copy_encoder(backbone, weights, spec, torch_kernels=True, config="config.json")
    return LoadedBackbone(backbone, tokenizer, describe(spec, backbone), _heads(weights, spec))


def read_weights(directory: Path) -> dict[str, np.ndarray]:
    """All tensors of a directory by name, without the ``bert.`` prefix, old LayerNorm names made new.

    Raises:
        UserError: there is no weight file, it is broken, or it needs PyTorch.
    """
    for name, read in (("model.safetensors", _read_safetensors), ("pytorch_model.bin", _read_torch)):
        if files := _weight_files(directory, name):
            tensors = {key: value for file in files for key, value in read(directory / file).items()}
            break
    else:
        raise UserError(f"--backbone {directory}: there is no model.safetensors (or pytorch_model.bin).")
    renamed = {}
    for name, value in tensors.items():
        name = name.removeprefix("bert.")
        renamed[name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")] = value
    return renamed


def _weight_files(directory: Path, name: str) -> list[str]:
    """The file of that name, or the parts that its index lists; empty if there is neither."""
    if (directory / name).is_file():
        return [name]
    index = directory / f"{name}.index.json"
    return sorted(set(read_json(index)["weight_map"].values())) if index.is_file() else []


def _heads(weights: dict[str, np.ndarray], spec: str) -> dict[str, np.ndarray]:
    """The pre-training heads. The masked-token head must read the token embedding backwards, as BERT's does."""
    bias = weights.get("cls.predictions.decoder.bias")
    heads = find_heads(({} if bias is None else {"cls.predictions.bias": bias}) | weights, torch_kernels=True)
    decoder = weights.get("cls.predictions.decoder.weight")
    if decoder is not None and not np.array_equal(decoder, weights["embeddings.word_embeddings.weight"]):
        logger.warning("%s: its masked-token head has a matrix of its own (untied), and is left out", spec)
        return {name: value for name, value in heads.items() if name not in MASKED_TOKEN_HEAD}
    return heads


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
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise UserError(f"{path}: not a readable PyTorch file ({' '.join(str(error).split())[:200]}).") from None
    return {name: value.float().numpy() for name, value in tensors.items() if value.is_floating_point()}
