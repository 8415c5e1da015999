"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf.data.files import check_encoding, open_text
from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".jsonl", ".ndjson")


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file; blank lines are passed over.

    Raises:
        UserError: a line is not UTF-8, not JSON or not an object.
    """
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            check_encoding(path, number, line)
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{path} line {number} column {error.colno}: not valid JSON: {error.msg}.") from None
            if not isinstance(values, dict):
                raise UserError(
                    f'{path} line {number}: each line must be an object such as {{"text": "…"}}, '
                    f"not {type(values).__name__}."
                )
            yield Row(path, number, values)
