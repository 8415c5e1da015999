"""``scratch:SIZE``: random weights, in the sizes of Turc et al. 2019, table 1 (arXiv:1908.08962)."""

from __future__ import annotations

from pathlib import Path

import keras

from bert_tf.backbones.bert_encoder import BertEncoder
from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, describe
from bert_tf.errors import UserError
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
    if size not in SIZES:
        raise UserError(f"--backbone {spec}: there is no such size; there are: {', '.join(SIZES)}.")
    if options.scratch.vocabulary is not None:
        tokens = read_vocabulary(Path(options.scratch.vocabulary))
    elif options.texts is not None:
        tokens = learn_vocabulary(options.texts, options.scratch.vocabulary_size, lowercase=options.scratch.lowercase)
    else:
        raise UserError(f"--backbone {spec}: give a vocabulary with --scratch.vocabulary vocab.txt.")
    keras.utils.set_random_seed(options.seed)
    shape = SIZES[size]
    backbone = BertEncoder(
        vocabulary_size=len(tokens),
        num_layers=shape["num_layers"],
        num_heads=shape["hidden_dim"] // 64,
        hidden_dim=shape["hidden_dim"],
        intermediate_dim=4 * shape["hidden_dim"],
        max_sequence_length=max(512, options.sequence_length),
        dtype=options.dtype,
    )
    tokenizer = ExactBertTokenizer(tokens, lowercase=options.scratch.lowercase)
    return LoadedBackbone(backbone, tokenizer, f"{describe(spec, backbone)}, random weights, {len(tokens):,} tokens")


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
