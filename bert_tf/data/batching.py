"""Records to batches of token ids: shuffled, bucketed by length, padded to the batch's longest.

Texts of similar length share a batch, so that a short text never pays for a long one. A *window* of 50 batches is
tokenised at once, sorted by length, cut into batches, and (for training) the batches are shuffled. The order of an
epoch depends on the seed and the epoch alone, so that a killed run finds its place again by skipping.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import tensorflow as tf

from bert_tf.data.records import Records, Row, to_utf8
from bert_tf.errors import UserError

WINDOW_BATCHES = 50

Features = Mapping[str, tf.Tensor]


class Encoder(Protocol):
    """What batching needs of a task (:class:`bert_tf.tasks.task.TextTask`)."""

    target_signature: ClassVar[tf.TypeSpec]
    windowed: ClassVar[bool]

    def input_specs(self) -> dict[str, tf.TensorSpec]: ...

    def training_specs(self) -> dict[str, tf.TensorSpec]: ...

    def evaluation_specs(self) -> dict[str, tf.TensorSpec]: ...

    def target(self, row: Row) -> Any | None: ...

    def unknown_target(self, row: Row) -> str: ...

    def counted(self, row: Row, target: Any) -> Iterable[str | float]: ...

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]: ...

    def encode_training(
        self, columns: Mapping[str, tf.Tensor], targets: Any
    ) -> tuple[dict[str, tf.RaggedTensor], Any]: ...

    def pad(self, encoded: Mapping[str, tf.RaggedTensor], multiple_of: int = 1) -> dict[str, tf.Tensor]: ...

    def pad_training(
        self, encoded: Mapping[str, tf.RaggedTensor], targets: Any, multiple_of: int = 1
    ) -> tuple[dict[str, tf.Tensor], Any]: ...


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
    the number of replicas never meet a remainder. A row is a record, or a window of one where the task cuts windows.

    Args:
        rows: labelled records.
        batch_size: rows per weight update, over all devices.
        seed: decides the order together with the epoch.
        shuffle: whether rows and batches change their order from epoch to epoch; else it is that of the records, where
            ``length_bucketing`` is off too.
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
        shuffle: bool = True,
        shuffle_buffer: int = 100_000,
        length_bucketing: bool = True,
        multiple_of: int = 8,
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.shuffle_buffer = shuffle_buffer
        self.length_bucketing = length_bucketing
        self.multiple_of = multiple_of
        self.examples, self.steps_per_epoch = self._count()

    def steps(self, epoch: int) -> int:
        """Number of batches of an epoch; all have as many."""
        return self.steps_per_epoch

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """Batches of one epoch as ``(features, targets (batch,), weights (batch,) float32)``.

        Args:
            epoch: from 0; every epoch has its own order.
            skip: batches at the start that were already used.
        """
        dataset = self._encoded(epoch, self.batch_size * WINDOW_BATCHES)
        if self.rows.encoder.windowed:
            dataset = dataset.unbatch().batch(self.batch_size * WINDOW_BATCHES)
        dataset = dataset.prefetch(1).enumerate()
        seed = self.seed + 7919 * (epoch + 1)
        dataset = dataset.flat_map(lambda number, window: self._cut(seed, number, *window))
        return dataset.skip(skip).prefetch(8)

    def _encoded(self, epoch: int, rows_at_once: int) -> tf.data.Dataset:
        """Encoded rows and targets of one epoch in its order, many at once."""
        encoder = self.rows.encoder
        specs = encoder.training_specs()
        dataset = rows_dataset(lambda: iter(self.rows), specs, encoder.target_signature)
        buffer = min(self.shuffle_buffer, self.examples)
        dataset = dataset.unbatch()
        if self.shuffle:
            dataset = dataset.shuffle(buffer, seed=self.seed + epoch, reshuffle_each_iteration=False)
        dataset = _batch(dataset, rows_at_once, specs)
        return dataset.map(encoder.encode_training, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def _count(self) -> tuple[int, int]:
        """Examples and batches of an epoch."""
        if self.rows.encoder.windowed:
            examples = sum(int(_row_count(encoded)) for encoded in self._encoded_once())
        else:
            examples = self.rows.count()
        return examples, math.ceil(examples / self.batch_size)

    def _encoded_once(self) -> Iterator[Mapping[str, tf.RaggedTensor]]:
        """All encoded rows in the order of the source, many at once."""
        encoder = self.rows.encoder
        with errors_of_the_source() as watched:
            rows = rows_dataset(lambda: watched(self.rows), encoder.training_specs(), encoder.target_signature)
            for encoded, _ in rows.map(encoder.encode_training):
                yield encoded

    def _cut(
        self, seed: int, window: tf.Tensor, encoded: Mapping[str, tf.RaggedTensor], targets: Any
    ) -> tf.data.Dataset:
        rows = _row_count(encoded)
        order = length_order(encoded) if self.length_bucketing else tf.range(rows)
        batches = -(-rows // self.batch_size)
        batch_order = tf.range(batches)
        if self.shuffle:
            batch_order = tf.random.experimental.stateless_shuffle(batch_order, seed=[seed, tf.cast(window, tf.int32)])

        def fixed(value: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(value, [self.batch_size, *value.shape[1:]])

        def batch(index: tf.Tensor) -> tuple[Any, Any, tf.Tensor]:
            take = order[index * self.batch_size : (index + 1) * self.batch_size]
            missing = self.batch_size - tf.shape(take)[0]
            weights = tf.concat([tf.ones_like(take, tf.float32), tf.zeros([missing], tf.float32)], 0)
            # The filling repeats a real row: its numbers stay finite, and weight 0 removes them exactly.
            take = tf.concat([take, tf.fill([missing], take[0])], 0)
            padded = self.rows.encoder.pad_training(
                gather_rows(encoded, take), gather_rows(targets, take), multiple_of=self.multiple_of
            )
            features, goals = tf.nest.map_structure(fixed, padded)
            return features, goals, fixed(weights)

        return tf.data.Dataset.from_tensor_slices(batch_order).map(batch)


@contextmanager
def errors_of_the_source() -> Iterator[Callable[[Iterable[tuple[Row, Any]]], Iterator[tuple[Row, Any]]]]:
    """Raises what rows raised inside tf.data, which wraps it in an error of its own: the user needs the original.

    Yields:
        A function from rows to the same rows, watched.
    """
    raised: list[Exception] = []

    def watched(rows: Iterable[tuple[Row, Any]]) -> Iterator[tuple[Row, Any]]:
        try:
            yield from rows
        except Exception as error:
            raised.append(error)
            raise

    try:
        yield watched
    except tf.errors.OpError:
        if raised:
            raise raised[0] from None
        raise


def rows_dataset(
    rows: Callable[[], Iterator[tuple[Row, Any]]],
    specs: Mapping[str, tf.TensorSpec],
    targets_spec: tf.TypeSpec | None = None,
    *,
    rows_per_chunk: int = 512,
) -> tf.data.Dataset:
    """Chunks of ``{column: texts}``, or ``({column: texts}, targets)``: hundreds of rows per step out of Python."""

    def chunks() -> Iterator[Any]:
        chunk: list[tuple[Row, Any]] = []
        for pair in rows():
            chunk.append(pair)
            if len(chunk) == rows_per_chunk:
                yield arrays(chunk)
                chunk = []
        if chunk:
            yield arrays(chunk)

    def arrays(chunk: list[tuple[Row, Any]]) -> Any:
        texts = column_arrays([row for row, _ in chunk], specs)
        return (texts, _targets([target for _, target in chunk], targets_spec)) if targets_spec else texts

    signature = (dict(specs), targets_spec) if targets_spec else dict(specs)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature)


def column_arrays(rows: Sequence[Row], specs: Mapping[str, tf.TensorSpec]) -> dict[str, np.ndarray]:
    """The texts of rows by column, as the model's graph takes them."""
    return {name: text_arrays([row.values[name] for row in rows], spec) for name, spec in specs.items()}


