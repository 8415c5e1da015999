"""Google's BERT releases of TensorFlow 1: ``bert_config.json``, ``bert_model.ckpt.*``, ``vocab.txt``.

The TensorFlow files of Chinese-BERT-wwm and of Turc et al. 2019 are such directories too.
"""

from __future__ import annotations

from pathlib import Path

from bert_tf.backbones.bert_weights import PAIR_HEAD, copy_encoder, find_heads
from bert_tf.backbones.checkpoint_directory import build_encoder, read_json, read_tokenizer
from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, describe
from bert_tf.backbones.tensorflow_checkpoint import has_checkpoint, is_object_based, open_checkpoint
from bert_tf.errors import UserError

_ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu"}
"""google-research/bert's ``gelu`` is the tanh approximation, modeling.py."""

_HEADS = {
    "cls.predictions.bias": "cls/predictions/output_bias",
    "cls.seq_relationship.weight": "cls/seq_relationship/output_weights",
    "cls.seq_relationship.bias": "cls/seq_relationship/output_bias",
}


def accepts(spec: str) -> bool:
    """Whether the spec is a directory with ``bert_config.json`` or a checkpoint, and not the Model Garden's."""
    directory = Path(spec)
    if not directory.is_dir() or (directory / "config.json").exists() or is_object_based(directory):
        return False
    is_garden = (directory / "params.yaml").exists()
    return (directory / "bert_config.json").exists() or (has_checkpoint(directory) and not is_garden)


def load(spec: str, options: LoadOptions) -> LoadedBackbone:
    """Builds the encoder, copies every weight, and keeps the pre-training heads for further pre-training.

    The releases do not say whether they lower-case: see ``guess_lowercase``.

    Raises:
        UserError: a file is missing or broken, or they contradict one another.
    """
    directory = Path(spec)
    path = directory / "bert_config.json"
    config = read_json(path)
    activation = config.get("hidden_act", "gelu")
    if activation not in _ACTIVATIONS:
        raise UserError(f"{path}: hidden_act {activation!r} is not known; there are: {', '.join(_ACTIVATIONS)}.")
    weights = open_checkpoint(directory)
    backbone = build_encoder(config, path, hidden_act=_ACTIVATIONS[activation], dtype=options.dtype)
    tokenizer = read_tokenizer(directory, backbone.vocabulary_size, guess_case=True)
    copy_encoder(backbone, weights, spec, name_of=google_name, config=path.name)
    heads = find_heads(weights, name_of=google_name)
    if PAIR_HEAD[0] in heads:
        heads[PAIR_HEAD[0]] = heads[PAIR_HEAD[0]].T  # the one matrix that Google holds as (outputs, inputs)
    return LoadedBackbone(backbone, tokenizer, describe(spec, backbone), heads)


def google_name(name: str) -> str:
    """Hugging Face's name of a weight to Google's."""
    if name.startswith("cls."):
        return _HEADS.get(name) or _in_scopes(name)
    return f"bert/{_in_scopes(name)}"


def _in_scopes(name: str) -> str:
    *scopes, last = name.replace("layer.", "layer_").split(".")
    if scopes[-1] == "LayerNorm":
        last = {"weight": "gamma", "bias": "beta"}[last]
    elif last == "weight" and scopes[-1].endswith("_embeddings"):
        return "/".join(scopes)
    elif last == "weight":
        last = "kernel"
    return "/".join([*scopes, last])
