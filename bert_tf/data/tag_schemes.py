"""Tags of tokens to spans of tokens and back: IOB1, IOB2, BIOES, BMES, BILOU, or one plain tag for each token.

A tag is a position letter and a type, such as ``B-PER`` or ``E_ORG``; letters alone (``B M E S``, of word
segmentation) have the type ``word``; anything else, such as ``NN``, is the type of a span of one token.

Reference:
    Ramshaw and Marcus 1995 (IOB1); Tjong Kim Sang and Veenstra 1999 (IOB2); Ratinov and Roth 2009 (BILOU).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Scheme = Literal["io", "iob1", "iob2", "bioes"]

UNTYPED = "word"
"""Type of spans whose tags are position letters alone."""

_POSITIONS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "O": "O"}
TYPED = re.compile(r"([BIMELSU])[-_](.+)", re.DOTALL)


class Span(NamedTuple):
    """Tokens or characters from ``start`` to before ``end``."""

    start: int
    end: int
    label: str


class Tag(NamedTuple):
    """``position``: B, I (also M), E (also L), S (also U) or O; a plain tag is an S."""

    position: str
    label: str


def read_tags(tags: Sequence[str]) -> list[Tag]:
    """Parses the tags of one sentence."""
    # "M" is a part of speech in some tag sets: letters are positions only where all tags are and one begins.
    letters = set(tags) <= _POSITIONS.keys() and not set(tags).isdisjoint("BSU")
    found = []
    for tag in tags:
        if match := TYPED.fullmatch(tag):
            found.append(Tag(_POSITIONS[match[1]], match[2]))
        elif letters and tag != "O":
            found.append(Tag(_POSITIONS[tag], UNTYPED))
        else:
            found.append(Tag("O", "") if tag == "O" else Tag("S", tag))
    return found


def spans_of(tags: Sequence[str]) -> list[Span]:
    """The spans that the tags mark, in their order.

    What does not begin with B begins where its type begins: IOB1, and what a model that makes mistakes may give. This
    is how seqeval and conlleval read tags by default.
    """
    spans: list[Span] = []
    start, label = -1, ""
    for index, tag in enumerate([*read_tags(tags), Tag("O", "")]):
        if label and (tag.position in "OBS" or tag.label != label):
            spans.append(Span(start, index, label))
            label = ""
        if tag.position != "O" and not label:
            start, label = index, tag.label
        if tag.position in "ES" and label:
            spans.append(Span(start, index + 1, label))
            label = ""
    return spans


def tags_of(spans: Iterable[Span], length: int) -> list[str]:
    """IOB2 tags of ``length`` tokens; of spans that overlap, the later ones are left out."""
    tags = ["O"] * length
    for start, end, label in spans:
        if all(tag == "O" for tag in tags[start:end]):
            tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return tags


def mistake(tags: Sequence[str], scheme: Scheme, letters: str = "IE") -> tuple[int, str] | None:
    """The first tag that the scheme does not allow where it stands: its index and the reason; ``None`` if all fit.

    Args:
        tags: of one sentence.
        scheme: that they are held to.
        letters: inside and end of an entity, as the data writes them, for the reason.
    """
    before = Tag("O", "")
    read = read_tags(tags)
    inside, end = letters[0], letters[1]
    for index, tag in enumerate(read):
        begun = before.position in "BI" and before.label == tag.label
        if scheme in ("iob2", "bioes") and tag.position in "IE" and not begun:
            first = "B" if tags[index][1:] == "" else f"B{tags[index][1:]}"
            return index, f"{tags[index]} continues what no {first} has begun"
        if scheme == "bioes" and before.position in "BI" and not (tag.position in "IE" and begun):
            return (
                index,
                f"{tags[index - 1]} must be followed by an {inside} or {end} of its type, not by {tags[index]}",
            )
        before = tag
    if scheme == "bioes" and before.position in "BI":
        return len(tags) - 1, f"{tags[-1]} stands at the end of the sentence, where its {end} is missing"
    return None


def scheme_name(scheme: Scheme, letters: Iterable[str]) -> tuple[str, str]:
    """What people call the scheme of data that has these position letters, and its letters of inside and end."""
    if scheme != "bioes":
        return scheme.upper(), "IE"
    if "M" in letters:
        return "BMES", "ME"
    return ("BIOES", "IE") if {"L", "U"}.isdisjoint(letters) else ("BILOU", "IL")


class SchemeFinder:
    """Finds the scheme that sentences are written in, from all of them.

    BIOES and its kin have letters of their own. IO has no B. IOB1 writes B only where two spans of one type touch, IOB2
    at each beginning: sentences with other B's and with an I that no B begins are neither.
    """

    def __init__(self) -> None:
        self._ends = False
        self._begins = False
        self._touches = False
        self._inside = False

    def add(self, tags: Sequence[str]) -> None:
        """Takes note of one sentence."""
        before = Tag("O", "")
        for tag in read_tags(tags):
            self._ends |= tag.position == "E"
            touches = before.position in "BI" and before.label == tag.label
            self._begins |= tag.position == "B" and not touches
            self._touches |= tag.position == "B" and touches
            self._inside |= tag.position == "I"
            before = tag

    def scheme(self) -> Scheme:
        """The scheme of all that was added."""
        if self._ends:
            return "bioes"
        if self._begins:
            return "iob2"
        return "io" if self._inside and not self._touches else "iob1"
