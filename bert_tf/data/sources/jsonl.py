"""JSON Lines: one object per line. ``.json`` is read so too, as the data sets of CLUE have that suffix, unless the file
begins as SQuAD's do. A document that is an array of objects, or an object around one, is read object by object."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bert_tf.data.files import suffix
from bert_tf.data.json_documents import json_items
from bert_tf.data.records import Row
from bert_tf.data.sources import squad
from bert_tf.data.text_files import check_encoding, open_text
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".jsonl", ".ndjson", ".json")

_SURROGATE = re.compile("[\ud800-\udfff]")
_HOLDERS = ("data", "records", "rows", "items", "examples", "results")
"""Names under which a document's only array of objects is its records."""

_ABOUT = {"version", "name", "description", "license", "split", "count", "total"}
"""What stands beside them and says that the object is no record itself."""

_HOLDER = re.compile(rf'\s*\{{\s*(?:{squad.NAMED_VALUE})*"({"|".join(_HOLDERS)})"\s*:\s*\[\s*\{{')
_LONGEST_FIRST_LINE = 1 << 20


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file; blank lines are skipped. Of an array, a row's line is its number.

    Raises:
        UserError: a line is not UTF-8, not JSON or not an object.
    """
    with open_text(path, options.encoding) as file:
        start = file.read(squad.START_CHARACTERS)
    if suffix(path) == ".json" and squad.recognises(start):
        yield from squad.read_file(path, options.encoding)
    elif prefix := _array(path, start, options):
        yield from _items(path, prefix, options)
    else:
        yield from _lines(path, options)


def _array(path: str, start: str, options: ReadOptions) -> str:
    """Where the array of records is in a document that is or holds one, as ijson writes it; else an empty string."""
    if start.lstrip().startswith("["):
        return "item"
    holder = _HOLDER.match(start)
    if holder is None:
        return ""
    with open_text(path, options.encoding) as file:
        first = file.readline(_LONGEST_FIRST_LINE)
        try:
            record = json.loads(first) if first.strip() else None
        except ValueError:
            record = None  # the object goes over several lines
        # An object on one line is a record of JSON Lines if others follow it, or if it holds more than the array.
        is_record = record is not None and not record.keys() <= {holder[1], *_ABOUT}
        if is_record or (record is not None and any(line.strip() for line in file)):
            return ""
    return f"{holder[1]}.item"


def _items(path: str, prefix: str, options: ReadOptions) -> Iterator[Row]:
    for number, values in enumerate(json_items(path, prefix, options.encoding), start=1):
        if not isinstance(values, dict):
            raise UserError(
                f'{path} record {number}: it must be an object such as {{"text": "…"}}, not {type(values).__name__}.'
            )
        yield Row(path, number, values, f"record {number}")


def _lines(path: str, options: ReadOptions) -> Iterator[Row]:
    with open_text(path, options.encoding) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            check_encoding(path, number, line)
            values = _parse(path, number, line)
            if not isinstance(values, dict):
                raise UserError(
                    f'{path} line {number}: each line must be an object such as {{"text": "…"}}, '
                    f"not {type(values).__name__}."
                )
            yield Row(path, number, values)


def _parse(path: str, number: int, line: str) -> Any:
    try:
        values = json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        opened = line.strip() == "{"
        hint = " (one object per line, not spread over lines; an array of objects; or SQuAD's JSON)" if opened else ""
        raise UserError(f"{path} line {number} column {error.colno}: not valid JSON: {error.msg}{hint}.") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise UserError(f"{path} line {number}: JSON that cannot be read: {error}.") from None
    if "\\u" in line and _SURROGATE.search(text := json.dumps(values, ensure_ascii=False)):
        # Half a character cannot be written to any file: it becomes the replacement character at once.
        return json.loads(_SURROGATE.sub("\ufffd", text))
    return values
