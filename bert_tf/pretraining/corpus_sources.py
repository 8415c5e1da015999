"""What a corpus is made from, file by file, and what must not come into it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from bert_tf.data.files import suffix
from bert_tf.data.records import text_of
from bert_tf.data.sources import expand_specs, open_records
from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_records import open_corpus
from bert_tf.pretraining.documents import read_documents
from bert_tf.pretraining.exclusion import Exclusion, held_out_texts
from bert_tf.tokenization.markup import without_html


def read_source(spec: str, config: PreparationConfig) -> Iterator[str]:
    """The documents of one file or data set.

    Args:
        spec: a data spec that names no other.
        config: of the preparation.

    Raises:
        UserError: the file is broken or lacks a column.
    """
    return read_documents(open_corpus(config, spec))


@lru_cache(maxsize=1)
def exclusion_of(config: str) -> Exclusion:
    """What the options that begin with ``--exclude`` keep out; a process reads it once.

    Args:
        config: a ``PreparationConfig`` as JSON.

    Raises:
        UserError: a file is missing or broken, or lacks a column, or an experiment holds nothing out.
    """
    return Exclusion(_excluded_texts(PreparationConfig.model_validate_json(config)))


def _excluded_texts(config: PreparationConfig) -> Iterator[str]:
    """Every text of the columns of ``--exclude``, of which plain text is documents as in ``--data``, and of splits."""
    for spec in expand_specs(config.exclude):
        for text in read_documents(open_records(spec)) if suffix(spec) == ".txt" else _all_columns(spec, config):
            yield without_html(text) if config.cleaning.html else text  # as the corpus will be
    for file in config.exclude_splits_of:
        yield from held_out_texts(file)


def _all_columns(spec: str, config: PreparationConfig) -> Iterator[str]:
    for row in open_records(spec):
        for name in config.exclude_columns:
            if name not in row.values:
                found = ", ".join(map(repr, row.values))
                raise UserError(
                    f"{row.where()}: there is no column {name!r}; there are: {found}. Name the right ones with "
                    "--exclude_columns NAME …"
                )
            yield text_of(row, name)
