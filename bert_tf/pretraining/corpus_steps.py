"""What happens to one document on its way into a corpus: pure functions that every runner calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from bert_tf.config import TextCleaningConfig
from bert_tf.data.cleaning import clean_text
from bert_tf.pretraining.corpus_config import FilterConfig, PreparationConfig

DROPPED = ("empty", "too_short", "too_long", "few_letters", "little_chinese", "repeated_lines")
"""Why :func:`clean_document` drops a document."""

_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_HTML_ONLY = TextCleaningConfig(unicode="none", control_characters=False, html=True, whitespace=False)


class Key(NamedTuple):
    """A document's place, by which documents are ordered.

    Attributes:
        source: number of the source; those of ``--exclude`` come before those of ``--data``.
        number: of the document in the source, from 0.
    """

    source: int
    number: int


class Document(NamedTuple):
    """A text and its place."""

    key: Key
    text: str


class Cleaned(NamedTuple):
    """A document after cleaning.

    Attributes:
        document: with its cleaned text.
        dropped: why it is dropped, one of ``DROPPED``; ``None`` if it stays.
        changed_by: the cleaning steps that changed it.
    """

    document: Document
    dropped: str | None
    changed_by: frozenset[str]


def clean_document(document: Document, config: PreparationConfig, *, excluded: bool = False) -> Cleaned:
    """Cleans a document line by line, so that its lines stay, and says whether the filters let it pass.

    Args:
        document: as it was read.
        config: cleaning and filters.
        excluded: it comes from ``--exclude``: it is cleaned alike, but no filter drops it.
    """
    changed_by: set[str] = set()
    text = document.text
    if config.cleaning.html:  # a tag or a comment can go over several lines
        text = clean_text(text, _HTML_ONLY, changed_by)
    lines = [clean_text(line, config.cleaning, changed_by) for line in text.split("\n")]
    lines = [line for line in lines if line.strip()]
    dropped = "empty" if not lines else None if excluded else reason_to_drop(lines, config.filters)
    return Cleaned(document._replace(text="\n".join(lines)), dropped, frozenset(changed_by))


def clean_chunk(config: PreparationConfig, excluded: bool, documents: Sequence[Document]) -> list[tuple[int, Cleaned]]:
    """The documents, cleaned, each with the number of characters that it had before."""
    return [(len(one.text), clean_document(one, config, excluded=excluded)) for one in documents]


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
    if config.min_chinese and len(_CHINESE.findall(visible)) < config.min_chinese * len(visible):
        return "little_chinese"
    if len(lines) - len(set(lines)) > config.max_repeated_lines * len(lines):
        return "repeated_lines"
    return None


def fingerprint(text: str) -> bytes:
    """16 bytes that stand for a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
