"""``scratch:SIZE``: random weights, in the sizes of Turc et al. 2019, table 1 (arXiv:1908.08962), or ``3x192``."""

from __future__ import annotations

import re
from pathlib import Path

import keras

from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, describe
from bert_tf.backbones.neighbour_heads import look_at_neighbours
from bert_tf.errors import UserError
from bert_tf.modeling.encoders.bert_encoder import BertEncoder
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.vocabulary import check_vocabulary, learn_vocabulary

SIZES = {
    "tiny": {"num_layers": 2, "hidden_dim": 128},
    "mini": {"num_layers": 4, "hidden_dim": 256},
    "small": {"num_layers": 4, "hidden_dim": 512},
    "medium": {"num_layers": 8, "hidden_dim": 512},
    "base": {"num_layers": 12, "hidden_dim": 768},
}


def accepts(spec: str) -> bool:
    """Whether the spec begins with ``scratch:``."""
    return spec.startswith("scratch:")


def load(spec: str, options: LoadOptions) -> LoadedBackbone:
    """Builds the encoder; equal seeds give equal weights. The vocabulary is read or learned from the texts.

    Raises:
        UserError: the size or the vocabulary file is wrong, or there is no text to learn one from.
    """
    size = spec.removeprefix("scratch:")
    shape = _shape(spec, size)
    if options.scratch.vocabulary is not None:
        tokens = read_vocabulary(Path(options.scratch.vocabulary))
    elif options.texts is not None:
        tokens = learn_vocabulary(
            options.texts,
            options.scratch.vocabulary_size,
            lowercase=options.scratch.lowercase,
            min_frequency=options.scratch.vocabulary_min_frequency,
        )
    else:
        raise UserError(f"--backbone {spec}: give a vocabulary with --scratch.vocabulary vocab.txt.")
    keras.utils.set_random_seed(options.seed)
    backbone = BertEncoder(
        vocabulary_size=len(tokens),
        num_layers=shape["num_layers"],
        num_heads=shape["hidden_dim"] // 64,
        hidden_dim=shape["hidden_dim"],
        intermediate_dim=4 * shape["hidden_dim"],
        max_sequence_length=max(512, options.sequence_length),
        dtype=options.dtype,
    )
    if options.scratch.start == "neighbours":
        look_at_neighbours(backbone)
    tokenizer = ExactBertTokenizer(tokens, lowercase=options.scratch.lowercase)
    return LoadedBackbone(backbone, tokenizer, f"{describe(spec, backbone)}, random weights, {len(tokens):,} tokens")


def _shape(spec: str, size: str) -> dict[str, int]:
    """Layers and width of a named size, or of ``LAYERSxWIDTH``."""
    given = re.fullmatch(r"([1-9]\d?)x([1-9]\d{1,3})", size)
    if given is None or int(given[2]) % 64:
        if size not in SIZES:
            raise UserError(
                f"--backbone {spec}: there is no such size; there are: {', '.join(SIZES)}, or LAYERSxWIDTH, such as "
                "3x192, with a width that is a multiple of 64."
            )
        return SIZES[size]
    return {"num_layers": int(given[1]), "hidden_dim": int(given[2])}


def read_vocabulary(path: Path) -> list[str]:
    """Reads a ``vocab.txt``: one token per line.

    Raises:
        UserError: it cannot be read or lacks a special token.
    """
    try:
        tokens = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: the vocabulary cannot be read ({error}).") from None
    tokens = [token.rstrip("\r") for token in tokens]
    while tokens and not tokens[-1]:
        tokens.pop()
    check_vocabulary(tokens, str(path))
    return tokens
