"""CoNLL files: one token a line, its columns separated by a tab or by spaces, a blank line between sentences.

A row is a sentence: ``tokens`` (the first column) and ``tags`` (the last), and every column by its number, from the
left (``0``, ``1``, …) and from the right (``-1``, ``-2``, …), each a list of strings.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, TextIO

from bert_tf.data.conll_lines import Layout
from bert_tf.data.files import expand
from bert_tf.data.notices import notice
from bert_tf.data.records import Row
from bert_tf.data.text_files import check_encoding, open_text
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".bmes")
SCHEME = "conll"
"""``conll:PATH`` reads a file of any name; a glob, too."""

_CONLLU_SKIPPED = re.compile(r"\d+[-.]\d+")  # of CoNLL-U: a word of several tokens, and a word that is not written
_DOCUMENT = re.compile(r"#(?:begin|end) document\b")  # of CoNLL-2012
_WITH_DIGIT = re.compile(r"\D[0-9]|[0-9]{2}")
_SAMPLE = 200


def read(name: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file, or of those that a glob names.

    ``-DOCSTART-`` and comments are skipped. A comment is a line that begins with ``#`` and a blank before the first
    token of a sentence; ``#word`` is a token.

    Raises:
        UserError: a line has another number of columns than the first.
    """
    for path in expand(name):
        yield from _sentences(path, options)


def _sentences(path: str, options: ReadOptions) -> Iterator[Row]:
    sentence: list[list[str]] = []
    start = 0
    with open_text(path, options.encoding) as file:
        sample = _sample(file)
        layout = Layout.of(sample)
        if layout.separator is not None:
            notice(f"{path}: the columns are separated by {layout.separator_name}", logging.INFO)
        if not options.strip_token_digits and _has_digits(sample, layout):
            notice(
                f"{path}: nearly every token is a character with a digit, such as {_first_token(sample, layout)!r}, as "
                "where the digit is the character's place in its word. --data.strip_token_digits true takes it off"
            )
        for number, line in enumerate(chain(sample, file), start=1):
            check_encoding(path, number, line)
            line = line.rstrip("\r\n")
            if not line.strip(" \t"):
                if sentence:
                    yield _row(path, start, sentence)
                sentence = []
                continue
            fields = layout.fields(line)
            if not sentence and (fields[0] == "-DOCSTART-" or _is_comment(path, number, line, fields, layout)):
                continue
            if len(fields) != layout.columns:
                raise UserError(
                    f"{path} line {number}: {_count(len(fields))}, but the lines before have {layout.columns}. "
                    f"A token, its tags, a blank line after each sentence; no token is empty or holds a space."
                    f"{layout.other_separator(line)}"
                )
            if "" in fields:
                raise UserError(f"{path} line {number}: the column {fields.index('')} is empty.")
            if layout.columns == 10 and _CONLLU_SKIPPED.fullmatch(fields[0]):
                continue
            if not sentence:
                start = number
            if options.strip_token_digits and _WITH_DIGIT.fullmatch(fields[0]):
                fields[0] = fields[0][0]
            sentence.append(fields)
    if sentence:
        yield _row(path, start, sentence)


def _sample(file: TextIO) -> list[str]:
    """The first lines, those at least until the first that begins with no ``#``."""
    sample = []
    for line in file:
        sample.append(line)
        if len(sample) >= _SAMPLE and (not line.startswith("#") or len(sample) >= 50 * _SAMPLE):
            break
    return sample


def _is_comment(path: str, number: int, line: str, fields: list[str], layout: Layout) -> bool:
    """Whether a line before the first token of a sentence is a comment rather than the token ``#`` or ``#AI``."""
    if not line.startswith("#"):
        return False
    fits = len(fields) == layout.columns
    if fields[0] == "#":  # "# id 2" is a comment, "# O" a token
        return not fits or (len(fields) > 1 and not layout.ends_with_tag(fields))
    if line[1:2].isspace() or _DOCUMENT.match(line):  # in a file with tabs, "# id a1"
        return True
    if not fits:
        notice(f"{path} line {number}: {line[:40]!r} has no tag, and is taken for a comment")
    return not fits


def _has_digits(sample: list[str], layout: Layout) -> bool:
    tokens = [layout.fields(line)[0] for line in sample if line.strip()]
    with_digit = [token for token in tokens if _WITH_DIGIT.fullmatch(token)]
    return len(tokens) >= 5 and len(with_digit) >= 0.9 * len(tokens) and any(t[0] > "\x7f" for t in with_digit)


def _first_token(sample: list[str], layout: Layout) -> str:
    return next(token for line in sample if _WITH_DIGIT.fullmatch(token := layout.fields(line)[0]))


def _row(path: str, start: int, sentence: list[list[str]]) -> Row:
    by_column = [list(column) for column in zip(*sentence, strict=True)]
    values: dict[str, object] = {"tokens": by_column[0]}
    if len(by_column) > 1:
        values["tags"] = by_column[-1]
    for index, column in enumerate(by_column):
        values[str(index)] = values[str(index - len(by_column))] = column
    return Row(path, start, values, f"lines {start}-{start + len(sentence) - 1}")


def _count(columns: int) -> str:
    return "one column" if columns == 1 else f"{columns} columns"
