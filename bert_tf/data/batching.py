"""Records to batches of token ids: shuffled, bucketed by length, padded to the batch's longest.

Texts of similar length share a batch, so that a short text never pays for a long one. A *window* of 50 batches is
tokenised at once, sorted by length, cut into batches, and (for training) the batches are shuffled. The order of an
epoch depends on the seed and the epoch alone, so that a killed run finds its place again by skipping.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError

WINDOW_BATCHES = 50

Features = Mapping[str, tf.Tensor]


class Encoder(Protocol):
    """What batching needs of a task (:class:`bert_tf.tasks.task.TextTask`)."""

    target_dtype: tf.DType

    def input_columns(self) -> tuple[str, ...]: ...

    def target(self, row: Row) -> Any | None: ...

    def unknown_target(self, row: Row) -> str: ...

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]: ...

    def pad(self, encoded: Mapping[str, tf.RaggedTensor], multiple_of: int = 1) -> dict[str, tf.Tensor]: ...


@dataclass(frozen=True)
class LabelledRows:
    """Records with their targets; rows whose label is unknown are an error or are left out.

    Attributes:
        records: where the rows come from.
        encoder: the task.
        on_unknown_label: ``error`` or ``skip``.
    """

    records: Records
    encoder: Encoder
    on_unknown_label: str = "error"

    def __iter__(self) -> Iterator[tuple[Row, Any]]:
        for row in self.records:
            target = self.encoder.target(row)
            if target is not None:
                yield row, target
            elif self.on_unknown_label == "error":
                problem = self.encoder.unknown_target(row)
                raise UserError(f"{row.where()}: {problem}. Fix the row or pass --data.on_unknown_label skip.")

    def count(self) -> int:
        """Number of rows that are left, by one pass."""
        return sum(1 for _ in self)


class TrainingBatches:
    """Global batches of one size, epoch by epoch.

    Every batch has exactly ``batch_size`` rows: the last one is filled up with rows of weight 0, so that shapes and
    the number of replicas never meet a remainder.

    Args:
        rows: labelled records.
        batch_size: rows per weight update, over all devices.
        seed: decides the order together with the epoch.
        shuffle_buffer: rows held in memory for shuffling.
        length_bucketing: sort each window by length before cutting it into batches.
        multiple_of: padded length is rounded up to a multiple of this.
    """

    def __init__(
        self,
        rows: LabelledRows,
        batch_size: int,
        *,
        seed: int,
        shuffle_buffer: int = 100_000,
        length_bucketing: bool = True,
        multiple_of: int = 8,
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle_buffer = shuffle_buffer
        self.length_bucketing = length_bucketing
        self.multiple_of = multiple_of
        self.examples = rows.count()
        self.steps_per_epoch = math.ceil(self.examples / batch_size)

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """Batches of one epoch as ``(features, targets (batch,), weights (batch,) float32)``.

        Args:
            epoch: from 0; every epoch has its own order.
            skip: batches at the start that were already used.
        """
        columns = self.rows.encoder.input_columns()
        dataset = _rows_dataset(lambda: iter(self.rows), columns, self.rows.encoder.target_dtype)
        buffer = min(self.shuffle_buffer, self.examples)
        dataset = dataset.unbatch().shuffle(buffer, seed=self.seed + epoch, reshuffle_each_iteration=False)
        dataset = dataset.batch(self.batch_size * WINDOW_BATCHES).enumerate()
        dataset = dataset.map(self._encode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        dataset = dataset.prefetch(1)
        seed = self.seed + 7919 * (epoch + 1)
        dataset = dataset.flat_map(lambda *window: self._cut(seed, *window))
        return dataset.skip(skip).prefetch(8)

    def _encode(self, window: tf.Tensor, rows: tuple[Features, tf.Tensor]) -> tuple[Any, ...]:
        columns, targets = rows
        encoded = self.rows.encoder.encode(columns)
        order = _length_order(encoded) if self.length_bucketing else tf.range(tf.shape(targets)[0])
        return window, encoded, targets, order

    def _cut(
        self, seed: int, window: tf.Tensor, encoded: Mapping[str, tf.RaggedTensor], targets: tf.Tensor, order: tf.Tensor
    ) -> tf.data.Dataset:
        rows = tf.shape(order)[0]
        batches = -(-rows // self.batch_size)
        batch_order = tf.random.experimental.stateless_shuffle(
            tf.range(batches), seed=[seed, tf.cast(window, tf.int32)]
        )

        def batch(index: tf.Tensor) -> tuple[Features, tf.Tensor, tf.Tensor]:
            take = order[index * self.batch_size : (index + 1) * self.batch_size]
            missing = self.batch_size - tf.shape(take)[0]
            weights = tf.concat([tf.ones_like(take, tf.float32), tf.zeros([missing], tf.float32)], 0)
            # The filling repeats a real row: its numbers stay finite, and weight 0 removes them exactly.
            take = tf.concat([take, tf.fill([missing], take[0])], 0)
            features = self.rows.encoder.pad(_gather(encoded, take), multiple_of=self.multiple_of)
            features = {name: tf.ensure_shape(value, [self.batch_size, None]) for name, value in features.items()}
            targets_taken = tf.gather(targets, take)
            targets_taken.set_shape([self.batch_size, *targets_taken.shape[1:]])
            return features, targets_taken, tf.ensure_shape(weights, [self.batch_size])

        return tf.data.Dataset.from_tensor_slices(batch_order).map(batch)


class InferenceWindows:
    """Rows in their order, as windows whose batches are sorted by length; memory holds a few windows, never the file.

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
            predict: batch features to named arrays ``(batch, …)``.
        """
        waiting: deque[tuple[Row, Any]] = deque()
        failures: list[Exception] = []

        def rows() -> Iterator[tuple[Row, Any]]:
            source: Iterator[tuple[Row, Any]] = (
                iter(LabelledRows(self.records, self.encoder, self.on_unknown_label))
                if self.labelled
                else ((row, 0) for row in self.records)
            )
            try:
                for pair in source:
                    waiting.append(pair)
                    yield pair
            except Exception as error:
                failures.append(error)
                raise

        outputs: list[Mapping[str, np.ndarray]] = []
        places: list[np.ndarray] = []
        try:
            for features, place, window_rows in self._batches(rows):
                outputs.append(predict(features))
                places.append(place.numpy())
                if sum(map(len, places)) < int(window_rows):
                    continue
                in_order = np.argsort(np.concatenate(places), kind="stable")
                joined = {name: np.concatenate([batch[name] for batch in outputs])[in_order] for name in outputs[0]}
                window = [waiting.popleft() for _ in range(int(window_rows))]
                yield [row for row, _ in window], [target for _, target in window], joined
                outputs, places = [], []
        except tf.errors.OpError:
            if failures:  # tf.data wraps what its Python source raised: the user needs the original
                raise failures[0] from None
            raise

    def _batches(self, rows: Callable[[], Iterator[tuple[Row, Any]]]) -> tf.data.Dataset:
        dtype = self.encoder.target_dtype if self.labelled else tf.int32
        window = self.batch_size * WINDOW_BATCHES
        dataset = _rows_dataset(rows, self.encoder.input_columns(), dtype, rows_per_chunk=window)
        dataset = dataset.map(lambda columns, _: self.encoder.encode(columns)).prefetch(1)
        return dataset.flat_map(self._cut).prefetch(8)

    def _cut(self, encoded: Mapping[str, tf.RaggedTensor]) -> tf.data.Dataset:
        order = _length_order(encoded)
        rows = tf.shape(order)[0]

        def batch(index: tf.Tensor) -> tuple[Features, tf.Tensor, tf.Tensor]:
            take = order[index * self.batch_size : (index + 1) * self.batch_size]
            return self.encoder.pad(_gather(encoded, take), multiple_of=self.multiple_of), take, rows

        return tf.data.Dataset.range(tf.cast(-(-rows // self.batch_size), tf.int64)).map(
            lambda index: batch(tf.cast(index, tf.int32))
        )


def _rows_dataset(
    rows: Callable[[], Iterator[tuple[Row, Any]]],
    columns: Sequence[str],
    target_dtype: tf.DType,
    rows_per_chunk: int = 512,
) -> tf.data.Dataset:
    """Chunks of ``({column: (rows,) string}, targets (rows, …))``: hundreds of rows per step out of Python."""

    def chunks() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        chunk: list[tuple[Row, Any]] = []
        for pair in rows():
            chunk.append(pair)
            if len(chunk) == rows_per_chunk:
                yield arrays(chunk)
                chunk = []
        if chunk:
            yield arrays(chunk)

    def arrays(chunk: list[tuple[Row, Any]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        texts = {
            name: np.array([row.values[name].encode("utf-8", "replace") for row, _ in chunk], dtype=object)
            for name in columns
        }
        return texts, np.array([target for _, target in chunk], dtype=target_dtype.as_numpy_dtype)

    return tf.data.Dataset.from_generator(
        chunks,
        output_signature=(
            {name: tf.TensorSpec([None], tf.string) for name in columns},
            tf.TensorSpec([None], target_dtype),
        ),
    )


def _length_order(encoded: Mapping[str, tf.RaggedTensor]) -> tf.Tensor:
    lengths = next(iter(encoded.values())).row_lengths()
    return tf.cast(tf.argsort(lengths, stable=True), tf.int32)


def _gather(encoded: Mapping[str, tf.RaggedTensor], rows: tf.Tensor) -> dict[str, tf.RaggedTensor]:
    return {name: tf.gather(values, rows) for name, values in encoded.items()}
