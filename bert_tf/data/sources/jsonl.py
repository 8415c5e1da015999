"""JSON Lines: one object per line. ``.json`` is read so too, as the data sets of CLUE have that suffix, unless the file
begins as SQuAD's do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bert_tf.data.files import check_encoding, open_text, suffix
from bert_tf.data.records import Row
from bert_tf.data.sources import squad
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".jsonl", ".ndjson", ".json")

_SURROGATE = re.compile("[\ud800-\udfff]")


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file; blank lines are passed over.

    Raises:
        UserError: a line is not UTF-8, not JSON or not an object.
    """
    if suffix(path) == ".json" and squad.recognises(path):
        yield from squad.read_file(path)
        return
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            check_encoding(path, number, line)
            values = _parse(path, number, line)
            if not isinstance(values, dict):
                hint = (
                    f" Turn an array into lines, such as with: jq -c '.[]' {path}" if isinstance(values, list) else ""
                )
                raise UserError(
                    f'{path} line {number}: each line must be an object such as {{"text": "…"}}, '
                    f"not {type(values).__name__}.{hint}"
                )
            yield Row(path, number, values)


def _parse(path: str, number: int, line: str) -> Any:
    try:
        values = json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        hint = " (one object per line, not spread over lines; or SQuAD's JSON)" if line.strip() in "[{" else ""
        raise UserError(f"{path} line {number} column {error.colno}: not valid JSON: {error.msg}{hint}.") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise UserError(f"{path} line {number}: JSON that cannot be read: {error}.") from None
    if "\\u" in line and _SURROGATE.search(text := json.dumps(values, ensure_ascii=False)):
        # Half a character cannot be written to any file: it becomes the replacement character at once.
        return json.loads(_SURROGATE.sub("\ufffd", text))
    return values
