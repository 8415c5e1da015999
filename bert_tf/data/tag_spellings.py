"""Tags in other spellings than ``B-PER``, ``I-PER``, ``O``: found from a data set as a whole and brought to this one.

Read are a type before its position (``PER-B``), other separators (``B:PER``, ``B/PER``, ``B.PER``, ``B|PER``), none
(``BPER``), small letters (``b-per``), other tags of what is outside (``0``, ``o``, ``-``, ``_``), brackets (``(PER*``,
``*)``, ``*``, as in CoNLL-2012), and IO: types alone.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from bert_tf.data.tag_schemes import TYPED

OUTSIDE = ("O", "o", "0", "-", "_")

_LETTERS = "BIMELSU"
_PREFIX = re.compile(rf"([{_LETTERS}])\s*[-_:/.|=\u2010-\u2015\u2212](.+)", re.IGNORECASE)
_SUFFIX = re.compile(rf"(.+)[-_:/.|=\u2010-\u2015\u2212]([{_LETTERS}])", re.IGNORECASE)
_GLUED = re.compile(rf"([{_LETTERS}])(.+)")
_BRACKETS = re.compile(r"\(([^()*]+)(?:\*?\)|\*)|\*?\)|\*")

Parts = tuple[str, str]
"""Position letter, in capitals, and type."""


def _typed(tag: str) -> Parts | None:
    return (found[1], found[2]) if (found := TYPED.fullmatch(tag)) else None


def _prefixed(tag: str) -> Parts | None:
    return (found[1].upper(), found[2]) if (found := _PREFIX.fullmatch(tag)) else None


def _suffixed(tag: str) -> Parts | None:
    return (found[2].upper(), found[1]) if (found := _SUFFIX.fullmatch(tag)) else None


def _glued(tag: str) -> Parts | None:
    return (found[1], found[2]) if (found := _GLUED.fullmatch(tag)) else None


class TagSpellings:
    """The spelling of the tags of one data set.

    Args:
        counts: how often each tag occurs.
        io: types without position letters are of the IO scheme; None: if most tags are outside, which no parts of
            speech are.
    """

    def __init__(self, counts: Counter[str], io: bool | None = None) -> None:
        self._read: dict[str, str] = {}
        self.odd: list[str] = []
        """Tags without a position letter, where nearly all others have one."""
        self.io = False
        """Whether types stand alone: equal tags in a row are one entity."""
        self.brackets = _are_brackets(counts)
        """Whether an entity is what stands between two brackets: :func:`from_brackets` reads such tags."""
        if self.brackets:
            return
        inner = Counter({tag: count for tag, count in counts.items() if tag not in OUTSIDE})
        outside = counts.total() - inner.total()
        if not inner:
            self._read = dict.fromkeys(counts, "O")
        elif positions := _positions(inner, outside):
            self._read = {tag: f"{p}-{name}" for tag, (p, name) in positions.items() if not _typed(tag)}
            self.odd = sorted(inner.keys() - positions.keys())
        elif {tag.upper() for tag in inner} <= set(_LETTERS) and not {"B", "b"}.isdisjoint(inner):
            self._read = {tag: tag.upper() for tag in inner}
        elif io or (io is None and 2 * outside >= counts.total() and not any(map(_typed, inner))):
            self.io = True
            self._read = {tag: f"I-{tag}" for tag in inner if not _typed(tag)}
        else:  # parts of speech, of which "o" or "-" can be one
            return
        self._read |= {tag: "O" for tag in OUTSIDE if tag in counts}

    def read(self, tag: str) -> str:
        """A tag in the usual spelling."""
        return self._read.get(tag, tag)


def from_brackets(tags: Sequence[str]) -> list[str]:
    """The tags of a sentence that open and close an entity by brackets, such as ``(PER*``, ``*)``, ``*``, as IOB2."""
    read, inside = [], ""
    for tag in tags:
        found = _BRACKETS.fullmatch(tag)
        if found and found[1]:
            read.append(f"B-{found[1]}")
            inside = found[1]
        else:
            read.append(f"I-{inside}" if inside else "O")
        if tag.endswith(")"):
            inside = ""
    return read


def _are_brackets(tags: Iterable[str]) -> bool:
    tags = [tag for tag in tags if tag not in OUTSIDE]
    return any(tag[:1] == "(" for tag in tags) and all(map(_BRACKETS.fullmatch, tags))


def _positions(inner: Counter[str], outside: int) -> dict[str, Parts]:
    """The tags that have a position letter, if nearly all have one: position and type of each."""
    typed = {tag: parts for tag in inner if (parts := _typed(tag))}
    if typed:
        typed |= _strays(inner.keys() - typed.keys(), {name for _, name in typed.values()})
        return typed if 2 * sum(inner[tag] for tag in typed) >= inner.total() else {}
    for parse in (_prefixed, _suffixed, _glued):
        found = {tag: parts for tag in inner if (parts := parse(tag))}
        if 10 * sum(inner[tag] for tag in found) >= 9 * inner.total() and _is_evidence(found.values(), outside > 0):
            return found
    return {}


def _is_evidence(tags: Iterable[Parts], outside: bool) -> bool:
    """Whether letters are positions: some type has both a beginning and what follows one, and some tags are outside."""
    letters: defaultdict[str, set[str]] = defaultdict(set)
    for letter, name in tags:
        letters[name].add(letter)
    return outside and any(found & set("BSU") and found & set("IMEL") for found in letters.values())


def _strays(tags: Iterable[str], types: set[str]) -> dict[str, Parts]:
    """Of tags that are spelled otherwise than most, those whose type the others know, in capitals or not."""
    known = {name.casefold(): name for name in sorted(types)}
    found = {}
    for tag in tags:
        for parse in (_prefixed, _suffixed, _glued):
            if (parts := parse(tag)) and parts[1].casefold() in known:
                found[tag] = parts[0], known[parts[1].casefold()]
                break
    return found
