"""Where in a context the answer to a question stands."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

from bert_tf.data.records import Row, is_missing
from bert_tf.errors import UserError

NO_ANSWER, NOT_FOUND = (-1, -1), (-2, -2)
"""For questions without an answer, and for those whose answer is not where it should be."""

NEAR = 20
"""Characters by which an ``answer_start`` may be wrong in a context that holds the answer more than once."""


def read_answers(row: Row) -> list[dict[str, Any]] | None:
    """The answers of a record as SQuAD, TFDS or a table writes them; ``None`` where it has no column for them.

    Columns: ``answers``, or ``answer`` with or without ``answer_start``; ``is_impossible``. Empty answers are none.

    Returns:
        ``{"text": …, "answer_start": …}`` each; the start is a number of code points, or ``None`` if it is not known.

    Raises:
        UserError: they are of another form.
    """
    values = row.values
    answers = values.get("answers")
    if answers is None and "answer" in values:
        answers = [{"text": values["answer"], "answer_start": values.get("answer_start")}]
    if answers is None:
        return None
    if str(values.get("is_impossible", "")).lower() in ("true", "1"):
        return []
    if isinstance(answers, str):
        answers = _parsed(answers)
    if isinstance(answers, Mapping):  # TFDS and Hugging Face: one list of texts, one of starts
        pairs = zip_longest(answers.get("text", ()), answers.get("answer_start", ()))
        answers = [{"text": text, "answer_start": start} for text, start in pairs]
    if not isinstance(answers, Iterable) or not all(isinstance(a, Mapping) and "text" in a for a in answers):
        raise UserError(
            f'{row.where()}: answers must be a list such as [{{"text": "…", "answer_start": 0}}], not {answers!r:.60}.'
        )
    return [
        {"text": str(a["text"]), "answer_start": _start_of(row, a.get("answer_start"))}
        for a in answers
        if not is_missing(a["text"])
    ]


def _parsed(text: str) -> Any:
    """A table's cell: the list as JSON, or one answer."""
    try:
        answers = json.loads(text)
    except json.JSONDecodeError:
        answers = None
    return answers if isinstance(answers, list | dict) else [{"text": text}]


def _start_of(row: Row, value: Any) -> int | None:
    if is_missing(value):
        return None
    try:
        start = float(value)
    except (TypeError, ValueError):
        start = math.nan
    if not start.is_integer():
        raise UserError(f"{row.where()}: answer_start must be a whole number, not {value!r}.")
    return int(start) if start >= 0 else None


def find_answer(row: Row) -> tuple[int, int]:
    """Start and end, in code points, of the first answer that stands in the context; ``NO_ANSWER``; ``NOT_FOUND``.

    An answer that is not at its ``answer_start`` is looked for: it is where the context holds it, if it does so once,
    or once within ``NEAR`` characters.

    Args:
        row: with ``answers`` as :func:`read_answers` returns them.
    """
    context, answers = row.values["context"], row.values["answers"]
    for answer in answers:
        text, start = answer["text"], answer["answer_start"]
        if start is None or context[start : start + len(text)] != text:
            start = _search(context, text, start)
        if start is not None:
            return start, start + len(text)
    return NOT_FOUND if answers else NO_ANSWER


def _search(context: str, text: str, near: int | None) -> int | None:
    """Where an answer stands that is not where its record says: at its one place, or at its one place nearby."""
    first = context.find(text)
    if first < 0 or context.find(text, first + 1) < 0:
        return first if first >= 0 else None
    if near is None:
        return None
    low, high = max(near - NEAR, 0), near + NEAR + len(text)
    first = context.find(text, low, high)
    return first if first >= 0 and context.find(text, first + 1, high) < 0 else None
