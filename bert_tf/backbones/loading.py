"""A backbone spec to an encoder and its tokeniser. One file of ``sources/`` per origin of weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras_hub
import numpy as np

from bert_tf.backbones.model_files import check_files
from bert_tf.backbones.sources import ORIGINS
from bert_tf.config import ScratchConfig
from bert_tf.errors import UserError
from bert_tf.modeling.encoders import bert_encoder  # noqa: F401  (registers BertEncoder for loading)


@dataclass(frozen=True)
class LoadedBackbone:
    """An encoder with the tokeniser that it was trained with.

    Attributes:
        backbone: takes ``token_ids``, ``padding_mask`` and, in BERT, ``segment_ids``, ``(batch, seq_len)`` int32.
        tokenizer: its tokeniser.
        source: one line for the log.
        pretraining_heads: weights of the heads it was pre-trained with, where the origin has them, by the names of
            ``bert_tf.backbones.bert_weights``.
    """

    backbone: keras_hub.models.Backbone
    tokenizer: keras_hub.models.Tokenizer
    source: str
    pretraining_heads: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadOptions:
    """What a source may need beside the spec.

    Attributes:
        texts: gives the training texts, from which ``scratch:`` learns a vocabulary.
        scratch: vocabulary of a ``scratch:`` model.
        sequence_length: longest input that the model must take.
        seed: of random weights.
        dtype: Keras dtype policy.
    """

    texts: Callable[[], Iterable[str]] | None
    scratch: ScratchConfig
    sequence_length: int
    seed: int
    dtype: str | None


def load_backbone(
    spec: str,
    *,
    texts: Callable[[], Iterable[str]] | None = None,
    scratch: ScratchConfig | None = None,
    sequence_length: int = 0,
    seed: int = 42,
    dtype: str | None = None,
) -> LoadedBackbone:
    """Loads what ``--backbone`` names.

    Args:
        spec: a KerasHub preset, ``hf://…``, ``kaggle://…``, a local directory (KerasHub preset, Hugging Face, Google's
            TF1 release, TensorFlow Model Garden), ``package://NAME/PATH`` or ``scratch:tiny|mini|small|medium|base``.
        texts: see :class:`LoadOptions`.
        scratch: see :class:`LoadOptions`.
        sequence_length: see :class:`LoadOptions`.
        seed: see :class:`LoadOptions`.
        dtype: see :class:`LoadOptions`.

    Raises:
        UserError: no source knows the spec, the weights cannot be had or read, or the model is too short.
    """
    options = LoadOptions(texts, scratch or ScratchConfig(), sequence_length, seed, dtype)
    accepting = [name for name in ORIGINS if ORIGINS.module(name).accepts(spec)]
    if len(accepting) > 1:
        ORIGINS.refuse(spec, *accepting[:2])
    if accepting:
        loaded: LoadedBackbone = ORIGINS.module(accepting[0]).load(spec, options)
        longest = getattr(loaded.backbone, "max_sequence_length", None)
        if longest is not None and sequence_length > longest:
            raise UserError(
                f"--data.sequence_length {sequence_length}: {spec} was trained for at most {longest} tokens."
            )
        return loaded
    if Path(spec).is_dir():
        check_files(spec)  # a model of ours that is incomplete
        raise UserError(f"--backbone {spec}: {_why_not(Path(spec))}")
    from bert_tf.backbones.near_names import near_names  # of the sources, which import this file

    raise UserError(
        f"--backbone {spec}: this is neither a KerasHub preset nor a directory.{near_names(spec)} Give a preset "
        "such as bert_base_zh, a local directory, hf://OWNER/NAME, kaggle://…, package://NAME/PATH or "
        "scratch:tiny|mini|small|medium|base."
    )


def describe(name: str, backbone: keras_hub.models.Backbone) -> str:
    """The log line of a loaded backbone."""
    return f"{name} ({type(backbone).__name__}, {backbone.count_params() / 1e6:.1f} M parameters)"


def _why_not(directory: Path) -> str:
    """Why a directory is no checkpoint, and what would be one."""
    if (directory / "model" / "config.json").exists():
        return f"this is a run directory; its model is {directory / 'model'}."
    found = ", ".join(sorted(path.name for path in directory.iterdir())[:10]) or "nothing"
    return (
        "this directory holds no checkpoint. It needs config.json (Hugging Face, KerasHub), or bert_config.json with "
        "bert_model.ckpt.* (Google), or a checkpoint of the TensorFlow Model Garden with its params.yaml; each but a "
        f"KerasHub preset with vocab.txt. It holds {found}."
    )
