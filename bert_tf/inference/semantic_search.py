"""Finds the records of a corpus whose vectors are nearest to a query's; memory does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bert_tf.atomic_file import open_bytes_atomically
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.inference.predict import Predict, answer_records
from bert_tf.tasks.task import TextTask

ROWS_AT_ONCE = 8192


class Hit(NamedTuple):
    """A record that was found.

    Attributes:
        score: cosine of its vector and the query's.
        row: the record.
    """

    score: float
    row: Row


def embed(
    task: TextTask, records: Records, *, batch_size: int, predict: Predict | None = None
) -> Iterator[tuple[Row, np.ndarray]]:
    """Yields each record with its vector, ``(dim,)`` float32, in memory that does not grow."""
    for row, answer in answer_records(task, records, batch_size=batch_size, predict=predict):
        yield row, np.array(answer["embedding"], np.float32)


def search(vectors: Iterator[tuple[Row, np.ndarray]], queries: np.ndarray, top_k: int) -> list[list[Hit]]:
    """The ``top_k`` records nearest to each query, nearest first; of equally near ones the first in the corpus.

    Args:
        vectors: the corpus.
        queries: ``(queries, dim)`` float32 of length 1.
        top_k: hits of each query.
    """
    best: list[list[Hit]] = [[] for _ in queries]
    for rows, block in _blocks(vectors):
        for hits, scores in zip(best, queries @ block.T, strict=True):
            nearest = np.argsort(-scores, kind="stable")[:top_k]
            hits += [Hit(float(scores[number]), rows[number]) for number in nearest]
            hits.sort(key=lambda hit: -hit.score)  # stable: what came earlier stays before
            del hits[top_k:]
    return best


def write_index(vectors: Iterator[tuple[Row, np.ndarray]], count: int, path: str | Path) -> None:
    """Writes the vectors of a corpus as one ``.npy`` file, ``(records, dim)`` float32, whole or not at all.

    Args:
        vectors: the corpus.
        count: number of its records.
        path: the file.

    Raises:
        UserError: the file cannot be written.
    """
    with open_bytes_atomically(path, "--index") as file:
        for number, (_, block) in enumerate(_blocks(vectors)):
            if number == 0:
                shape = (count, block.shape[1])
                header = {"descr": np.lib.format.dtype_to_descr(block.dtype), "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(block.tobytes())


def read_index(path: str | Path, records: Records, first: np.ndarray) -> Iterator[tuple[Row, np.ndarray]]:
    """Yields each record with its vector from the file, which stays on disk.

    Args:
        path: from :func:`write_index`.
        records: the corpus that was written.
        first: vector of its first record, by the model at hand.

    Raises:
        UserError: the file is no index, or of another corpus or model.
    """
    again = f"Remove {path} to have it made anew."
    try:
        vectors = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise UserError(f"--index {path}: it cannot be read ({error}). {again}") from None
    if vectors.ndim != 2 or vectors.shape[1:] != first.shape or np.abs(vectors[0] - first).max() > 1e-2:
        raise UserError(f"--index {path}: it was made by another model or of another corpus. {again}")
    number = 0
    for number, row in enumerate(records, start=1):
        if number > len(vectors):
            break
        yield row, vectors[number - 1]
    if number != len(vectors):
        raise UserError(f"--index {path}: it holds {len(vectors)} records, the corpus has another number. {again}")


def _blocks(vectors: Iterator[tuple[Row, np.ndarray]]) -> Iterator[tuple[Sequence[Row], np.ndarray]]:
    rows: list[Row] = []
    block: list[np.ndarray] = []
    for row, vector in vectors:
        rows.append(row)
        block.append(vector)
        if len(rows) == ROWS_AT_ONCE:
            yield rows, np.stack(block)
            rows, block = [], []
    if rows:
        yield rows, np.stack(block)
