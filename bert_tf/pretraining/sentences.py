"""Texts to sentences, Chinese and English."""

from __future__ import annotations

import re

_CLOSING = "”’」』）】》\"')\\]"

# After a Chinese end mark a sentence ends at once; after a Western one where whitespace and no small letter follow.
_ENDS = re.compile(
    rf"(?:[。！？；…]+[{_CLOSING}]*)"
    rf"|(?:[.!?]+[{_CLOSING}]*(?=\s+[^\sa-z]|\s*$))"
    rf"|(?:[!?]+[{_CLOSING}]*(?=[\u3400-\u9fff]))"
    r"|\n+"
)

# A full stop after these ends no sentence.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“])(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|No|Fig|Inc|Ltd|Co|Corp|Gen|Col|Capt|Lt|Rev|Hon|approx|cf|al"
    r"|e\.g|i\.e|U\.S|U\.K|[A-Z])\.$"
)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in their order, stripped; together they hold every visible character of it."""
    sentences: list[str] = []
    start = 0
    for match in _ENDS.finditer(text):
        if _ABBREVIATION.search(text[start : match.end()]) and match.end() < len(text):
            continue
        sentences.append(text[start : match.end()].strip())
        start = match.end()
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if sentence]
