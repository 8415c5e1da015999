"""Mistakes in data files, found before TensorFlow is imported: the beginning of each local file is read through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bert_tf.config import DataConfig
from bert_tf.data.files import is_remote
from bert_tf.data.labels import Spellings
from bert_tf.data.records import Records, Row
from bert_tf.data.schema import TaskSchema
from bert_tf.data.sources import expand_specs, open_records
from bert_tf.data.splits import check_section, evaluation_texts, open_part, training_texts
from bert_tf.errors import UserError

ROWS, CHARACTERS = 50_000, 20_000_000
"""As much of a file is read: large files are not read twice for the sake of an early message."""


def check_training_data(config: DataConfig, schema: type[TaskSchema], options: Any) -> None:
    """Reads the training, validation and test data as training will.

    Args:
        config: the data section.
        schema: of the task.
        options: the ``--head.*`` options.

    Raises:
        UserError: a file is missing, its format, encoding or syntax is wrong, it lacks a column, a label is none, or
            there is no record.
    """
    read_label = schema.label_reader(options)

    def open_one(spec: str) -> Records:
        records = open_part(config, schema, [spec], texts)
        return records if read_label is None else records.map(lambda row: read_label(row, Spellings()))

    specs = check_section(config, schema)
    texts = training_texts(config, schema)
    first = read_beginnings(specs, open_one)
    if first is None and all(map(_is_local, specs)):
        raise UserError(f"{', '.join(specs)}: there is no row to train on.")
    texts = evaluation_texts(schema, first, texts)
    for part in (config.validation, config.test):
        first = read_beginnings(part or [], open_one)
        if part and first is None and all(map(_is_local, part)):
            raise UserError(f"{', '.join(part)}: there is no row to evaluate.")


def check_given_data(
    config: DataConfig,
    schema: type[TaskSchema],
    specs: Sequence[str],
    columns: Mapping[str, str],
    encoding: str,
    *,
    labelled: bool,
) -> None:
    """Reads the data that a model is to answer or to be evaluated on.

    Args:
        config: of the run.
        schema: of its task.
        specs: of the data.
        columns: column names that differ from the run's.
        encoding: of the data.
        labelled: the data has labels.

    Raises:
        UserError: as :func:`check_training_data`.
    """
    targets = schema.target_columns if labelled else ()
    read_beginnings(
        specs,
        lambda spec: open_records(
            spec,
            columns={**config.columns, **columns},
            required=(schema.text_columns[0], *targets),  # whether the model reads more is known once it is loaded
            text_columns=schema.text_columns[:1],
            source_columns=schema.source_columns,
            prepare=schema.prepare,
            header=config.header,
            quoting=config.quoting,
            encoding=encoding,
            strip_token_digits=config.strip_token_digits,
            without_target=schema.without_target,
            columns_flag="--columns",
        ),
    )


def read_beginnings(specs: Sequence[str], open_one: Callable[[str], Records]) -> Row | None:
    """Reads the beginning of each local file.

    Args:
        specs: data specs.
        open_one: opens one file.

    Returns:
        The first row; ``None`` if none was read.

    Raises:
        UserError: as the reader.
    """
    first = None
    for spec in specs:
        if not _is_local(spec):
            continue
        for file in expand_specs([spec]):
            characters = 0
            for number, row in enumerate(open_one(file), start=1):
                first = first or row
                characters += sum(len(value) for value in row.values.values() if isinstance(value, str))
                if number == ROWS or characters > CHARACTERS:
                    break
    return first


def _is_local(spec: str) -> bool:
    """Whether it is neither read by TensorFlow nor our own."""
    return not (is_remote(spec) or spec.startswith(("tfds:", "demo:")))
