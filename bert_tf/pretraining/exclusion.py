"""Keeps evaluation texts out of a corpus: what equals, nearly equals or quotes one of them is left out."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from bert_tf.config import ExperimentConfig, load, validate
from bert_tf.data.splits import open_splits
from bert_tf.errors import UserError
from bert_tf.tasks import find_schema

GRAM = 5
"""Characters of a gram."""

ALPHABETIC_GRAM = 10
"""Of a gram without a Chinese character: any long English document holds half of a sentence's runs of 5 letters."""

_FIRST_OF_EAST_ASIA = "\u2e80"
"""From here on Unicode has Chinese characters, kana and Hangul; almost every alphabet comes before."""

LIMIT = 0.5
"""Share of the shorter text's grams from which on two texts are near duplicates."""


class Exclusion:
    """Finds near duplicates of given texts, exactly: no hashing trick, an index of all their grams.

    Texts are compared by their letters, digits and Chinese characters alone, lower-cased, in NFKC. Two are near
    duplicates if they share at least ``LIMIT`` of the grams of the shorter one (containment: a text that quotes
    another is caught where Jaccard's index would let it pass).

    Args:
        texts: those to keep out; one without a letter matches nothing.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._sizes: list[int] = []
        self._index: defaultdict[str, list[int]] = defaultdict(list)
        for text in texts:
            grams = _grams(text)
            for gram in grams:
                self._index[gram].append(len(self._sizes))
            self._sizes.append(len(grams))

    def __len__(self) -> int:
        """The number of texts to keep out."""
        return len(self._sizes)

    def matches(self, text: str) -> bool:
        """Whether the text equals or nearly equals one of those to keep out."""
        grams = _grams(text)
        shared = Counter(number for gram in grams for number in self._index.get(gram, ()))
        return any(count >= LIMIT * min(len(grams), self._sizes[number]) for number, count in shared.items())

    def without_matches(self, text: str) -> str:
        """Of a text of several lines, the lines that match none; empty if what is left matches as a whole."""
        if not self._sizes:
            return text
        lines = text.split("\n")
        kept = lines if len(lines) == 1 else [line for line in lines if not self.matches(line)]
        whole = "\n".join(kept)
        return "" if not whole.strip() or self.matches(whole) else whole


def held_out_texts(config_file: str | Path) -> Iterator[str]:
    """The validation and test texts of an experiment, by its config.

    Raises:
        UserError: the config or its data cannot be read, or it holds nothing out.
    """
    config = load(config_file, ExperimentConfig)
    schema = find_schema(config.task)
    splits = open_splits(
        config.data, schema, options=validate(schema.Options, config.head, flag_prefix="head."), seed=config.seed
    )
    parts = [records for records in (splits.validation, splits.test) if records is not None]
    if not parts:
        raise UserError(
            f"--exclude_splits_of {config_file}: this experiment has neither validation nor test data, so "
            "that nothing is to be kept out: leave the file out, or give its data.validation, data.test or data.split."
        )
    for records in parts:
        for row in records:
            yield from (row.values[name] for name in schema.text_columns if isinstance(row.values.get(name), str))


def normalise(text: str) -> str:
    """What of a text is compared: letters, digits and Chinese characters."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def _grams(text: str) -> set[str]:
    plain = normalise(text)
    grams = set()
    for start in range(len(plain)):
        gram = plain[start : start + GRAM]
        length = GRAM if max(gram) >= _FIRST_OF_EAST_ASIA else ALPHABETIC_GRAM
        if start == 0 or start + length <= len(plain):  # a short text is a gram by itself
            grams.add(plain[start : start + length])
    return grams
