"""Learns a WordPiece vocabulary from texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bert_tf.errors import UserError

RESERVED_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def learn_vocabulary(
    texts: Iterable[str],
    size: int,
    *,
    lowercase: bool = True,
    min_frequency: int = 2,
    reserved_tokens: Sequence[str] = RESERVED_TOKENS,
) -> list[str]:
    """Learns a vocabulary by Hugging Face ``tokenizers``, which streams and counts words only.

    Chinese characters stand alone, as in BERT. Equal texts give an equal vocabulary.

    Args:
        texts: read once.
        size: largest number of tokens, the reserved ones included.
        lowercase: lower-case and strip accents first.
        min_frequency: a pair of pieces must occur this often to be joined.
        reserved_tokens: come first, in this order.

    Raises:
        UserError: there is no text.

    Reference:
        Schuster & Nakajima 2012; the learner merges pairs as byte-pair encoding does (Sennrich et al. 2016).
    """
    from tokenizers import BertWordPieceTokenizer

    learner = BertWordPieceTokenizer(lowercase=lowercase, strip_accents=lowercase)
    learner.train_from_iterator(
        (text for text in texts if text),
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=list(reserved_tokens),
        limit_alphabet=max(1, size - len(reserved_tokens)) // 2,
        show_progress=False,
    )
    ids = learner.get_vocab()
    tokens = sorted(ids, key=ids.__getitem__)
    if len(tokens) <= len(reserved_tokens):
        raise UserError("A vocabulary cannot be learned: the texts are empty.")
    return tokens


def check_vocabulary(tokens: Sequence[str], name: str) -> None:
    """Raises UserError if a reserved token is missing or a token stands twice."""
    missing = [token for token in RESERVED_TOKENS if token not in tokens]
    if missing:
        raise UserError(f"{name}: the vocabulary lacks {', '.join(missing)}.")
    seen: set[str] = set()
    for line, token in enumerate(tokens, start=1):
        if token in seen:
            raise UserError(f"{name} line {line}: the token {token!r} stands there twice.")
        seen.add(token)
