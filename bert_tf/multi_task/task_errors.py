"""Mistakes in the config or the data of one of several tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from bert_tf.errors import UserError


@contextmanager
def mistakes_of(name: str) -> Iterator[None]:
    """Says which task a mistake is of, and the flags as they are called in its section."""
    try:
        yield
    except UserError as error:
        flags = re.sub(r"--(?=(data|head|task)\b)", f"--tasks.{name}.", str(error))
        raise UserError(f"task {name}: {flags}") from None
