"""Records of texts with spans, in whatever form they come: ``text`` and ``spans`` (start, end, label), by characters.

Read are tokens with tags (CoNLL), ``spans`` as objects or as lists ``[start, end, label]``, and CLUENER's ``label``:
``{type: {surface: [[start, last], …]}}``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bert_tf.data.labels import label_text
from bert_tf.data.records import Row, is_missing
from bert_tf.data.tag_schemes import Span, spans_of
from bert_tf.errors import UserError

# Scripts that are written without spaces between words, with their punctuation and full-width forms.
_NO_SPACES = re.compile(
    "[\u2e80-\u9fff\uac00\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff\u2014\u2018-\u201d\u2026]"
)


def with_spans(row: Row) -> Row:
    """The record with ``text`` and, if it is annotated, ``spans``: a list of ``{"start", "end", "label"}``.

    Raises:
        UserError: the record has none of the known forms, or a span does not fit its text.
    """
    values = dict(row.values)
    if "tokens" in values:
        tokens = _strings(row, "tokens")
        values = {name: value for name, value in values.items() if not name.lstrip("-").isdecimal()}
        values["text"], places = joined(tokens)
        if values.get("tags") is not None:
            tags = _strings(row, "tags")
            if len(tags) != len(tokens):
                raise UserError(f"{row.where()}: {len(tokens)} tokens but {len(tags)} tags.")
            values["spans"] = tagged(places, tags)
        return row._replace(values=values)
    if values.get("spans") is None and isinstance(values.get("label"), Mapping | list):
        values["spans"] = values.pop("label")
    text, spans = values.get("text"), values.get("spans")
    if spans is not None and isinstance(text, str):
        if not isinstance(spans, Mapping | list | tuple):
            raise UserError(f"{row.where()}: the spans must be a list, not {spans!r}.")
        listed = _cluener(row, text, spans) if isinstance(spans, Mapping) else [_span(row, text, one) for one in spans]
        values["spans"] = [span._asdict() for span in listed]
    return row._replace(values=values)


def joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text that tokens make, and the place of each in it.

    Spaces stand between words, but not beside a Chinese or Japanese character, and nowhere if every token is one
    character (a file with a character a line).
    """
    single = len(tokens) > 1 and all(len(token) == 1 for token in tokens)
    text = ""
    places = []
    for token in tokens:
        if text and not single and not _NO_SPACES.match(text[-1]) and not _NO_SPACES.match(token[:1]):
            text += " "
        places.append((len(text), len(text) + len(token)))
        text += token
    return text, places


def tagged(places: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[dict[str, Any]]:
    """The spans that tags of tokens mark, as ``spans`` of a record.

    Args:
        places: of the tokens, from :func:`joined`.
        tags: one a token.
    """
    return [Span(places[a][0], places[b - 1][1], label)._asdict() for a, b, label in spans_of(tags)]


def token_place(row: Row, index: int) -> str:
    """File and line of a token, or of its tag."""
    in_lines = (row.place or "").startswith("lines ")  # of a CoNLL file
    return f"{row.file} line {row.line + index}" if in_lines else f"{row.where()}: tag {index + 1}"


def spans_in(row: Row) -> list[Span]:
    """The spans of a record that went through :func:`with_spans`.

    Raises:
        UserError: it has none, not even an empty list.
    """
    spans = row.values.get("spans")
    if spans is None:
        raise UserError(f"{row.where()}: there are no spans and no tags. An empty list says that there is no span.")
    return [Span(span["start"], span["end"], span["label"]) for span in spans]


def overlapping(spans: Iterable[Span]) -> tuple[Span, Span] | None:
    """Two spans that share a character, if there are any."""
    for before, after in itertools.pairwise(sorted(spans)):
        if after.start < before.end:
            return before, after
    return None


def _strings(row: Row, column: str) -> list[str]:
    value = row.values[column]
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise UserError(f"{row.where()}: the column {column!r} must hold a list of strings.")
    if column == "tokens" and "" in value:
        raise UserError(f"{row.where()}: the token {list(value).index('') + 1} is empty.")
    return list(value)


def _span(row: Row, text: str, one: Any) -> Span:
    if isinstance(one, Mapping) and {"start", "end", "label"} <= one.keys():
        start, end, label = one["start"], one["end"], one["label"]
    elif isinstance(one, Sequence) and not isinstance(one, str) and len(one) == 3:
        start, end, label = one
    else:
        raise UserError(f'{row.where()}: a span must be {{"start": 0, "end": 2, "label": "name"}}, not {one!r}.')
    span = _checked(row, text, start, end, label)
    surface = one.get("text") if isinstance(one, Mapping) else None
    if surface not in (None, text[span.start : span.end]):
        raise UserError(_differs(row, span, text, surface))
    return span


def _cluener(row: Row, text: str, types: Mapping[str, Any]) -> list[Span]:
    spans = []
    for label, surfaces in types.items():
        if not isinstance(surfaces, Mapping):
            raise UserError(
                f'{row.where()}: the label must be {{"type": {{"surface": [[start, last]]}}}}, not {types!r}.'
            )
        for surface, places in surfaces.items():
            for place in places:
                if not isinstance(place, list) or len(place) != 2 or not all(isinstance(n, int) for n in place):
                    raise UserError(f"{row.where()}: {surface!r} must stand at [start, last], not at {place!r}.")
                span = _checked(row, text, place[0], place[1] + 1, label)
                if text[span.start : span.end] != surface:
                    raise UserError(_differs(row, span, text, surface))
                spans.append(span)
    return sorted(spans)


def _checked(row: Row, text: str, start: Any, end: Any, label: Any) -> Span:
    if is_missing(label):
        raise UserError(f"{row.where()}: the label of a span must be a string, not {label!r}.")
    if not isinstance(label, str):
        label = label_text(label, row.where())
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        raise UserError(
            f"{row.where()}: the span {start!r} to {end!r} ({label}) does not lie in the text, which has {len(text)} "
            "characters. Offsets count Unicode characters from 0, and end is the place after the last."
        )
    return Span(start, end, label)


def _differs(row: Row, span: Span, text: str, surface: Any) -> str:
    found = text[span.start : span.end]
    return (
        f"{row.where()}: {surface!r} ({span.label}) should stand at {span.start} to {span.end}, but there stands "
        f"{found!r}. Offsets count Unicode characters, not bytes and not UTF-16 units."
    )
