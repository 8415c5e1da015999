"""The files in the ``checkpoints/`` of a run: ``ckpt-STEP.index`` and its data, and which of them are kept.

TensorFlow's own manager reads the names as patterns: in ``runs/lr[3e-5]`` it finds nothing, beside ``runs/x[1]`` it
removes the files of ``runs/x1``.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

from bert_tf.atomic_file import write_atomically

_INDEX = re.compile(r"ckpt-(\d+)\.index")
_FILE = re.compile(r"ckpt-(\d+)(\.index|\.data-\d+-of-\d+|_temp)")


def prefix(step: int) -> str:
    """What the names of a checkpoint's files begin with."""
    return f"ckpt-{step}"


def saved_steps(folder: Path) -> list[int]:
    """The steps of the checkpoints in a folder, the newest last; an index is written after its data."""
    if not folder.is_dir():
        return []
    return sorted(int(found[1]) for path in folder.iterdir() if (found := _INDEX.fullmatch(path.name)))


def keep_newest(folder: Path, step: int, keep: int) -> None:
    """Removes all but the newest checkpoints, and those after ``step``, which are damaged or of another past.

    Args:
        folder: of the checkpoints.
        step: of the one that was just written.
        keep: number of those that stay.
    """
    kept = [each for each in saved_steps(folder) if each <= step][-keep:]
    # The names that TensorFlow's own tools look for.
    lines = [f'model_checkpoint_path: "{prefix(step)}"', *(f'all_model_checkpoint_paths: "{prefix(k)}"' for k in kept)]
    write_atomically(folder / "checkpoint", "".join(f"{line}\n" for line in lines))
    for path in folder.iterdir():
        found = _FILE.fullmatch(path.name)
        if found and int(found[1]) not in kept:
            _remove(path)


def remove_unfinished(folder: Path, step: int) -> None:
    """Removes what a failed write left behind."""
    _remove(folder / f"{prefix(step)}_temp")
    if step not in saved_steps(folder):
        for path in folder.glob(f"{prefix(step)}.data-*"):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
