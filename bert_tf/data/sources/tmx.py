"""Translation memories (TMX 1.4): one row per translation unit, one column per language.

The columns are called as the file calls the languages, so ``--data.columns.text en --data.columns.translation zh-CN``
chooses the direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from bert_tf.data.files import open_binary
from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".tmx",)

_CHUNK = 1 << 16
_CODES = {"bpt", "ept", "ph", "it", "ut"}
"""Elements inside a segment that hold the formatting codes of another program, not text."""


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file, streamed; of a language that a unit holds twice, the first variant counts.

    Raises:
        UserError: it is not XML, not TMX, or it declares entities.
    """
    reader = _Reader(path)
    with open_binary(path) as file:
        try:
            while chunk := file.read(_CHUNK):
                reader.parser.Parse(chunk, False)
                yield from reader.take()
            reader.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise UserError(
                f"{path} line {error.lineno}: not valid XML: {expat.errors.messages[error.code]}."
            ) from None
        yield from reader.take()


class _Reader:
    """Collects rows while expat walks through the file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        # TMX has no use for entities, and nested ones can fill any memory.
        self.parser.EntityDeclHandler = self._entity
        self.rows: list[Row] = []
        self.root = True
        self.values: dict[str, str] = {}
        self.line = 0
        self.language = ""
        self.segment: list[str] | None = None
        self.codes = 0

    def take(self) -> list[Row]:
        rows, self.rows = self.rows, []
        return rows

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root and name != "tmx":
            raise UserError(f"{self.path}: this is XML, but not TMX: its root is <{name}>, not <tmx>.")
        self.root = False
        if name == "tu":
            self.values, self.line = {}, self.parser.CurrentLineNumber
        elif name == "tuv":
            self.language = attributes.get("xml:lang") or attributes.get("lang") or ""
            if not self.language:
                raise UserError(f"{self.path} line {self.parser.CurrentLineNumber}: a <tuv> without xml:lang.")
        elif name == "seg":
            self.segment = []
        elif name in _CODES:
            self.codes += 1

    def _end(self, name: str) -> None:
        if name == "seg" and self.segment is not None:
            self.values.setdefault(self.language, "".join(self.segment).strip())
            self.segment = None
        elif name == "tu":
            self.rows.append(Row(self.path, self.line, dict(self.values)))
        elif name in _CODES:
            self.codes -= 1

    def _characters(self, text: str) -> None:
        if self.segment is not None and not self.codes:
            self.segment.append(text)

    def _entity(self, name: str, *_: Any) -> None:
        raise UserError(
            f"{self.path} line {self.parser.CurrentLineNumber}: it declares the entity {name!r}; remove it."
        )
