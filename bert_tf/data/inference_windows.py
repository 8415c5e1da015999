"""Rows that are to be answered: batches sorted by length inside, answers in the order of the rows outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.data.batching import (
    WINDOW_BATCHES,
    Encoder,
    Features,
    LabelledRows,
    errors_of_the_source,
    gather_rows,
    length_order,
    rows_dataset,
)
from bert_tf.data.records import Records, Row


class InferenceWindows:
    """Rows in their order, as windows whose batches are sorted by length; memory holds a few windows, never the file.

    A batch is the features of some rows, or, of a task that cuts windows, their texts: then the model's graph cuts and
    joins them, in training as in serving.

    Args:
        records: what is to be answered.
        encoder: the task.
        batch_size: largest number of rows in a batch.
        labelled: also yield targets; rows with unknown labels then follow ``on_unknown_label``.
    """

    def __init__(
        self,
        records: Records,
        encoder: Encoder,
        batch_size: int,
        *,
        labelled: bool = False,
        on_unknown_label: str = "error",
        multiple_of: int = 8,
    ) -> None:
        self.records = records
        self.encoder = encoder
        self.batch_size = batch_size
        self.labelled = labelled
        self.on_unknown_label = on_unknown_label
        self.multiple_of = multiple_of

    def run(
        self, predict: Callable[[Features], Mapping[str, np.ndarray]]
    ) -> Iterator[tuple[list[Row], list[Any], dict[str, np.ndarray]]]:
        """Yields ``(rows, targets, outputs)`` window by window, in the order of the records.

        Args:
            predict: a batch to named arrays ``(batch, …)``; where batches differ in other dimensions, those are filled
                up with 0, False or empty strings.
        """
        waiting: deque[tuple[Row, Any]] = deque()

        def rows() -> Iterator[tuple[Row, Any]]:
            source: Iterable[tuple[Row, Any]] = (
                LabelledRows(self.records, self.encoder, self.on_unknown_label)
                if self.labelled
                else ((row, 0) for row in self.records)
            )
            for pair in source:
                waiting.append(pair)
                yield pair

        outputs: list[Mapping[str, np.ndarray]] = []
        places: list[np.ndarray] = []
        with errors_of_the_source() as watched:
            for features, place, window_rows in self._batches(lambda: watched(rows())):
                outputs.append(predict(features))
                places.append(place.numpy())
                if sum(map(len, places)) < int(window_rows):
                    continue
                in_order = np.argsort(np.concatenate(places), kind="stable")
                joined = {name: concatenate([batch[name] for batch in outputs])[in_order] for name in outputs[0]}
                window = [waiting.popleft() for _ in range(int(window_rows))]
                yield [row for row, _ in window], [target for _, target in window], joined
                outputs, places = [], []

    def _batches(self, rows: Callable[[], Iterator[tuple[Row, Any]]]) -> tf.data.Dataset:
        window = self.batch_size * WINDOW_BATCHES
        specs = self.encoder.evaluation_specs() if self.labelled else self.encoder.input_specs()
        dataset = rows_dataset(rows, specs, rows_per_chunk=window)
        if self.encoder.windowed:
            return dataset.flat_map(lambda texts: self._cut(texts, _text_order(texts), lambda batch: batch)).prefetch(8)
        dataset = dataset.map(self.encoder.encode).prefetch(1)

        def pad(batch: Any) -> Features:
            return self.encoder.pad(batch, multiple_of=self.multiple_of)

        return dataset.flat_map(lambda encoded: self._cut(encoded, length_order(encoded), pad)).prefetch(8)

    def _cut(self, window: Any, order: tf.Tensor, finish: Callable[[Any], Features]) -> tf.data.Dataset:
        rows = tf.shape(order)[0]

        def batch(index: tf.Tensor) -> tuple[Features, tf.Tensor, tf.Tensor]:
            take = order[index * self.batch_size : (index + 1) * self.batch_size]
            return finish(gather_rows(window, take)), take, rows

        return tf.data.Dataset.range(tf.cast(-(-rows // self.batch_size), tf.int64)).map(
            lambda index: batch(tf.cast(index, tf.int32))
        )


def concatenate(arrays: Sequence[np.ndarray], filling: Any = None) -> np.ndarray:
    """Joins arrays ``(rows, …)``; dimensions that differ are filled up, by default with 0, False or empty strings."""
    shape = np.max([array.shape for array in arrays], axis=0)[1:]
    if all(array.shape[1:] == tuple(shape) for array in arrays):
        return np.concatenate(arrays)
    if filling is None:
        filling = b"" if arrays[0].dtype == object else arrays[0].dtype.type()
    joined = np.full((sum(map(len, arrays)), *shape), filling, arrays[0].dtype)
    start = 0
    for array in arrays:
        joined[(slice(start, start + len(array)), *map(slice, array.shape[1:]))] = array
        start += len(array)
    return joined


def _text_order(texts: Mapping[str, tf.Tensor]) -> tf.Tensor:
    sizes = [tf.strings.length(text) for text in texts.values()]
    total = tf.add_n([size if size.shape.rank == 1 else tf.reduce_sum(size, 1) for size in sizes])
    return tf.cast(tf.argsort(total, stable=True), tf.int32)
