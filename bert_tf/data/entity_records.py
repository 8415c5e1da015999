"""Records of texts with entities as training and evaluation read them: labels and tags in one spelling, no blanks at
the edges of spans, tags that their scheme allows."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from bert_tf.config import OnBadSequence
from bert_tf.data.labels import EDGES, Spellings, label_text
from bert_tf.data.records import Records, Row
from bert_tf.data.span_records import joined, tagged, token_place
from bert_tf.data.tag_schemes import TYPED, Scheme, mistake, scheme_name
from bert_tf.data.tag_spellings import TagSpellings, from_brackets
from bert_tf.errors import UserError

logger = logging.getLogger("bert_tf")

SHOWN = 10


def read_entities(records: Records, scheme: Scheme | Literal["auto"]) -> Records:
    """The records with tags and labels in one spelling and with spans that begin and end with what is seen.

    One pass finds how the tags are spelled. What was merged, moved or odd is said when all have been read for the
    first time.

    Args:
        records: that went through :func:`bert_tf.data.span_records.with_spans`.
        scheme: of the tags; ``io``: types without a position letter are joined.

    Raises:
        UserError: (when read) a span holds blanks only, or a label is none.
    """
    spellings: TagSpellings | None = None
    said = False

    def rows() -> Iterator[Row]:
        nonlocal spellings, said
        if spellings is None:
            spellings = _find_spellings(records, scheme)
        notes = _Notes()
        for row in records:
            yield _read(row, spellings, notes)
        if not said:
            said = True
            notes.say(records.name)

    return Records(records.name, rows)


class _Notes:
    """What is to be said of a data set."""

    def __init__(self) -> None:
        self.labels = Spellings()
        self.tags = Spellings("tags")
        self.read: dict[str, str] = {}
        self.trimmed = 0
        self.first_trimmed = ""

    def say(self, source: str) -> None:
        self.tags.say(source)
        self.labels.say(source)
        if self.trimmed:
            logger.info(
                "%s: %d spans had blanks at their ends, which were left out (first: %s)",
                source,
                self.trimmed,
                self.first_trimmed,
            )


def _find_spellings(records: Records, scheme: Scheme | Literal["auto"]) -> TagSpellings:
    counts: Counter[str] = Counter()
    counting = sentences = 0
    first: dict[str, tuple[Row, int]] = {}
    for row in records:
        tags = row.values.get("tags")
        if tags is None:
            break  # spans, not tags
        counts.update(tags)
        sentences += 1
        counting += list(row.values["tokens"]) == [str(number) for number in range(1, len(tags) + 1)]
        for tag in set(tags) - first.keys():
            first[tag] = row, list(tags).index(tag)
    if counting > 0.9 * sentences and counts.total() > sentences:
        logger.warning(
            "%s: the tokens are 1, 2, 3 and so on in nearly every sentence, as where a first column counts them: "
            "--data.columns.tokens names the column of the words (1 in CoNLL-U)",
            records.name,
        )
    found = TagSpellings(counts, {"auto": None, "io": True}.get(scheme, False))
    for tag in found.odd:
        logger.warning(
            "%s: the tag %r (%d of %d) has no position letter such as B- or I-, as the others have (first: %s): it is "
            "read as an entity of one token",
            records.name,
            tag,
            counts[tag],
            counts.total(),
            token_place(*first[tag]),
        )
    if found.brackets:
        logger.info("%s: the tags are brackets: (PER*, *, *) are read as B-PER, I-PER, I-PER", records.name)
    if found.io and scheme == "auto":
        logger.info(
            "%s: the tags are types without position letters: equal tags in a row are read as one entity (IO)",
            records.name,
        )
    return found


def _read(row: Row, spellings: TagSpellings, notes: _Notes) -> Row:
    values = dict(row.values)
    if values.get("tags") is not None:
        raw = values["tags"]
        tags = from_brackets(raw) if spellings.brackets else raw
        values["tags"] = [_tag(row, tag, spellings, notes) for tag in tags]
        if values["tags"] != raw:
            values["spans"] = tagged(joined(values["tokens"])[1], values["tags"])
        for span in values["spans"]:
            notes.labels.add(span["label"], span["label"])
    elif values.get("spans") is not None:
        values["spans"] = [_span(row, values["text"], span, notes) for span in values["spans"]]
    return row._replace(values=values)


def _tag(row: Row, tag: str, spellings: TagSpellings, notes: _Notes) -> str:
    if (read := notes.read.get(tag)) is None:
        read = spellings.read(tag)
        position = 2 if TYPED.fullmatch(read) else 0
        read = notes.read[tag] = read[:position] + label_text(read[position:], row.where())
    if read != tag:
        notes.tags.merge(tag, read)
    return read


def _span(row: Row, text: str, span: dict[str, Any], notes: _Notes) -> dict[str, Any]:
    label = label_text(span["label"], row.where())
    notes.labels.add(span["label"], label)
    surface = text[span["start"] : span["end"]]
    inner = EDGES.sub("", surface)
    if not inner:
        raise UserError(
            f"{row.where()}: the span {span['start']} to {span['end']} ({label}) holds nothing but blanks: {surface!r}."
        )
    if inner == surface:
        return {**span, "label": label}
    notes.trimmed += 1
    notes.first_trimmed = notes.first_trimmed or f"{row.where()}: {surface!r}"
    start = span["start"] + surface.index(inner)
    return {**span, "start": start, "end": start + len(inner), "label": label}


def hold_to_scheme(records: Records, scheme: Scheme, action: OnBadSequence) -> Records:
    """The records whose tags their scheme allows. One pass finds those that it does not.

    Args:
        records: from :func:`read_entities`.
        scheme: that the tags are held to.
        action: ``error``; ``repair``: what nothing has begun begins an entity, what nothing ends ends where its type
            does; ``skip``: such sentences are left out.

    Raises:
        UserError: there are such sentences and the action is ``error``, or ``skip`` leaves none.
    """
    if scheme in ("io", "iob1"):  # every sequence fits
        return records
    letters: set[str] = set()
    wrong: list[Row] = []
    fits = []
    for row in records:
        tags = row.values.get("tags") or ()
        letters.update(tag[0] for tag in tags if tag)
        fits.append(mistake(tags, scheme) is None)
        if not fits[-1] and len(wrong) < SHOWN:
            wrong.append(row)
    count = len(fits) - sum(fits)
    if not count:
        return records
    name, inside_and_end = scheme_name(scheme, letters)
    listed = []
    for row in wrong:
        found = mistake(row.values["tags"], scheme, inside_and_end)
        assert found is not None
        listed.append(f"  {token_place(row, found[0])}: {found[1]}")
    if count > len(wrong):
        listed.append(f"  … {count - len(wrong):,} more")
    lines = "\n".join(listed)
    sentences = (
        f"{count:,} of {len(fits):,} sentences {'has' if count == 1 else 'have'} tags that {name} does not allow"
    )
    if action == "error":
        raise UserError(
            f"{records.name}: {sentences}:\n{lines}\nPut them right, or pass --data.on_bad_sequence repair (a tag that "
            "nothing has begun begins an entity, one that nothing ends ends it) or skip (leaves these sentences out)."
        )
    if action == "repair":
        logger.warning("%s: %s; they were repaired:\n%s", records.name, sentences, lines)
        return records
    if count == len(fits):
        raise UserError(f"{records.name}: --data.on_bad_sequence skip leaves no sentence: {sentences}:\n{lines}")
    logger.warning("%s: %s; they were skipped:\n%s", records.name, sentences, lines)
    return records.select(np.array(fits))
