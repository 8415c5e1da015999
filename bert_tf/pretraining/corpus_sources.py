"""What a corpus is made from: one source per file, so that any number of machines can read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from bert_tf.data.files import suffix
from bert_tf.data.records import text_of
from bert_tf.data.sources import expand_specs, open_records
from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_steps import Document, Key
from bert_tf.pretraining.documents import read_documents
from bert_tf.pretraining.exclusion import held_out_texts


class Source(NamedTuple):
    """One file or data set.

    Attributes:
        number: its place.
        spec: a data spec that names no other; for ``splits`` an experiment's config.
        role: which option it comes from.
    """

    number: int
    spec: str
    role: Literal["exclude", "splits", "data"]

    @property
    def excluded(self) -> bool:
        """Whether it holds texts that must not come into the corpus."""
        return self.role != "data"


def list_sources(config: PreparationConfig) -> list[Source]:
    """The sources in their order, those that are excluded first.

    Raises:
        UserError: there is no such file, or its format is not known.
    """
    found: list[tuple[str, Literal["exclude", "splits", "data"]]] = [
        *((spec, "exclude") for spec in expand_specs(config.exclude)),
        *((file, "splits") for file in config.exclude_splits_of),
        *((spec, "data") for spec in expand_specs(config.data)),
    ]
    return [Source(number, spec, role) for number, (spec, role) in enumerate(found)]


def read_source(source: Source, config: PreparationConfig) -> Iterator[Document]:
    """The documents of a source.

    Raises:
        UserError: the file is broken or lacks a column.
    """
    match source.role:
        case "data":
            texts = _texts(source.spec, config)
        case "exclude":
            texts = _excluded_texts(source.spec, config)
        case "splits":
            texts = held_out_texts(source.spec)
    for number, text in enumerate(texts):
        yield Document(Key(source.number, number), text)


def _texts(spec: str, config: PreparationConfig) -> Iterator[str]:
    records = open_records(
        spec, columns=config.columns, required=("text",), text_columns=("text",), columns_flag="--columns"
    )
    return read_documents(records)


def _excluded_texts(spec: str, config: PreparationConfig) -> Iterator[str]:
    """Every text of every column; a plain text file is documents, as in ``--data``."""
    if suffix(spec) == ".txt":
        yield from read_documents(open_records(spec))
        return
    for row in open_records(spec):
        for name in config.exclude_columns:
            if name not in row.values:
                found = ", ".join(map(repr, row.values))
                raise UserError(
                    f"{row.where()}: there is no column {name!r}; there are: {found}. Name the right ones with "
                    "--exclude_columns NAME …"
                )
            yield text_of(row, name)
