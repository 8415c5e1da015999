"""From the data section of a config to the three sets of records."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bert_tf.config import CleaningConfig, DataConfig
from bert_tf.data.cleaning import clean
from bert_tf.data.records import Records, Row
from bert_tf.data.schema import TaskSchema
from bert_tf.data.sources import open_records
from bert_tf.data.splitting import split
from bert_tf.errors import UserError

logger = logging.getLogger("bert_tf")


@dataclass(frozen=True)
class Splits:
    """Training, validation and test records; the last two where there are any."""

    train: Records
    validation: Records | None
    test: Records | None


def open_splits(config: DataConfig, schema: TaskSchema | type[TaskSchema], *, options: Any, seed: int) -> Splits:
    """Opens, cleans and splits what the config names. Equal config and seed, equal splits.

    Rows are only dropped as duplicates or conflicts from what trains or is split, never from a given validation or
    test set: its score would no longer be comparable.

    Args:
        config: the data section.
        schema: of the task; a task and its class are schemas too.
        options: the ``--head.*`` options, or the task itself.
        seed: decides the split.

    Raises:
        UserError: as the source, the cleaning and the split.
    """
    train_specs = check_section(config, schema)
    text_columns, target_columns = schema.text_columns, schema.target_columns
    cleaning = config.cleaning
    if schema.keeps_text:
        as_it_is = {"unicode": "none", "control_characters": False, "html": False, "whitespace": False}
        cleaning = cleaning.model_copy(update=as_it_is)
    if schema.class_column is None:
        cleaning = cleaning.model_copy(update={"conflicting_labels": "keep"})
    evaluation_cleaning = cleaning.model_copy(update={"duplicates": "keep", "conflicting_labels": "keep"})

    def read(specs: Sequence[str], cleaning: CleaningConfig, texts: Sequence[str]) -> Records:
        records = schema.read_labels(open_part(config, schema, specs, texts), options)
        label = schema.class_column or (target_columns[0] if target_columns else None)
        records, report = clean(records, cleaning, text_columns=text_columns, label_column=label)
        logger.info("%s: %s", records.name, report)
        return records

    texts = training_texts(config, schema)
    train = read(train_specs, cleaning, texts)
    texts = evaluation_texts(schema, next(iter(train), None), texts)
    validation = read(config.validation, evaluation_cleaning, texts) if config.validation else None
    test = read(config.test, evaluation_cleaning, texts) if config.test else None
    if config.split is not None:
        train, validation, *rest = split(
            train, config.split, seed=seed, text_columns=text_columns, label_column=schema.class_column
        )
        test = rest[0] if rest else test
    return Splits(train, validation, test)


def check_section(config: DataConfig, schema: TaskSchema | type[TaskSchema]) -> list[str]:
    """Checks what of the section can be checked without reading, and returns the specs of the training data.

    Raises:
        UserError: there are none, or a column is renamed that the task does not read.
    """
    if config.train is None:
        raise UserError("--data.train is required.")
    known = (*schema.text_columns, *schema.target_columns, *schema.source_columns)
    for name in config.columns:
        if name not in known:
            raise UserError(f"--data.columns.{name}: this task has no such column; it reads {', '.join(known)}.")
    return config.train


def open_part(
    config: DataConfig, schema: TaskSchema | type[TaskSchema], specs: Sequence[str], texts: Sequence[str]
) -> Records:
    """Opens training, validation or test data, as they stand in the files.

    Args:
        config: the data section.
        schema: of the task.
        specs: what to open.
        texts: the text columns that must be there.

    Raises:
        UserError: as :func:`bert_tf.data.sources.open_records`.
    """
    return open_records(
        specs,
        columns=config.columns,
        required=(*texts, *schema.target_columns),
        optional=[name for name in schema.text_columns if name not in texts],
        text_columns=schema.text_columns,
        header=config.header,
        quoting=config.quoting,
        encoding=config.encoding,
        strip_token_digits=config.strip_token_digits,
        without_target=schema.without_target,
        source_columns=schema.source_columns,
        prepare=schema.prepare,
    )


def training_texts(config: DataConfig, schema: TaskSchema | type[TaskSchema]) -> list[str]:
    """The text columns that training data must have: the first one, and those that the user named."""
    names = schema.text_columns
    return [name for name in names if name == names[0] or name in config.columns]


def evaluation_texts(schema: TaskSchema | type[TaskSchema], first: Row | None, in_training: Sequence[str]) -> list[str]:
    """The text columns that validation and test data must have: those that the first row of training has."""
    texts = [name for name in schema.text_columns if first and name in first.values] or in_training
    return [name for name in texts if name not in schema.training_only]
