"""What happens to one document on its way into a corpus: pure functions that every runner calls."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from bert_tf.config import TextCleaningConfig
from bert_tf.data.cleaning import clean_text
from bert_tf.pretraining.corpus_config import FilterConfig, PreparationConfig
from bert_tf.pretraining.exclusion import Exclusion
from bert_tf.tokenization.han_characters import HAN

DROPPED = ("empty", "excluded", "too_short", "too_long", "few_letters", "little_chinese", "repeated_lines")
"""Why :func:`clean_document` drops a document."""

_HTML_ONLY = TextCleaningConfig(unicode="none", control_characters=False, html=True, whitespace=False)


class Cleaned(NamedTuple):
    """A document after cleaning.

    Attributes:
        text: of the document.
        dropped: why it is dropped, one of ``DROPPED``; ``None`` if it stays.
        changed_by: the cleaning steps that changed it; ``exclusion`` if lines were taken out.
    """

    text: str
    dropped: str | None
    changed_by: frozenset[str]


def clean_document(text: str, config: PreparationConfig, exclusion: Exclusion) -> Cleaned:
    """Cleans a document line by line, so that its lines stay, and says whether it is to come into the corpus.

    Args:
        text: of the document, as it was read.
        config: cleaning and filters.
        exclusion: whose texts must not come in; lines that match them go.
    """
    changed_by: set[str] = set()
    if config.cleaning.html:  # a tag or a comment can go over several lines
        text = clean_text(text, _HTML_ONLY, changed_by)
    lines = [clean_text(line, config.cleaning, changed_by) for line in text.split("\n")]
    lines = [line for line in lines if line.strip()]
    text = "\n".join(lines)
    if not text:
        return Cleaned(text, "empty", frozenset(changed_by))
    kept = exclusion.without_matches(text)
    if not kept:
        return Cleaned(kept, "excluded", frozenset(changed_by))
    if kept != text:
        changed_by.add("exclusion")
    return Cleaned(kept, reason_to_drop(kept.split("\n"), config.filters), frozenset(changed_by))


def reason_to_drop(lines: list[str], config: FilterConfig) -> str | None:
    """The first filter that a document does not pass; ``None`` if it passes all.

    Args:
        lines: of the document, none of them blank.
        config: the filters.
    """
    visible = "".join("".join(lines).split())
    if len(visible) < config.min_characters:
        return "too_short"
    if config.max_characters is not None and len(visible) > config.max_characters:
        return "too_long"
    if config.min_letters and sum(map(str.isalpha, visible)) < config.min_letters * len(visible):
        return "few_letters"
    if config.min_chinese and len(HAN.findall(visible)) < config.min_chinese * len(visible):
        return "little_chinese"
    if len(lines) - len(set(lines)) > config.max_repeated_lines * len(lines):
        return "repeated_lines"
    return None


def fingerprint(text: str) -> bytes:
    """16 bytes that stand for a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
