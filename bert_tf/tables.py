"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from wcwidth import wcswidth


def table(rows: Sequence[Sequence[str]]) -> str:
    """Aligns cells; a Chinese character takes two columns of a terminal."""
    widths = [max(_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *others = row
        cells = [first + " " * (widths[0] - _width(first))]
        cells += [" " * (width - _width(cell)) + cell for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(lines)


def _width(text: str) -> int:
    """Columns that a text takes; a control character, which wcwidth cannot tell, takes one."""
    return wcswidth(text) if wcswidth(text) >= 0 else len(text)
