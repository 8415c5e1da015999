"""CoNLL files: one token a line, its columns parted by a tab or by spaces, a blank line between sentences.

A row is a sentence: ``tokens`` (the first column) and ``tags`` (the last), and every column by its number, from the
left (``0``, ``1``, …) and from the right (``-1``, ``-2``, …), each a list of strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf.data.files import check_encoding, expand, open_text
from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".bmes")
SCHEME = "conll"
"""``conll:PATH`` reads a file of any name; a glob, too."""

_CONLLU_SKIPPED = re.compile(r"\d+[-.]\d+")  # of CoNLL-U: a word of several tokens, and a word that is not written


def read(name: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file, or of those that a glob names.

    ``-DOCSTART-`` and comments (``# …`` before the first token of a sentence) are passed over.

    Raises:
        UserError: a line has another number of columns than the first.
    """
    for path in expand(name):
        yield from _sentences(path)


def _sentences(path: str) -> Iterator[Row]:
    columns: int | None = None
    sentence: list[list[str]] = []
    start = 0
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            check_encoding(path, number, line)
            line = line.rstrip("\r\n")
            if not line.strip(" \t"):
                if sentence:
                    yield _row(path, start, sentence)
                sentence = []
                continue
            fields = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
            if not sentence and (fields[0] == "-DOCSTART-" or _is_comment(line, fields, columns)):
                continue
            if columns is None:
                columns = len(fields)
            if len(fields) != columns:
                raise UserError(
                    f"{path} line {number}: {_count(len(fields))}, but the lines before have {columns}. "
                    "A token, its tags, a blank line after each sentence; no token is empty or holds a space."
                )
            if "" in fields:
                raise UserError(f"{path} line {number}: the column {fields.index('')} is empty.")
            if columns == 10 and _CONLLU_SKIPPED.fullmatch(fields[0]):
                continue
            if not sentence:
                start = number
            sentence.append(fields)
    if sentence:
        yield _row(path, start, sentence)


def _is_comment(line: str, fields: list[str], columns: int | None) -> bool:
    """Whether a line is a comment rather than the token ``#`` or one that begins so."""
    if not line.startswith("#") or "\t" in line:
        return False
    if columns is None:  # "# newdoc" is a comment, "# O" a token
        return len(fields) != 2 or not fields[1].isupper()
    return len(fields) != columns


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
