"""How well a vocabulary fits texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

_CHUNK = 1000


@dataclass(frozen=True)
class VocabularyReport:
    """Counts over texts, and the rates that follow from them.

    Attributes:
        size: tokens in the vocabulary.
        texts: texts read.
        characters: characters after normalisation, without whitespace.
        known_characters: of those, the ones that are tokens themselves or continue a word.
        words: what BERT splits a text into before word pieces: words, punctuation marks, single Chinese characters.
        tokens: word pieces.
        unknown_tokens: of those, ``[UNK]``.
        used_tokens: tokens of the vocabulary that the texts need.
    """

    size: int
    texts: int
    characters: int
    known_characters: int
    words: int
    tokens: int
    unknown_tokens: int
    used_tokens: int

    def rates(self) -> dict[str, float]:
        """``character_coverage``, ``unknown_rate``, ``tokens_per_character``, ``tokens_per_word``."""
        return {
            "character_coverage": _ratio(self.known_characters, self.characters),
            "unknown_rate": _ratio(self.unknown_tokens, self.tokens),
            "tokens_per_character": _ratio(self.tokens, self.characters),
            "tokens_per_word": _ratio(self.tokens, self.words),
        }

    def as_dict(self) -> dict[str, Any]:
        """Counts and rates by name."""
        return {**asdict(self), **self.rates()}


def report_vocabulary(vocabulary: Sequence[str], texts: Iterable[str], *, lowercase: bool) -> VocabularyReport:
    """Tokenises the texts once, streaming, by Hugging Face ``tokenizers`` (whose ids are ours: see the tests).

    Args:
        vocabulary: tokens by id.
        texts: what the vocabulary is to be used on; best such as it was not learned from.
        lowercase: as the model's tokeniser.
    """
    from tokenizers import BertWordPieceTokenizer

    ids = {token: index for index, token in enumerate(vocabulary)}
    tokenizer = BertWordPieceTokenizer(ids, lowercase=lowercase)
    unknown = ids["[UNK]"]
    characters: Counter[str] = Counter()
    used: set[int] = set()
    count = words = tokens = unknown_tokens = 0
    for chunk in _chunks(texts):
        count += len(chunk)
        characters.update("".join(tokenizer.normalizer.normalize_str(text) for text in chunk))
        for encoding in tokenizer.encode_batch(chunk, add_special_tokens=False):
            used.update(encoding.ids)
            tokens += len(encoding.ids)
            unknown_tokens += encoding.ids.count(unknown)
            words += len(set(encoding.word_ids))
    visible = {character: number for character, number in characters.items() if not character.isspace()}
    known = sum(number for character, number in visible.items() if character in ids or f"##{character}" in ids)
    return VocabularyReport(
        len(vocabulary), count, sum(visible.values()), known, words, tokens, unknown_tokens, len(used - {unknown})
    )


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(texts)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
