"""Question answering in SQuAD's JSON (SQuAD 1.1 and 2.0, CMRC 2018 in SQuAD style, DRCD), paragraph by paragraph.

A ``.json`` file that begins as such a file does is read so without being asked; ``squad:PATH`` asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import ijson

from bert_tf.data.files import check_encoding, expand, open_text
from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SCHEME = "squad"

_SHAPE = '{"data": [{"paragraphs": [{"context": "…", "qas": [{"id": "…", "question": "…", "answers": […]}]}]}]}'

_NAMED_VALUE = r'"[^"\\]*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[-+.\w]+)\s*,\s*'
_START = re.compile(rf'\s*\{{\s*(?:{_NAMED_VALUE})*"data"\s*:\s*\[\s*(?:\]|\{{\s*(?:{_NAMED_VALUE})*"paragraphs"\s*:)')
_START_CHARACTERS = 10_000


def recognises(path: str) -> bool:
    """Whether a file begins as SQuAD's JSON does.

    Raises:
        UserError: it cannot be read.
    """
    with open_text(path) as file:
        return _START.match(file.read(_START_CHARACTERS)) is not None


def read(spec: str, options: ReadOptions) -> Iterator[Row]:
    """One row a question: ``id``, ``question``, ``context``, ``answers`` and, where it stands there, ``is_impossible``.

    Memory holds one paragraph with its questions. A row's number is that of the question in the file.

    Raises:
        UserError: the file is not JSON or not SQuAD's, or a context is empty.
    """
    for path in expand(spec):
        yield from read_file(path)


def read_file(path: str) -> Iterator[Row]:
    """As :func:`read`, of one file."""
    number = 0
    for paragraph_number, paragraph in enumerate(_paragraphs(path), start=1):
        where = f"{path} paragraph {paragraph_number}"
        context, questions = _field(paragraph, "context", str, where), _field(paragraph, "qas", list, where)
        if questions and not context.strip():
            raise UserError(f"{where}: the context is empty, and {len(questions)} question(s) stand under it.")
        for place, question in enumerate(questions, start=1):
            number += 1
            at_question = f"{where}, question {place}"
            text = _field(question, "question", str, at_question)
            values = {"id": str(question.get("id", number)), "question": text, "context": context}
            values |= {name: question[name] for name in ("answers", "is_impossible") if name in question}
            yield Row(path, number, values, place=f'question "{values["id"]}"' if "id" in question else at_question)
    if not number:
        raise UserError(f"{path}: there is no question in it. SQuAD's JSON is {_SHAPE}.")


def _paragraphs(path: str) -> Iterator[Any]:
    with open_text(path) as file:
        try:
            yield from ijson.items(_Utf8(path, file), "data.item.paragraphs.item", use_float=True)
        except ijson.IncompleteJSONError as error:
            raise UserError(f"{path}: the JSON breaks off or is broken ({_reason(error)}).") from None
        except ijson.JSONError as error:
            raise UserError(f"{path}: not valid JSON ({_reason(error)}).") from None


class _Utf8:
    """A text file as the bytes that ijson reads, whatever its encoding is."""

    def __init__(self, path: str, file: IO[str]) -> None:
        self._path = path
        self._file = file
        self._lines = 0

    def read(self, size: int = -1) -> bytes:
        text = self._file.read(size)
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError as error:
            check_encoding(self._path, self._lines + text.count("\n", 0, error.start) + 1, text)
            raise
        finally:
            self._lines += text.count("\n")


def _field(values: Any, name: str, kind: type, where: str) -> Any:
    if not isinstance(values, dict):
        raise UserError(f"{where}: this must be an object, not {type(values).__name__}. SQuAD's JSON is {_SHAPE}.")
    if name not in values:
        raise UserError(f'{where}: there is no "{name}". SQuAD\'s JSON is {_SHAPE}.')
    if not isinstance(values[name], kind):
        wanted = "a text" if kind is str else "a list"
        raise UserError(f'{where}: "{name}" must be {wanted}, not {type(values[name]).__name__}.')
    return values[name]


def _reason(error: Exception) -> str:
    """The parser's reason and the place it shows, on one line."""
    return " ".join(str(error).split())[:200]
