"""Files that end in ``.notes``: a label, a colon and a text in each line."""

from __future__ import annotations

from collections.abc import Iterator

from bert_tf.data.records import Row
from bert_tf.data.sources import ReadOptions
from bert_tf.data.text_files import open_text
from bert_tf.errors import UserError

SUFFIXES = (".notes",)


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows with ``text`` and ``label``.

    Raises:
        UserError: a line has no colon.
    """
    with open_text(path, options.encoding) as file:
        for number, line in enumerate(file, start=1):
            label, colon, text = line.partition(":")
            if not colon:
                raise UserError(f"{path} line {number}: there is no colon between label and text.")
            yield Row(path, number, {"text": text.strip(), "label": label.strip()})
