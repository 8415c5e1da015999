"""How the lines of a CoNLL file are laid out: what separates its columns, and how many there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_BLANKS = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_OTHER_SEPARATORS = {
    f"[{_BLANKS}]+": "a no-break space or another blank that is no ordinary space",
    ",": "a comma",
    ";": "a semicolon",
    r"\|": "a bar (|)",
}
_TAG = re.compile(r"O|[BIESMLUWE][-_:]\S+|\S+[-_][BIESML]")
_KEY_AND_VALUE = ("=", ":")


@dataclass(frozen=True)
class Layout:
    """Of one file.

    Attributes:
        columns: their number; 0 in a file without a token.
        separator: a pattern, or ``None`` for tabs or spaces.
        spans: the last column holds tags of spans (``B-PER``, ``O``), not such as ``NN``.
    """

    columns: int
    separator: str | None = None
    spans: bool = False

    @classmethod
    def of(cls, lines: Iterable[str]) -> Layout:
        """The layout that the first lines of a file show.

        Columns separated by anything but tabs and spaces are believed only where the last of them looks like a tag
        in nearly every line.
        """
        lines = [line.rstrip("\r\n") for line in lines if line.strip(" \t\r\n") and not line.startswith("-DOCSTART-")]
        tokens = [line for line in lines if not line.startswith("#")] or [line for line in lines if line[1:2] != " "]
        usual = cls(0)
        counts = [len(usual.fields(line)) for line in tokens]
        if not counts:
            # Nothing but lines that begin with "# ": a sentence of that one token, or comments.
            tagged = [fields for fields in map(usual.fields, lines) if len(fields) > 1 and usual.ends_with_tag(fields)]
            return cls(len(tagged[0]) if tagged else 0)
        if counts.count(1) > 0.9 * len(counts):
            for separator in _OTHER_SEPARATORS:
                rows = [re.split(separator, line.strip()) for line in tokens]
                tagged = [row for row in rows if len(row) > 1 and _TAG.fullmatch(row[-1])]
                if len(tagged) > 0.9 * len(rows):
                    return cls(min(map(len, tagged)), separator, spans=True)
        return cls(counts[0], spans=all(_TAG.fullmatch(usual.fields(line)[-1]) for line in tokens))

    @property
    def separator_name(self) -> str:
        return _OTHER_SEPARATORS[self.separator or ""]

    def fields(self, line: str) -> list[str]:
        """The columns of a line; of one with a token that is the separator, as a comma can be, still two or more."""
        line = line.rstrip("\r\n")
        if self.separator is None:
            return line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        parts = re.split(self.separator, line.strip())
        surplus = len(parts) - self.columns
        if surplus > 0 and len(self.separator.removeprefix("\\")) == 1:
            character = self.separator[-1]
            parts = [character.join(parts[: surplus + 1]), *parts[surplus + 1 :]]
        token = parts[0]
        if len(token) > 2 and token[0] == token[-1] == '"':  # quoted, as in CSV
            parts[0] = token[1:-1].replace('""', '"')
        return parts

    def other_separator(self, line: str) -> str:
        """What to say of a line that holds a separator which the other lines do not have; or nothing."""
        for pattern, name in _OTHER_SEPARATORS.items():
            if pattern != self.separator and re.search(pattern, line):
                return f" The line holds {name}: separate the columns by tabs."
        return ""

    def ends_with_tag(self, fields: Sequence[str]) -> bool:
        """Whether a line that begins with ``#`` ends with a tag, so that ``#`` is a token: ``# O``, ``# NN``."""
        if any(field in _KEY_AND_VALUE for field in fields[1:-1]):
            return False
        return bool(_TAG.fullmatch(fields[-1])) or (not self.spans and len(fields) == 2 and fields[-1].isupper())
