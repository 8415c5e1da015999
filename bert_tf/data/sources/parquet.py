"""Parquet files, by pyarrow, a record batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf.data.files import open_binary
from bert_tf.data.records import Row
from bert_tf.errors import UserError, first_line

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SUFFIXES = (".parquet",)


def read(path: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of one file; line numbers are row numbers.

    Raises:
        UserError: it is not a Parquet file, or a broken one.
    """
    import pyarrow
    from pyarrow import parquet

    with open_binary(path) as file:
        try:
            number = 0
            for batch in parquet.ParquetFile(file).iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(path, number, values)
        except (pyarrow.ArrowException, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not a readable Parquet file ({first_line(error)}).") from None
