"""Checkpoints that TensorFlow wrote (``NAME.index`` and its data files): found in a directory, read by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from bert_tf.errors import UserError
from bert_tf.plain_path import plain_path

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The tensor that checkpoints of ``tf.train.Checkpoint`` have and those of TF1's ``Saver`` have not."""


# TensorFlow's reader turns its own errors into whichever of Python's is nearest.
_ERRORS = (tf.errors.OpError, LookupError, OSError, RuntimeError, ValueError)


class TensorFlowCheckpoint(Mapping[str, np.ndarray]):
    """The tensors of a checkpoint by name; a tensor is read when it is asked for, floats as float32.

    Args:
        prefix: path without ``.index``.

    Raises:
        UserError: the index or, on access, the data cannot be read.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        try:
            # Kept for as long as the reader is: it opens the data when a tensor is asked for.
            self._path = ExitStack()
            folder = self._path.enter_context(plain_path(prefix.parent))
            self._reader = tf.train.load_checkpoint(str(folder / prefix.name))
            self.shapes: dict[str, list[int]] = self._reader.get_variable_to_shape_map()
        except _ERRORS as error:
            raise UserError(f"{prefix}.index: not a readable checkpoint ({_line(error)}).") from None

    def __getitem__(self, name: str) -> np.ndarray:
        return np.asarray(self.tensor(name)).astype(np.float32)

    def tensor(self, name: str) -> Any:
        """A tensor as TensorFlow gives it: an array, or bytes."""
        try:
            return self._reader.get_tensor(name)
        except _ERRORS as error:
            raise UserError(f"{self.prefix}: the data files are missing or broken ({_line(error)}).") from None

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


class ObjectWeights(Mapping[str, np.ndarray]):
    """The weights below one object of a checkpoint of ``tf.train.Checkpoint``, by the attributes that lead to them.

    A variable that two paths lead to is stored under one of them, so the paths are followed in the graph of objects.

    Args:
        checkpoint: a checkpoint with such a graph.
        node: number of the object in it; 0 is the root.

    Raises:
        UserError: the checkpoint has none, or it cannot be read.
    """

    def __init__(self, checkpoint: TensorFlowCheckpoint, node: int = 0) -> None:
        if OBJECT_GRAPH not in checkpoint:
            raise UserError(f"{checkpoint.prefix}.index: it was not written by tf.train.Checkpoint.")
        self._checkpoint = checkpoint
        self._node = node
        self._nodes = TrackableObjectGraph.FromString(checkpoint.tensor(OBJECT_GRAPH)).nodes

    def find(self, *attributes: str) -> ObjectWeights | None:
        """The object nearest to the checkpoint's root that has all these attributes."""
        for node in range(len(self._nodes)):
            if set(attributes) <= self._attributes(node).keys():
                return ObjectWeights(self._checkpoint, node)
        return None

    def shape(self, path: str) -> list[int]:
        """The shape of a weight.

        Raises:
            KeyError: no weight is there.
        """
        return self._checkpoint.shapes[self._key(path)]

    def __getitem__(self, path: str) -> np.ndarray:
        return self._checkpoint[self._key(path)]

    def __contains__(self, path: object) -> bool:
        return self._follow(str(path)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes(self._node))

    def __len__(self) -> int:
        return len(self._attributes(self._node))

    def _attributes(self, node: int) -> dict[str, int]:
        return {child.local_name: child.node_id for child in self._nodes[node].children}

    def _follow(self, path: str) -> int | None:
        node: int | None = self._node
        for name in path.split("/"):
            node = None if node is None else self._attributes(node).get(name)
        return node

    def _key(self, path: str) -> str:
        node = self._follow(path)
        if node is None or not self._nodes[node].attributes:
            raise KeyError(path)
        return self._nodes[node].attributes[0].checkpoint_key


def has_checkpoint(directory: Path) -> bool:
    """Whether there is the index of any checkpoint."""
    return next(directory.glob("*.index"), None) is not None


def is_object_based(directory: Path) -> bool:
    """Whether the directory's checkpoint is one of ``tf.train.Checkpoint``; ``False`` if that cannot be told."""
    try:
        return OBJECT_GRAPH in open_checkpoint(directory)
    except UserError:
        return False


def open_checkpoint(directory: Path) -> TensorFlowCheckpoint:
    """Opens ``bert_model.ckpt``, or the only checkpoint, or the one that the file ``checkpoint`` names as the latest.

    Raises:
        UserError: there is none, it is not clear which, or it cannot be read.
    """
    prefixes = {path.name.removesuffix(".index") for path in directory.glob("*.index")}
    if not prefixes:
        raise UserError(
            f"--backbone {directory}: the checkpoint's index is missing, such as bert_model.ckpt.index "
            "(beside bert_model.ckpt.data-00000-of-00001)."
        )
    state = tf.train.get_checkpoint_state(str(directory))
    latest = Path(state.model_checkpoint_path).name if state else None
    for name in ("bert_model.ckpt", latest):
        if name in prefixes:
            return TensorFlowCheckpoint(directory / name)
    if len(prefixes) > 1:
        raise UserError(
            f"--backbone {directory}: there are several checkpoints ({', '.join(sorted(prefixes))}) and no file "
            "'checkpoint' that names the latest. Leave one."
        )
    return TensorFlowCheckpoint(directory / prefixes.pop())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
