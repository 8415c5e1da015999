"""``--format npz``: the weights as one file of NumPy arrays, for programs that know neither Keras nor TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from bert_tf.config import Section
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable
from bert_tf.tasks.task import TextTask


class Options(Section):
    """Flags of ``--format npz``."""

    compress: bool = Field(False, description="compress the file")


def supports(task: TextTask) -> str | None:
    """Why a task cannot be written, or None."""
    return None if task.count_params() < 1e9 else "a model of more than a billion weights does not fit into one file"


def write(model: Exportable, directory: Path, options: Options) -> dict[str, Any]:
    """Fills the directory; it is published only if this and :func:`verify` succeed."""
    save = np.savez_compressed if options.compress else np.savez
    save(directory / "weights.npz", **_weights(model))
    return {"weights": len(model.task.weights)}


def verify(model: Exportable, directory: Path, options: Options) -> dict[str, Any]:
    """Compares what was written with the model.

    Raises:
        UserError: they differ.
    """
    with np.load(directory / "weights.npz") as file:
        if not all(np.array_equal(file[name], value) for name, value in _weights(model).items()):
            raise UserError("Not published: the file does not hold the model's weights.")
    return {}


def _weights(model: Exportable) -> dict[str, np.ndarray]:
    return {weight.path: weight.numpy() for weight in model.task.weights}
