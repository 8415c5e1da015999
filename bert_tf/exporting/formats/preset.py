"""A run's model as a KerasHub preset of its own, its weights in float32 or in half the space."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np

from bert_tf.atomic_file import staged_folder, write_errors
from bert_tf.backbones.model_files import check_files, write_checksums
from bert_tf.errors import UserError


def export_preset(model: str | Path, output: str | Path, dtype: str = "float32") -> Path:
    """Copies a preset; KerasHub loads the copy as it loads the original, in float32 unless told otherwise.

    Args:
        model: preset directory, such as ``runs/x/model``.
        output: directory to create.
        dtype: ``float32``, or ``float16``, which rounds every weight to 11 significant bits.

    Returns:
        The new directory.

    Raises:
        UserError: ``output`` exists, the disk is full, or a weight is too large for float16.
    """
    output = Path(output)
    check_files(model)
    with staged_folder(output) as new, write_errors(f"--output {output}"):
        shutil.copytree(model, new, dirs_exist_ok=True)
        for weights in new.glob("*.weights.h5"):
            _rewrite(weights, np.dtype(dtype))
        write_checksums(new)
    return output


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
