"""Plain text: one text per line, in the column ``text``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf.data.records import Row
from bert_tf.data.text_files import check_encoding, open_text

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".txt",)


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file; blank lines are kept, as they part documents."""
    with open_text(path, options.encoding) as file:
        for number, line in enumerate(file, start=1):
            check_encoding(path, number, line)
            yield Row(path, number, {"text": line.rstrip("\r\n")})
