"""Question answering in SQuAD's JSON (SQuAD 1.1 and 2.0, CMRC 2018 in SQuAD style, DRCD), paragraph by paragraph.

A ``.json`` file that begins as such a file does is read so without being asked; ``squad:PATH`` asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bert_tf.data.files import expand
from bert_tf.data.json_documents import json_items
from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SCHEME = "squad"

_SHAPE = '{"data": [{"paragraphs": [{"context": "…", "qas": [{"id": "…", "question": "…", "answers": […]}]}]}]}'

NAMED_VALUE = r'"[^"\\]*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[-+.\w]+)\s*,\s*'
_START = re.compile(rf'\s*\{{\s*(?:{NAMED_VALUE})*"data"\s*:\s*\[\s*(?:\]|\{{\s*(?:{NAMED_VALUE})*"paragraphs"\s*:)')
START_CHARACTERS = 10_000


def recognises(start: str) -> bool:
    """Whether a file begins as SQuAD's JSON does.

    Args:
        start: its first ``START_CHARACTERS`` characters.
    """
    return _START.match(start) is not None


def read(spec: str, options: ReadOptions) -> Iterator[Row]:
    """One row a question: ``id``, ``question``, ``context``, ``answers`` and, where it stands there, ``is_impossible``.

    Memory holds one paragraph with its questions. A row's number is that of the question in the file.

    Raises:
        UserError: the file is not JSON or not SQuAD's, or a context is empty.
    """
    for path in expand(spec):
        yield from read_file(path, options.encoding)


def read_file(path: str, encoding: str) -> Iterator[Row]:
    """As :func:`read`, of one file."""
    number = 0
    for paragraph_number, paragraph in enumerate(json_items(path, "data.item.paragraphs.item", encoding), start=1):
        where = f"{path} paragraph {paragraph_number}"
        context, questions = _field(paragraph, "context", str, where), _field(paragraph, "qas", list, where)
        if questions and not context.strip():
            raise UserError(f"{where}: the context is empty, and {len(questions)} question(s) stand under it.")
        for place, question in enumerate(questions, start=1):
            number += 1
            at_question = f"{where}, question {place}"
            text = _field(question, "question", str, at_question)
            has_id = question.get("id") not in (None, "")
            values = {"id": str(question["id"] if has_id else number), "question": text, "context": context}
            values |= {name: question[name] for name in ("answers", "is_impossible") if name in question}
            in_file = f'question "{values["id"]}"' if has_id else at_question.removeprefix(f"{path} ")
            yield Row(path, number, values, place=in_file)
    if not number:
        raise UserError(f"{path}: there is no question in it. SQuAD's JSON is {_SHAPE}.")


def _field(values: Any, name: str, kind: type, where: str) -> Any:
    if not isinstance(values, dict):
        raise UserError(f"{where}: this must be an object, not {type(values).__name__}. SQuAD's JSON is {_SHAPE}.")
    if name not in values:
        raise UserError(f'{where}: there is no "{name}". SQuAD\'s JSON is {_SHAPE}.')
    if not isinstance(values[name], kind):
        wanted = "a text" if kind is str else "a list"
        raise UserError(f'{where}: "{name}" must be {wanted}, not {type(values[name]).__name__}.')
    return values[name]
