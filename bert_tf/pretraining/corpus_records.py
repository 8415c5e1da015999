"""The records of a corpus, of which one column is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from bert_tf.data.early_check import read_beginnings
from bert_tf.data.records import Records
from bert_tf.data.sources import open_records


class CorpusConfig(Protocol):
    """What the configs of pre-training and of the preparation say alike."""

    columns: dict[str, str]
    encoding: str


def open_corpus(config: CorpusConfig, specs: str | Sequence[str]) -> Records:
    """Opens data specs.

    Raises:
        UserError: as :func:`bert_tf.data.sources.open_records`.
    """
    return open_records(
        specs,
        columns=config.columns,
        required=("text",),
        text_columns=("text",),
        encoding=config.encoding,
        columns_flag="--columns",
    )


def check_corpus(config: CorpusConfig, specs: Sequence[str]) -> None:
    """Reads the beginning of each file; a folder, of a prepared corpus, is left to its reader.

    Raises:
        UserError: as :func:`open_corpus`, or a file is broken or lacks the column.
    """
    read_beginnings([spec for spec in specs if not os.path.isdir(spec)], lambda spec: open_corpus(config, spec))
