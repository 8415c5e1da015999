"""The local files behind data specs: what must not be overwritten, and what a resumed run compares."""

from __future__ import annotations

import os
from collections.abc import Iterable

from bert_tf.data.files import expand, is_remote
from bert_tf.data.sources import schemes
from bert_tf.errors import UserError


def input_files(specs: Iterable[str]) -> list[str]:
    """The local files that data specs name, in the order in which they are read; data sets without files give none.

    Args:
        specs: paths, globs, ``conll:PATH``, ``parallel:A,B``, ``tfds:NAME`` and so on. What does not exist is left to
            its reader to report.
    """
    found: dict[str, None] = {}
    for spec in specs:
        scheme, _, name = spec.partition(":")
        paths = [spec] if scheme not in schemes() else [name] if os.path.exists(name) else name.split(",")
        for path in paths:
            if path and not is_remote(path):
                found |= dict.fromkeys(_files(path))
    return list(found)


def _files(path: str) -> list[str]:
    try:
        return [file for file in expand(path) if os.path.isfile(file)]
    except UserError:
        return []
