"""Paths that TensorFlow can read: it takes the path of a checkpoint for a pattern and finds no ``runs/lr[3e-5]``."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_plain(path: str | Path) -> bool:
    """Whether a path has none of the characters that are special in a pattern."""
    return not glob.has_magic(str(path)) and "\\" not in str(path)


@contextmanager
def plain_path(folder: str | Path) -> Iterator[Path]:
    """Gives another name of a folder, without the characters of patterns; a folder without them keeps its name.

    ``tf.train.load_checkpoint``, ``tf.train.Checkpoint.read`` and ``tf.saved_model.load`` need it. Nothing may depend
    on the name once the block is done.
    """
    folder = Path(folder)
    if is_plain(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as links:
        link = Path(links) / "folder"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link
