"""Where in a context the answer to a question stands."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bert_tf.data.records import Row, is_missing
from bert_tf.errors import UserError

NO_ANSWER, NOT_FOUND = (-1, -1), (-2, -2)
"""For questions without an answer, and for those whose answer is not where it should be."""

_AN_OBJECT = re.compile(r"""\s*[\[{].*['"]text['"]\s*:""", re.DOTALL)

NEAR = 20
"""Characters by which an ``answer_start`` may be wrong in a context that holds the answer more than once."""


def read_answers(row: Row) -> list[dict[str, Any]] | None:
    """The answers of a record as SQuAD, TFDS or a table writes them; ``None`` where it has none and does not say so.

    Columns: ``answers`` or ``answer``, with or without ``answer_start``; ``is_impossible``. Each may hold one text, a
    list of texts, an object with ``text`` and ``answer_start`` (one of each, or lists), a list of such objects, or any
    of these as JSON or as Python writes it. Empty answers are none.

    Returns:
        ``{"text": …, "answer_start": …}`` each; the start is a number of code points, or ``None`` if it is not known.

    Raises:
        UserError: they are of another form.
    """
    values = row.values
    if str(values.get("is_impossible", "")).lower() in ("true", "1", "1.0"):
        return []
    if (answers := values.get("answers")) is None and "answer" in values:
        answers = values["answer"]
        if isinstance(answers, int | float) and not isinstance(answers, bool):
            answers = "" if is_missing(answers) else str(answers)
        answers = [] if answers is None else answers
    if answers is None:
        return None
    return [
        {"text": text, "answer_start": _start_of(row, start)}
        for text, start in _pairs(row, _parsed(row, answers), _plain(values.get("answer_start")))
        if not is_missing(text)
    ]


def _pairs(row: Row, answers: Any, start: Any) -> Iterator[tuple[Any, Any]]:
    """Text and start of each answer.

    Args:
        row: of the answers, for messages.
        answers: in whatever form.
        start: the start, or the starts, that stand beside them.
    """
    if isinstance(answers, bytes):
        answers = answers.decode("utf-8", "replace")
    if isinstance(answers, str) or is_missing(answers):
        if isinstance(start, list) and len(start) != 1:
            raise UserError(f"{row.where()}: one answer, but {len(start)} times answer_start.")
        yield answers, start[0] if isinstance(start, list) else start
    elif isinstance(answers, Mapping) and "text" in answers:
        yield from _pairs(row, _plain(answers["text"]), _plain(answers.get("answer_start")))
    elif isinstance(answers, list | tuple):
        one = start if isinstance(start, list) else [start] if len(answers) == 1 else [None] * len(answers)
        if len(one) != len(answers):
            raise UserError(f"{row.where()}: {len(answers)} answers, but {len(one)} times answer_start.")
        for answer, its_start in zip(answers, one, strict=True):
            if isinstance(answer, list | tuple):
                raise _wrong_form(row, answers)
            yield from _pairs(row, answer, its_start)
    else:
        raise _wrong_form(row, answers)


def _wrong_form(row: Row, answers: Any) -> UserError:
    return UserError(
        f'{row.where()}: answers must be a list such as [{{"text": "…", "answer_start": 0}}], or a text, '
        f"not {answers!r:.60}."
    )


def _plain(value: Any) -> Any:
    """NumPy's arrays and numbers as Python's."""
    return value.tolist() if hasattr(value, "tolist") else value


def _parsed(row: Row, answers: Any) -> Any:
    """A table's cell: a list or an object as JSON or Python writes it, or one answer, as what stands in the context."""
    answers = _plain(answers)
    if not isinstance(answers, str) or answers.lstrip()[:1] not in ("[", "{"):
        return answers
    if answers in str(row.values.get("context", "")):
        return answers
    for read in (json.loads, ast.literal_eval):
        try:
            return read(answers)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    if _AN_OBJECT.match(answers):
        raise _wrong_form(row, answers)
    return answers


def _start_of(row: Row, value: Any) -> int | None:
    value = _plain(value)
    if is_missing(value):
        return None
    try:
        start = math.nan if isinstance(value, bool) else float(value)
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
