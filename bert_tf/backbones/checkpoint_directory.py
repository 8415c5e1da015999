"""What the directories of several origins have in common: JSON files, a BERT's config, and its vocabulary."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bert_tf.backbones.huggingface_tokenizer import CONFIG, read_settings, read_tokens
from bert_tf.errors import UserError
from bert_tf.modeling.encoders.bert_encoder import BertEncoder
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer

logger = logging.getLogger("bert_tf")

_CASE_IN_NAMES = {"uncased": True, "cased": False, "chinese": True, "multilingual": True}
"""Whether Google's releases of this name lower-case, ``uncased`` before ``cased``."""


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON mapping.

    Raises:
        UserError: it cannot be read, or is no mapping.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}).") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: cannot be read (it is no JSON mapping).")
    return values


def build_encoder(
    config: Mapping[str, Any], path: Path, *, hidden_act: str, layer_norm_epsilon: float = 1e-12, dtype: str | None
) -> BertEncoder:
    """Builds the encoder that a ``config.json`` or ``bert_config.json`` describes, with random weights.

    Args:
        config: its keys are those of google-research/bert, which Hugging Face kept.
        path: the file, for messages.
        hidden_act: see ``BertEncoder``.
        layer_norm_epsilon: see ``BertEncoder``.
        dtype: Keras dtype policy.

    Raises:
        UserError: a key is missing, or its value is no size.
    """
    sizes: dict[str, int] = {}
    for argument, key, default in (
        ("vocabulary_size", "vocab_size", None),
        ("num_layers", "num_hidden_layers", None),
        ("num_heads", "num_attention_heads", None),
        ("hidden_dim", "hidden_size", None),
        ("intermediate_dim", "intermediate_size", None),
        ("max_sequence_length", "max_position_embeddings", 512),
        ("num_segments", "type_vocab_size", 2),
    ):
        value = config.get(key, default)
        if value is None:
            raise UserError(f"{path}: {key} is missing.")
        if not isinstance(value, int) or value < 1:
            raise UserError(f"{path}: {key} is {value!r}, which is no size.")
        sizes[argument] = value
    if sizes["hidden_dim"] % sizes["num_heads"]:
        raise UserError(
            f"{path}: hidden_size {sizes['hidden_dim']} cannot be shared by {sizes['num_heads']} attention heads."
        )
    return BertEncoder(
        **sizes,
        dropout=config.get("hidden_dropout_prob", 0.1),
        hidden_act=hidden_act,
        layer_norm_epsilon=layer_norm_epsilon,
        dtype=dtype,
    )


def read_tokenizer(directory: Path, vocabulary_size: int, *, guess_case: bool = False) -> ExactBertTokenizer:
    """Builds the tokeniser from ``vocab.txt`` or ``tokenizer.json``, as these and ``tokenizer_config.json`` say.

    Args:
        directory: holds them.
        vocabulary_size: number of the model's token embeddings.
        guess_case: without ``do_lower_case`` in ``tokenizer_config.json``, guess it as :func:`guess_lowercase` does
            and say so; else BERT lower-cases, as in Hugging Face.

    Raises:
        UserError: the vocabulary is missing, broken or larger than the model's, or the files ask for another tokeniser
            than BERT's.
    """
    settings = read_settings(directory)
    tokens, file = read_tokens(directory, settings)
    if len(tokens) > vocabulary_size:
        raise UserError(
            f"{file}: {len(tokens):,} tokens, but the model has {vocabulary_size:,}: the two do not belong together."
        )
    lowercase = settings.lowercase
    if lowercase is None and guess_case:
        lowercase, reason = guess_lowercase(directory, tokens)
        logger.info(
            '%s: texts %s lower-cased (%s). If that is wrong, write {"do_lower_case": %s} to %s',
            directory,
            "are" if lowercase else "are not",
            reason,
            str(not lowercase).lower(),
            directory / CONFIG,
        )
    return ExactBertTokenizer(tokens, lowercase=lowercase is not False, strip_accents=settings.strip_accents)


def guess_lowercase(directory: Path, tokens: Sequence[str]) -> tuple[bool, str]:
    """Whether a vocabulary is of lower-cased text, by the directory's name or else by its tokens, and why."""
    name = directory.resolve().name
    for word, lowercase in _CASE_IN_NAMES.items():
        if word in name.lower():
            return lowercase, f"the directory is called {name}"
    special = re.compile(r"\[.*\]|<.*>")
    capital = next((token for token in tokens if re.search("[A-Z]", token) and not special.fullmatch(token)), None)
    if capital is None:
        return True, "vocab.txt has no capital letters"
    return False, f"vocab.txt has capital letters, as in {capital!r}"
