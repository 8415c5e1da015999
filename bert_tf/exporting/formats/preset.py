"""A task as a KerasHub preset, its weights in float32 or in half the space."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
from pydantic import Field

from bert_tf.backbones.model_files import CHECKSUMS_FILE, check_files, write_checksums
from bert_tf.config import Section
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable


class Options(Section):
    """Flags of ``--format preset``."""

    dtype: Literal["float32", "float16"] = Field(
        "float32", description="how weights are stored; float16 keeps 11 significant bits"
    )


def write(model: Exportable, directory: Path, options: Options) -> None:
    """Copies a saved task, or saves one; KerasHub loads it in float32 unless told otherwise.

    Args:
        model: one task.
        directory: to fill.
        options: of the format.

    Raises:
        UserError: files of the saved task are missing or damaged, or a weight is too large for float16.
    """
    if model.preset is None:
        model.task.save_to_preset(str(directory))
    else:
        check_files(model.preset)
        if not (model.preset / CHECKSUMS_FILE).exists():
            _ = model.tasks  # loading says whether the model of an older run is whole
        shutil.copytree(model.preset, directory, dirs_exist_ok=True)
    for weights in directory.glob("*.weights.h5"):
        _rewrite(weights, np.dtype(options.dtype))
    write_checksums(directory)


def _rewrite(path: Path, dtype: np.dtype) -> None:
    """Writes a file of Keras weights anew, floating-point values in ``dtype``."""
    new = path.with_suffix(".new")
    with h5py.File(path) as source, h5py.File(new, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = target.require_group(name)
            else:
                value = item[()]
                if np.issubdtype(value.dtype, np.floating):
                    if np.abs(value).max(initial=0) > np.finfo(dtype).max:
                        raise UserError(f"{name}: a weight is too large for {dtype}.")
                    value = value.astype(dtype)
                made = target.create_dataset(name, data=value)
            made.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    new.replace(path)
