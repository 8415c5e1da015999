"""Labels as data sets write them: words, numbers, booleans, bytes, lists; one spelling for all; their order.

Every task reads labels through this file, in training, validation, evaluation and ``--data.labels`` alike.
"""

from __future__ import annotations

import ast
import decimal
import json
import logging
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from bert_tf.data.records import Records, Row, is_missing
from bert_tf.errors import UserError

logger = logging.getLogger("bert_tf")

MOST_LABELS = 10_000

# Zero-width spaces, direction marks, soft hyphens, byte order marks.
INVISIBLE = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
EDGES = re.compile(f"^[\\s{INVISIBLE}]+|[\\s{INVISIBLE}]+$")
_BROKEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DECIMAL = re.compile(r"([+-]?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_CONTAINER = re.compile(r"[\[{].*[\]}]|[bB]('.*'|\".*\")", re.DOTALL)
_NO_COMMA = re.compile(r"""['"]\s+['"]""")


def label_text(value: Any, where: str) -> str:
    """A label in the one spelling that it has everywhere.

    Blanks and invisible characters at its ends are removed, accents composed (NFC), bytes decoded; a number loses a
    plus, the zeros behind its point and the point: ``1``, ``1.0`` and ``+1`` are one label, ``01`` is another. Doing
    it again changes nothing.

    Args:
        value: the label as its source gave it.
        where: file and line, or flag, for messages.

    Raises:
        UserError: it is empty, a list, an object or bytes that are not UTF-8, or has a line break or another control
            character inside.
    """
    if isinstance(value, np.generic):
        # 0.1 in 16 or 32 bits is the number that is written 0.1, not the double nearest to it.
        value = float(str(value)) if isinstance(value, np.floating) else value.item()
    if is_missing(value):
        value = ""
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{where}: the label is bytes that are not UTF-8 text: {value!r:.60}.") from None
    if isinstance(value, float):
        value = format(decimal.Decimal(repr(value)), "f") if 1e-9 < abs(value) < 1e16 or not value else repr(value)
    if isinstance(value, decimal.Decimal):
        value = format(value, "f")
    if not isinstance(value, str):
        if not isinstance(value, Mapping | Sequence | set | np.ndarray):
            return str(value)
        raise UserError(f"{where}: {_no_text(value)}")
    text, problem = _spelling(value)
    if problem:
        raise UserError(f"{where}: {problem}")
    return text


@lru_cache(maxsize=MOST_LABELS)
def _spelling(text: str) -> tuple[str, str]:
    """The spelling of a text as a label, and what is wrong with it."""
    if _CONTAINER.fullmatch(text.strip()):
        try:
            inside = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            inside = None
        if inside is not None:
            return "", _no_text(text if isinstance(inside, bytes) else inside)
    text = unicodedata.normalize("NFC", EDGES.sub("", text))
    if not text:
        return "", "the label is empty. Fill it in or remove the row."
    if found := _BROKEN.search(text):
        what = "a line break" if found[0] in "\n\r\v\f\x85\u2028\u2029" else "a control character"
        return "", f"the label {text!r:.80} has {what} in it ({found[0]!r}). Remove it: a label is one line of text."
    if number := _DECIMAL.fullmatch(text):
        sign, whole, fraction = number[1].replace("+", ""), number[2], (number[3] or "").rstrip("0")
        text = f"{whole}.{fraction}" if fraction else whole
        text = text if text == "0" else sign + text
    return text, ""


def _no_text(value: Any) -> str:
    name = {"dict": "an object", "str": "bytes written as text"}.get(type(value).__name__, "a list")
    several = " (--task multi_label reads several labels.)" if name == "a list" else ""
    return f"the label is {name}, {value!r:.80}; a label is one text or number.{several}"


def label_of(row: Row) -> str:
    """The label of a record.

    Raises:
        UserError: it is empty, or as :func:`label_text`.
    """
    value = row.values.get("label")
    if is_missing(value):
        raise UserError(f"{row.where()}: the label is empty. Fill it in or remove the row.")
    return label_text(value, row.where())


def labels_of(row: Row, separator: str) -> list[str]:
    """The labels of a record that may have several: a list, a list written as text (JSON or Python), one label, or
    labels separated by ``separator``; without repeats, in the order of the record.

    Raises:
        UserError: it is something else, or as :func:`label_text`.
    """
    return list(dict.fromkeys(label_text(part, row.where()) for part in _parts(row, separator)))


def _parts(row: Row, separator: str) -> list[Any]:
    """The labels of a record as they are written."""
    value = row.values.get("label")
    if isinstance(value, bytes):
        value = label_text(value, row.where())
    if isinstance(value, str):
        value = _listed(row, value.strip(), separator)
    elif isinstance(value, bool | int | float | np.generic):
        value = [value]
    if not isinstance(value, list | tuple | set) or any(isinstance(p, list | dict | tuple | None) for p in value):
        raise UserError(
            f"{row.where()}: the label is {value!r}, neither a list of labels nor a string of labels separated by "
            f"--head.separator {separator!r} (an empty list, or an empty text, stands for none)."
        )
    return list(value)


def _listed(row: Row, text: str, separator: str) -> Any:
    """The labels in a text: a list as JSON or Python writes it, or what the separator separates."""
    if text[:1] + text[-1:] in ("[]", "()", "{}"):
        for parse in (json.loads, ast.literal_eval):
            try:
                value = parse(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            if isinstance(value, list | tuple | set | dict):
                if _NO_COMMA.search(text):  # Python would join the two texts
                    break
                return sorted(value) if isinstance(value, set) else value
        if _means_a_list(text, separator):
            raise UserError(
                f"{row.where()}: the label {text!r:.80} begins as a list but cannot be read as one: write it as "
                f'["joy", "love"], or as joy{separator}love.'
            )
    parts = [part.strip() for part in text.split(separator)]
    if "" in parts and parts != [""]:
        raise UserError(f"{row.where()}: the label {text!r} names an empty label between two separators.")
    return [part for part in parts if part]


def _means_a_list(text: str, separator: str) -> bool:
    """Whether a text in brackets is rather a list with a mistake than one label, or several that are in brackets."""
    inside = text[1:-1].strip()
    if text[0] == "[":
        return separator in text or "'" in text or '"' in text
    return text[-1] not in inside and (separator in inside or inside[:1] in ("'", '"'))


def number_of(label: str) -> float | None:
    """The number that a label stands for, if it is a finite one."""
    try:
        number = float(label)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class Spellings:
    """Counts the labels that were read as another spelling of theirs, and says so.

    Args:
        what: is counted, for the log.
    """

    def __init__(self, what: str = "labels") -> None:
        self._what = what
        self._read_as: Counter[tuple[str, str]] = Counter()
        self._names: set[str] = set()

    def add(self, raw: Any, name: str) -> None:
        """Takes note of one label as it was written and as it was read."""
        if len(self._names) <= MOST_LABELS:
            self._names.add(name)
        self.merge(raw, name)

    def merge(self, raw: Any, name: str) -> None:
        """As :meth:`add`, without comparing it to others that look alike."""
        if isinstance(raw, str | bytes) and raw != name and len(self._read_as) <= MOST_LABELS:
            self._read_as[ascii_if_invisible(raw) if isinstance(raw, str) else repr(raw), name] += 1

    def say(self, source: str) -> None:
        """Logs what was merged, and warns of labels that look alike."""
        if self._read_as:
            most = self._read_as.most_common(10)
            listed = "; ".join(f"{raw} read as {ascii_if_invisible(name)} in {count:,}" for (raw, name), count in most)
            others = f"; … {len(self._read_as) - 10} more" if len(self._read_as) > 10 else ""
            logger.info("%s: %s (and how often): %s%s", source, self._what, listed, others)
        for names in look_alikes(self._names):
            logger.warning(
                "%s: the labels %s differ only in case, blanks, width or invisible characters and are %d classes",
                source,
                " and ".join(map(ascii_if_invisible, names)),
                len(names),
            )


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Groups of labels that people would take for one."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        plain = re.sub(f"[\\s{INVISIBLE}]", "", unicodedata.normalize("NFKC", name).casefold())
        number = number_of(plain)
        groups[plain if number is None else repr(number)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def ascii_if_invisible(name: str) -> str:
    """A label for a message, its invisible characters as escapes."""
    return "'" + re.sub(f"[^\\S ]|[{INVISIBLE}]", lambda found: ascii(found[0])[1:-1], name) + "'"


def with_labels(records: Records, read: Callable[[Row, Spellings], Row], *, say: bool = True) -> Records:
    """Records whose labels went through ``read``. What was merged is said when all have been read for the first time.

    Args:
        records: as their source gave them.
        read: gives the row with its label as it is spelled everywhere, and takes note of it.
        say: log what was merged.
    """
    said = not say

    def rows() -> Iterator[Row]:
        nonlocal said
        spellings = Spellings()
        for row in records:
            yield read(row, spellings)
        if not said:
            said = True
            spellings.say(records.name)

    return Records(records.name, rows)


def read_label(row: Row, spellings: Spellings) -> Row:
    """One label a record, where it has any."""
    if is_missing(row.values.get("label")):
        return row
    raw, name = row.values["label"], label_of(row)
    spellings.add(raw, name)
    return row if raw == name else row._replace(values={**row.values, "label": name})


def read_several(row: Row, spellings: Spellings, separator: str) -> Row:
    """Any number of labels a record; as a list, unless they are spelled as they should be."""
    if row.values.get("label") is None:
        return row
    parts = _parts(row, separator)
    names = [label_text(part, row.where()) for part in parts]
    for part, name in zip(parts, names, strict=True):
        spellings.add(part, name)
    raw = row.values["label"]
    written = [part.strip() for part in raw.split(separator)] if isinstance(raw, str) else raw
    if written in (names, [""]):
        return row
    return row._replace(values={**row.values, "label": list(dict.fromkeys(names))})


def given_labels(labels: Sequence[Any], where: str = "--data.labels") -> list[str]:
    """Labels that a user names in the spelling that the labels of the data have.

    Raises:
        UserError: one is given twice, or as :func:`label_text`.
    """
    names = [label_text(label, where) for label in labels]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UserError(f"{where}: duplicate label {twice[0]!r} in {', '.join(map(repr, labels))}.")
    return names


def class_index(labels: Sequence[str]) -> dict[str, int]:
    """The index of each label; those of a model that was trained before labels had one spelling are found by it too."""
    spelled = {_spelling(label)[0]: index for index, label in reversed(list(enumerate(labels)))}
    return {**spelled, **{label: index for index, label in enumerate(labels)}}


def label_names(found: Iterable[str], given: Sequence[str] | None, source: str, fewest: int = 2) -> list[str]:
    """The labels in their order: as the user gave them, or numbers in numeric order before words in alphabetical order.

    Args:
        found: the labels of the training data.
        given: ``--data.labels``.
        source: name of the data, for messages.
        fewest: number of labels that the task needs.

    Raises:
        UserError: they are too few or too many, or one is given twice.
    """
    names = given_labels(given) if given else sorted(set(found), key=_order)
    if len(names) < fewest:
        what = f"every row has the label {names[0]!r}" if names else "no row has a label"
        raise UserError(
            f"{source}: {what}; a classifier needs at least {'two labels' if fewest == 2 else 'one label'} "
            "(is --data.columns.label the right column?)."
        )
    if len(names) > MOST_LABELS:
        raise UserError(
            f"{source}: {len(names):,} different labels were found, such as {names[0]!r}: "
            "is --data.columns.label the right column?"
        )
    return names


def counts_of(names: Sequence[str], counts: Mapping[str, int] | Counter[str]) -> list[int]:
    """How often each label occurs, in the order of ``names``."""
    return [counts.get(name, 0) for name in names]


def short_list(labels: Sequence[str], limit: int = 10) -> str:
    """The labels for a message, the first ones if there are many."""
    shown = ", ".join(f'"{label}"' for label in labels[:limit])
    return f"[{shown}{f', … {len(labels) - limit} more' if len(labels) > limit else ''}]"


def _order(label: str) -> tuple[bool, float, str]:
    number = number_of(label)
    return number is None, number or 0.0, label
