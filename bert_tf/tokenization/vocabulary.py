"""Learns a WordPiece vocabulary from texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bert_tf.errors import UserError

RESERVED_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def learn_vocabulary(
    texts: Callable[[], Iterable[str]],
    size: int,
    *,
    lowercase: bool = True,
    min_frequency: int = 2,
    reserved_tokens: Sequence[str] = RESERVED_TOKENS,
) -> list[str]:
    """Learns a vocabulary by Hugging Face ``tokenizers``, which streams and counts words only.

    Chinese characters stand alone, as in BERT. Equal texts give an equal vocabulary: the order of the texts does not
    matter either. The reserved tokens come first, then characters, their continuations (``##a``) and joined pieces.
    At first the characters get half of the room, the frequent ones before the rare; what the joined pieces leave free
    goes to the characters that were left out.

    Args:
        texts: gives the texts; called twice.
        size: largest number of tokens, the reserved ones included.
        lowercase: lower-case and strip accents first.
        min_frequency: a pair of pieces must occur this often to be joined.
        reserved_tokens: come first, in this order.

    Raises:
        UserError: there is no text, or ``size`` has no room for a character.

    Reference:
        Schuster & Nakajima 2012; the learner merges pairs as byte-pair encoding does (Sennrich et al. 2016).
    """
    from tokenizers import BertWordPieceTokenizer

    learner = BertWordPieceTokenizer(lowercase=lowercase, strip_accents=lowercase)
    counts: Counter[str] = Counter()
    for text in texts():
        counts.update(learner.normalizer.normalize_str(text))
    by_frequency = sorted((c for c in counts if not c.isspace()), key=lambda c: (-counts[c], c))
    if not by_frequency:
        raise UserError("A vocabulary cannot be learned: the texts are empty.")
    room = size - len(reserved_tokens)
    if room < 2:
        raise UserError(f"A vocabulary of {size} tokens has no room for characters: give a larger size.")
    forms = {c: [c, f"##{c}"] if _joins(learner, c) else [c] for c in by_frequency}
    first, left_out = _fill(by_frequency, forms, max(2, room // 2))
    # Left to itself the learner numbers the continuations in a random order, which then decides between equally
    # frequent pairs; as special tokens they have their places before it begins.
    continuations = sorted(form for c in first for form in forms[c][1:])
    given = list(dict.fromkeys([*reserved_tokens, *sorted(first), *continuations]))
    learner.train_from_iterator(
        (text for text in texts() if text),
        vocab_size=max(size, len(given)),
        min_frequency=min_frequency,
        special_tokens=given,
        initial_alphabet=list(first),
        limit_alphabet=len(first),
        show_progress=False,
    )
    ids = learner.get_vocab()
    tokens = sorted(ids, key=ids.__getitem__)
    more, _ = _fill(left_out, forms, size - len(tokens))
    return tokens + [form for c in more for form in forms[c] if form not in ids]


def _joins(learner: Any, character: str) -> bool:
    """Whether the character is part of a word, and so needs a continuation form."""
    word = learner.normalizer.normalize_str(f"a{character}a")
    return len(learner.pre_tokenizer.pre_tokenize_str(word)) == 1


def _fill(characters: Sequence[str], forms: dict[str, list[str]], room: int) -> tuple[list[str], list[str]]:
    """The first characters whose forms fit into ``room``, and the rest."""
    for index, character in enumerate(characters):
        room -= len(forms[character])
        if room < 0:
            return list(characters[:index]), list(characters[index:])
    return list(characters), []


def check_vocabulary(tokens: Sequence[str], name: str) -> None:
    """Raises UserError if a reserved token is missing or a token stands twice."""
    missing = [token for token in RESERVED_TOKENS if token not in tokens]
    if missing:
        raise UserError(
            f"{name}: the vocabulary lacks {', '.join(missing)}. Take the model's own vocab.txt, or learn one with "
            "python -m bert_tf.vocab."
        )
    seen: set[str] = set()
    for line, token in enumerate(tokens, start=1):
        if token in seen:
            raise UserError(f"{name} line {line}: the token {token!r} stands there twice.")
        seen.add(token)
