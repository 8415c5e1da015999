"""Data specs to records. One file per format or scheme, found by what it declares: adding one is adding a file.

A module here declares ``SUFFIXES`` (and ``read(path, options)``) for a file format, or ``SCHEME`` (and
``read(name, options)``) for specs such as ``tfds:…``, or both. They give rows of their own, with the source's column
names. A format that names its columns before its first row declares ``columns(path, options)``. Another package adds
such modules as entry points of the group ``bert_tf.sources``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, ModuleType

from bert_tf.data.files import expand, suffix
from bert_tf.data.records import Records, Row, is_missing, text_of
from bert_tf.errors import UserError
from bert_tf.plugins import Registry

SOURCES = Registry("data source", "bert_tf.data.sources", "--data")


@dataclass(frozen=True)
class ReadOptions:
    """What a config says about reading files.

    Attributes:
        header: delimited files name their columns in the first line.
        quoting: ``auto``, ``on`` or ``off``.
        encoding: of text files, as Python calls it; ``auto``: UTF-8, or what the bytes are most probably.
        strip_token_digits: in CoNLL files, take the digit off tokens of one character and one digit.
    """

    header: bool = True
    quoting: str = "auto"
    encoding: str = "auto"
    strip_token_digits: bool = False


@dataclass(frozen=True)
class _Columns:
    """The columns that a reader asked for; see :func:`open_records`."""

    source_names: Mapping[str, str]
    required: Sequence[str]
    optional: Sequence[str]
    texts: Sequence[str]
    flag: str
    without_target: str
    prepare: Callable[[Row], Row] | None
    keep_given: bool


def open_records(
    spec: str | Sequence[str],
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
    required: Sequence[str] = (),
    optional: Sequence[str] = (),
    text_columns: Sequence[str] = (),
    header: bool = True,
    quoting: str = "auto",
    encoding: str = "auto",
    strip_token_digits: bool = False,
    columns_flag: str = "--data.columns",
    source_columns: Sequence[str] = (),
    without_target: str = "",
    prepare: Callable[[Row], Row] | None = None,
    keep_given: bool = False,
) -> Records:
    """Opens one data spec or several, one after the other.

    Args:
        spec: paths, globs, ``tfds:NAME`` or ``demo:NAME``.
        columns: our column name to the source's; names that are neither required nor optional are not renamed.
        required: columns that every row must have, by our names; one that is no text must also have a value.
        optional: columns that every row has or none, by our names.
        text_columns: those that hold text: numbers become strings, nothing an empty string. Optional if not required.
        header: see :class:`ReadOptions`.
        quoting: see :class:`ReadOptions`.
        encoding: see :class:`ReadOptions`.
        strip_token_digits: see :class:`ReadOptions`.
        columns_flag: the flag that names columns, for messages.
        source_columns: further columns that ``columns`` may rename, for ``prepare``.
        without_target: what to say where a required column that is no text is missing or empty.
        prepare: turns a row as it was read (and renamed) into one with the required columns.
        keep_given: rows keep the record as its source has it, as :attr:`Row.given`.

    Returns:
        Rows by our column names; other columns keep the source's name.

    Raises:
        UserError: no such file, an unknown format, or (when read) a broken row or a missing column.
    """
    specs = [spec] if isinstance(spec, str) else list(spec)
    known = {*required, *optional, *text_columns, *source_columns}
    asked = {ours: theirs for ours, theirs in columns.items() if ours in known}
    optional = [name for name in dict.fromkeys([*optional, *text_columns]) if name not in required]
    wanted = _Columns(asked, tuple(required), optional, text_columns, columns_flag, without_target, prepare, keep_given)
    options = ReadOptions(header, quoting, encoding, strip_token_digits)
    sources = [source for one in specs for source in _resolve(one)]

    def rows() -> Iterator[Row]:
        return _checked((module.read(name, options) for module, name in sources), wanted)

    return Records(", ".join(specs), rows)


def expand_specs(specs: Sequence[str]) -> list[str]:
    """The single files and data sets that data specs name, each as a spec of its own.

    Raises:
        UserError: no such file, or an unknown format.
    """
    found = [one for spec in specs for one in _resolve(spec)]
    return [f"{module.SCHEME}:{name}" if hasattr(module, "SCHEME") else name for module, name in found]


def columns_before_rows(specs: Sequence[str], options: ReadOptions) -> list[str]:
    """The columns that the files name, of files without a row too; none where the format has them in its rows only."""
    found = [source for one in specs for source in _resolve(one)]
    names = [module.columns(name, options) for module, name in found if hasattr(module, "columns")]
    return list(dict.fromkeys(name for each in names for name in each))


def schemes() -> dict[str, str]:
    """The schemes of data specs, such as ``tfds``, and the names of the sources that read them."""
    return SOURCES.claims("SCHEME")


def _resolve(spec: str) -> list[tuple[ModuleType, str]]:
    """The modules that read a spec, and what each is to read."""
    scheme, colon, name = spec.partition(":")
    if colon and (source := schemes().get(scheme)):
        return [(SOURCES.module(source), name)]
    by_suffix = SOURCES.claims("SUFFIXES")
    resolved = []
    for path in expand(spec):
        if (ending := suffix(path)) not in by_suffix:
            raise UserError(
                f"{path}: the format {ending or '(no suffix)'} is not known; known are "
                f"{', '.join(sorted(by_suffix))} (also with .gz, .bz2 or .xz), and "
                f"{', '.join(f'{name}:NAME' for name in sorted(schemes()))}."
            )
        resolved.append((SOURCES.module(by_suffix[ending]), path))
    return resolved


def _checked(sources: Iterator[Iterator[Row]], wanted: _Columns) -> Iterator[Row]:
    """Rows by our column names, every one with the columns that were asked for."""
    renamed = {ours: theirs for ours, theirs in wanted.source_names.items() if ours != theirs}
    needed: set[str] | None = None  # the required columns and those optional ones that the first row has
    absent: set[str] = set()
    texts = set(wanted.texts)
    targets = [name for name in wanted.required if name not in texts]
    for rows in sources:
        first_of_source = True
        for row in rows:
            values = row.values
            named = list(values)
            if wanted.keep_given:
                row = row._replace(given=dict(values))
            if renamed:
                _rename(values, renamed)
            if wanted.prepare is not None:
                row = wanted.prepare(row)
                values = row.values
            if needed is None:
                needed = {*wanted.required, *(name for name in wanted.optional if name in values)}
                absent = set(wanted.optional) - needed
                texts &= needed
            if not values.keys() >= needed:
                raise UserError(_missing_column(row, named, first_of_source, needed, wanted))
            if not absent.isdisjoint(values):
                name = min(absent & values.keys())
                raise UserError(f"{row.where()}: here is a column {name!r}, which the rows before do not have.")
            for name in texts:
                if type(values[name]) is not str:
                    values[name] = text_of(row, name)
            for name in targets:
                if is_missing(values[name]):
                    hint = wanted.without_target and f" {wanted.without_target}"
                    raise UserError(f"{row.where()}: the {name} is empty. Fill it in or remove the row.{hint}")
            first_of_source = False
            yield row


def _rename(values: dict[str, object], source_names: Mapping[str, str]) -> None:
    """Puts mapped columns under our names, in their places; what stood under one of our names before gives way."""
    named: dict[str, list[str]] = {}
    for ours, theirs in source_names.items():
        named.setdefault(theirs, []).append(ours)
    given = list(values.items())
    values.clear()
    for name, value in given:
        if name in named:
            values.update(dict.fromkeys(named[name], value))
        elif name not in source_names:
            values[name] = value


def _missing_column(row: Row, named: Sequence[str], first_of_source: bool, needed: set[str], wanted: _Columns) -> str:
    name = next(name for name in (*wanted.required, *wanted.optional) if name in needed and name not in row.values)
    if name not in wanted.source_names:
        # It was to be made of others, as spans are of tags: what the user renamed and is not there is why.
        name = next((ours for ours, theirs in wanted.source_names.items() if theirs not in named), name)
    found = ", ".join(map(repr, named))
    is_target = name in wanted.required and name not in wanted.texts
    hint = f" {wanted.without_target}" if is_target and wanted.without_target else ""
    read_as = _READ_AS.get(suffix(row.file), "").format(file=row.file)
    return (
        f"{row.file if first_of_source else row.where()}: there is no column {wanted.source_names.get(name, name)!r}; "
        f"there are: {found}. Name the right one with {wanted.flag}.{name} NAME.{hint}{read_as}"
    )


_READ_AS = {
    ".json": " It was read as JSON Lines; squad:{file} reads SQuAD's JSON, or says what is wrong with it.",
    ".txt": " It was read as plain text, a text a line; a table is named .tsv or .csv, words with tags .conll.",
}
"""What a file was taken for by its name, where that can be the mistake."""
