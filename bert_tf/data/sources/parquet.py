"""Parquet files, by pyarrow, a record batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

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
                short = _short_floats(batch.schema)
                for values in batch.to_pylist():
                    number += 1
                    for name, kind in short:
                        if values[name] is not None:
                            values[name] = float(str(kind(values[name])))
                    yield Row(path, number, values)
        except (pyarrow.ArrowException, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not a readable Parquet file ({first_line(error)}).") from None


def columns(path: str, options: ReadOptions) -> list[str]:
    """The names of a file's columns, of one without a row too."""
    from pyarrow import parquet

    with open_binary(path) as file:
        return list(parquet.ParquetFile(file).schema_arrow.names)


def _short_floats(schema: Any) -> list[tuple[str, type[np.floating[Any]]]]:
    """The columns of floats in 16 or 32 bits: as Python's floats, in 64, 0.1 would be 0.10000000149011612."""
    types: dict[str, type[np.floating[Any]]] = {"halffloat": np.float16, "float": np.float32}
    return [(field.name, types[str(field.type)]) for field in schema if str(field.type) in types]