def text_arrays(values: list[Any], spec: tf.TensorSpec) -> np.ndarray:
    """Strings ``(rows,)``, or lists of strings ``(rows, longest)`` filled up with empty ones, as bytes."""
    if spec.shape.rank == 1:
        return np.array(list(map(to_utf8, values)), dtype=object)
    array = np.full((len(values), max(map(len, values))), b"", dtype=object)
    for number, texts in enumerate(values):
        array[number, : len(texts)] = list(map(to_utf8, texts))
    return array


def _targets(values: list[Any], spec: tf.TypeSpec) -> Any:
    if not isinstance(spec, tf.RaggedTensorSpec):
        if spec.dtype == tf.string:
            values = list(map(to_utf8, values))
            return np.array(values, dtype=object)
        return np.array(values, dtype=spec.dtype.as_numpy_dtype)
    inner = spec.shape[spec.ragged_rank + 1 :]
    return tf.ragged.constant(values, spec.dtype, spec.ragged_rank, inner, row_splits_dtype=spec.row_splits_dtype)


def _batch(dataset: tf.data.Dataset, size: int, specs: Mapping[str, tf.TensorSpec]) -> tf.data.Dataset:
    """Batches of single rows, lists of texts filled up with empty strings."""
    if all(spec.shape.rank == 1 for spec in specs.values()):
        return dataset.batch(size)
    return dataset.padded_batch(size)


def _row_count(encoded: Mapping[str, tf.RaggedTensor]) -> tf.Tensor:
    return tf.cast(next(iter(encoded.values())).nrows(), tf.int32)


def length_order(encoded: Mapping[str, tf.RaggedTensor]) -> tf.Tensor:
    """The rows from the shortest to the longest, ``(rows,)`` int32."""
    return tf.cast(tf.argsort(padded_lengths(next(iter(encoded.values()))), stable=True), tf.int32)


def longest_of(rows: tf.RaggedTensor) -> tf.Tensor:
    """Number of tokens of each row ``(batch, None)``, ``(batch,)`` int64; of a row of several texts, the longest's."""
    return tf.reduce_max(rows.row_lengths(axis=2), 1) if rows.ragged_rank == 2 else rows.row_lengths()


def padded_lengths(rows: tf.RaggedTensor) -> tf.Tensor:
    """Number of tokens that each row ``(batch, None)`` takes, ``(batch,)`` int64; of a row ``(None, None)`` of several
    texts or windows, their number, each as long as the longest."""
    lengths = rows.row_lengths()
    return lengths * longest_of(rows) if rows.ragged_rank == 2 else lengths


def gather_rows(values: Any, rows: tf.Tensor) -> Any:
    """These rows of every tensor of a structure."""
    return tf.nest.map_structure(lambda value: tf.gather(value, rows), values)
