"""KerasHub presets: built-in names, ``hf://``, ``kaggle://`` and local preset directories."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h5py
import keras_hub
import numpy as np

from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, describe
from bert_tf.backbones.model_files import check_files
from bert_tf.backbones.near_names import near_names
from bert_tf.backbones.shipped_presets import shipped_preset
from bert_tf.errors import UserError
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer

_REMOTE = ("hf://", "kaggle://")

_PRETRAINER = "bert_tf>BertPretrainer"
_HEADS_FILE = "task.weights.h5"
_HEADS = {
    "cls.predictions.transform.dense.weight": "masked_lm_head/_intermediate_dense/vars/0",
    "cls.predictions.transform.dense.bias": "masked_lm_head/_intermediate_dense/vars/1",
    "cls.predictions.transform.LayerNorm.weight": "masked_lm_head/_intermediate_layer_norm/vars/0",
    "cls.predictions.transform.LayerNorm.bias": "masked_lm_head/_intermediate_layer_norm/vars/1",
    "cls.predictions.bias": "masked_lm_head/vars/0",
    "cls.seq_relationship.weight": "dense/vars/0",
    "cls.seq_relationship.bias": "dense/vars/1",
}
"""The names of ``bert_tf.backbones.bert_weights`` to those under which Keras saves a ``BertPretrainer``'s heads."""


def accepts(spec: str) -> bool:
    """Whether the spec is a known name, remote, a preset directory, or looks like a name that may be misspelt."""
    if spec.startswith(_REMOTE):
        return True
    if shipped_preset(spec):
        return False
    config = Path(spec) / "config.json"
    if config.is_file():
        try:
            return "model_type" not in json.loads(config.read_text(encoding="utf-8"))
        except ValueError:
            return False
    return ":" not in spec and not Path(spec).exists()


def load(spec: str, options: LoadOptions) -> LoadedBackbone:
    """Loads backbone and tokeniser; a BERT's tokeniser becomes the exact one. A pre-training run keeps its heads.

    Raises:
        UserError: the name is wrong, the download fails, or the preset is no text encoder.
    """
    is_local = Path(spec).is_dir()
    if not is_local and not spec.startswith(_REMOTE):
        _check_name(spec)
    if spec.startswith("hf://"):
        _use_cache_when_offline()
    dtype = {} if options.dtype is None else {"dtype": options.dtype}
    if is_local:
        check_files(spec)
    try:
        backbone = keras_hub.models.Backbone.from_preset(spec, **dtype)
        tokenizer = keras_hub.models.Tokenizer.from_preset(spec)
        heads = _read_heads(Path(spec)) if is_local else {}
    except UserError:
        raise
    except Exception as error:  # Kaggle, Hugging Face, HTTP, files and Keras each raise their own kinds
        reason = " ".join(str(error).split())[:300]
        if is_local:
            raise UserError(f"--backbone {spec}: the preset cannot be read ({reason}).") from None
        raise UserError(
            f"--backbone {spec}: it cannot be downloaded ({type(error).__name__}: {reason}). Without a network give a "
            "local directory, or copy the cache of a machine that has it and set "
            f"{'HF_HOME' if spec.startswith('hf://') else 'KAGGLEHUB_CACHE'}."
        ) from None
    if "token_ids" not in _inputs(backbone):
        raise UserError(f"--backbone {spec}: {type(backbone).__name__} is not a text encoder.")
    return LoadedBackbone(backbone, ExactBertTokenizer.like(tokenizer), describe(spec, backbone), heads)


def _read_heads(directory: Path) -> dict[str, np.ndarray]:
    """The pre-training heads in the model of a pre-training run; empty for any other preset."""
    task = directory / "task.json"
    if not task.exists() or json.loads(task.read_text(encoding="utf-8")).get("registered_name") != _PRETRAINER:
        return {}
    if not (directory / _HEADS_FILE).exists():
        raise UserError(f"{directory / _HEADS_FILE} is missing: the model has no heads. Copy the whole model again.")
    with h5py.File(directory / _HEADS_FILE) as file:
        layers = file["layers"]
        return {name: np.asarray(layers[path], np.float32) for name, path in _HEADS.items() if path in layers}


def _inputs(backbone: Any) -> set[str]:
    return set(backbone.input) if isinstance(backbone.input, dict) else set()


def _use_cache_when_offline() -> None:
    """Without a network, asks the local cache only: the hub's client would retry for half a minute."""
    from huggingface_hub import constants

    address = urlsplit(constants.ENDPOINT)
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=5).close()
    except OSError:
        constants.HF_HUB_OFFLINE = True


def _check_name(spec: str) -> None:
    """Refuses a name that is no preset before anything is downloaded."""
    names = set(keras_hub.models.Backbone.presets)
    if spec in names:
        return
    if os.sep in spec:
        raise UserError(f"--backbone {spec}: there is no such directory.{near_names(spec)}")
    raise UserError(
        f"--backbone {spec}: this is neither a KerasHub preset nor a directory.{near_names(spec)} Or give a local "
        "directory, zh_mini, hf://OWNER/NAME, kaggle://…, package://NAME/PATH or scratch:tiny|mini|small|medium|base."
    )
