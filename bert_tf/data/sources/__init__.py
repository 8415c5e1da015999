"""Data specs to records. One file per format or scheme, found by what it declares: adding one is adding a file.

A module here declares either ``SUFFIXES`` (and ``read(path, options)``) for a file format, or ``SCHEME`` (and
``read(name, options)``) for specs such as ``tfds:…``; both give rows with the source's own column names.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from bert_tf.data.files import expand, suffix
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError


@dataclass(frozen=True)
class ReadOptions:
    """What a config says about reading files.

    Attributes:
        header: delimited files name their columns in the first line.
        quoting: ``auto``, ``on`` or ``off``.
    """

    header: bool = True
    quoting: str = "auto"


def open_records(
    spec: str | Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
    required: Sequence[str] = (),
    optional: Sequence[str] = (),
    header: bool = True,
    quoting: str = "auto",
) -> Records:
    """Opens one data spec or several, one after the other.

    Args:
        spec: paths, globs, ``tfds:NAME`` or ``demo:NAME``.
        columns: our column name to the source's.
        required: columns that every row must have, by our names.
        optional: columns that are used where they are there, by our names.
        header: see :class:`ReadOptions`.
        quoting: see :class:`ReadOptions`.

    Returns:
        Rows by our column names; other columns keep the source's name.

    Raises:
        UserError: no such file, an unknown format, or (when read) a broken row or a missing column.
    """
    specs = [spec] if isinstance(spec, str) else list(spec)
    columns = columns or {}
    known = {*required, *optional}
    unknown = sorted(set(columns) - known)
    if unknown:
        raise UserError(
            f"--data.columns.{unknown[0]}: this task has no such column; it reads {', '.join([*required, *optional])}."
        )
    options = ReadOptions(header, quoting)
    sources = [source for one in specs for source in _resolve(one)]

    def rows() -> Iterator[Row]:
        for module, name in sources:
            yield from _renamed(module.read(name, options), columns, required)

    return Records(", ".join(specs), rows)


def _resolve(spec: str) -> list[tuple[ModuleType, str]]:
    """The modules that read a spec, and what each is to read."""
    scheme, colon, name = spec.partition(":")
    if colon and not name.startswith("//"):
        for module in _modules():
            if getattr(module, "SCHEME", None) == scheme:
                return [(module, name)]
    by_suffix = {ending: module for module in _modules() for ending in getattr(module, "SUFFIXES", ())}
    resolved = []
    for path in expand(spec):
        if (ending := suffix(path)) not in by_suffix:
            raise UserError(
                f"{path}: the format {ending or '(no suffix)'} is not known; known are "
                f"{', '.join(sorted(by_suffix))} (also with .gz, .bz2 or .xz)."
            )
        resolved.append((by_suffix[ending], path))
    return resolved


@cache
def _modules() -> tuple[ModuleType, ...]:
    return tuple(importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))


def _renamed(rows: Iterator[Row], columns: Mapping[str, str], required: Sequence[str]) -> Iterator[Row]:
    """Renames the mapped columns; a column that is mapped away from does not stay under our name."""
    back = {theirs: ours for ours, theirs in columns.items()}
    needed = [*required, *(ours for ours in columns if ours not in required)]
    for row in rows:
        values = row.values
        if columns:
            values = {
                back.get(name, name): value for name, value in values.items() if name in back or name not in columns
            }
        for name in needed:
            if name not in values:
                wanted = columns.get(name, name)
                raise UserError(
                    f"{row.file}: there is no column {wanted!r}; there are: {', '.join(map(repr, row.values))}. "
                    f"Name the right one with --data.columns.{name} NAME."
                )
        yield Row(row.file, row.line, values)
