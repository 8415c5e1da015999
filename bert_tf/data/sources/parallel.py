"""Parallel files: ``parallel:train.zh,train.en``, two text files whose lines are translations of one another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from bert_tf.data.records import Row
from bert_tf.data.text_files import check_encoding, open_text
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SCHEME = "parallel"


def read(name: str, options: ReadOptions) -> Iterator[Row]:
    """Rows with ``text`` of the first file and ``translation`` of the second; pairs of blank lines are passed over.

    Raises:
        UserError: there are not two files, one cannot be read, or they differ in their number of lines.
    """
    paths = name.split(",")
    if len(paths) != 2 or not all(paths):
        raise UserError(
            f"parallel:{name}: give two files with a comma between them, such as parallel:train.zh,train.en."
        )
    source, target = paths
    with open_text(source, options.encoding) as texts, open_text(target, options.encoding) as translations:
        for number, (text, translation) in enumerate(zip_longest(texts, translations), start=1):
            if text is None or translation is None:
                shorter, longer = (source, target) if text is None else (target, source)
                rest = sum(1 for _ in (translations if text is None else texts))
                raise UserError(
                    f"parallel:{name}: {shorter} has {number - 1} lines, but {longer} has {number + rest}: from some "
                    "line on they are no translations of one another."
                )
            check_encoding(source, number, text)
            check_encoding(target, number, translation)
            text, translation = text.rstrip("\r\n"), translation.rstrip("\r\n")
            if text.strip() or translation.strip():
                yield Row(source, number, {"text": text, "translation": translation})
