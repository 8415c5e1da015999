"""Texts that hold nothing to read: a model answers them, so somebody has to say so."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from bert_tf.data.records import Row

logger = logging.getLogger("bert_tf")

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")


def is_empty_text(text: str) -> bool:
    """Whether a text has nothing but blanks, control characters and characters that nobody sees."""
    return not text[:1].isalnum() and all(unicodedata.category(character) in _UNSEEN for character in text)


def tell_empty_texts(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[Row]:
    """The same rows; warns of the first one with an empty text where it stands, and of their number at the end."""
    count = 0
    for row in rows:
        empty = [name for name in columns if isinstance(row.values[name], str) and is_empty_text(row.values[name])]
        if empty:
            count += 1
            if count == 1:
                logger.warning("%s: the %s is empty; it is answered all the same", row.where(), empty[0])
        yield row
    if count > 1:
        logger.warning("%d records have an empty text", count)
