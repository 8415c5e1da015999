"""Batches of about as many tokens each, rather than of as many rows: many short sentences, or a few long ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.data.batching import LabelledRows, TrainingBatches, padded_lengths
from bert_tf.errors import UserError

ROWS_AT_ONCE = 1024
GROWTH = 1.25
"""A bucket holds rows up to this much longer than the bucket before it."""


class TokenBatches(TrainingBatches):
    """Global batches of at most ``tokens`` tokens, padding included.

    Rows are put into buckets by length, and each bucket has a number of rows of its own: what fits, in multiples of 8
    where it is so many (then 1, 2, 4 or 8 devices see equal batches), and always a multiple of ``batch_size``. So the
    number of batches of an epoch follows from the lengths alone, whatever the order, and schedules and resuming know it
    beforehand. What is left in the buckets at the end of an epoch is filled up with rows of weight 0.

    Args:
        rows: labelled records.
        tokens: largest number of tokens of a batch: its rows times the longest of them (of translations, the longer
            side).
        batch_size: what the rows of every batch must be a multiple of: devices times accumulation steps.
        **options: ``seed``, ``shuffle_buffer`` and ``multiple_of`` of :class:`TrainingBatches`.

    Raises:
        UserError: a row is too long for a batch.
    """

    def __init__(self, rows: LabelledRows, tokens: int, batch_size: int = 1, **options: Any) -> None:
        self.tokens = tokens
        super().__init__(rows, batch_size, **options)

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """As :meth:`TrainingBatches.epoch`; the batches differ in their number of rows."""
        limits, sizes = tf.constant(self.limits, tf.int64), tf.constant(self.sizes, tf.int64)

        def bucket(encoded: Mapping[str, Any], targets: Any) -> tf.Tensor:
            one = {name: _ragged(tf.expand_dims(value, 0)) for name, value in encoded.items()}
            return tf.cast(tf.searchsorted(limits, _longest(one))[0], tf.int64)

        def batch(number: tf.Tensor, rows: tf.data.Dataset) -> tf.data.Dataset:
            return rows.ragged_batch(sizes[number])

        dataset = self._encoded(epoch, ROWS_AT_ONCE).unbatch()
        dataset = dataset.group_by_window(bucket, batch, window_size_func=lambda number: sizes[number])
        # Skipped before padding, which costs more.
        return dataset.skip(skip).map(self._padded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(8)

    def _padded(self, encoded: Mapping[str, tf.RaggedTensor], targets: Any) -> Any:
        encoded = {name: _ragged(value) for name, value in encoded.items()}
        rows = next(iter(encoded.values())).nrows()
        wanted = -(-rows // self.batch_size) * self.batch_size
        take = tf.minimum(tf.range(wanted), rows - 1)
        weights = tf.cast(tf.range(wanted) < rows, tf.float32)
        encoded, targets = tf.nest.map_structure(lambda value: tf.gather(value, take), (encoded, targets))
        return *self.rows.encoder.pad_training(encoded, targets, multiple_of=self.multiple_of), weights

    def _count(self) -> tuple[int, int]:
        lengths = np.concatenate([np.zeros(0, np.int64), *(_longest(encoded) for encoded in self._encoded_once())])
        self.limits = self._limits(int(lengths.max(initial=1)))
        self._check(self.limits[-1])
        self.sizes = [self._rows_that_fit(limit) for limit in self.limits]
        counts = np.bincount(np.searchsorted(self.limits, lengths), minlength=len(self.limits))
        batches = sum(math.ceil(count / size) for count, size in zip(counts, self.sizes, strict=True))
        return len(lengths), batches

    def _limits(self, longest: int) -> list[int]:
        """Longest length of each bucket, multiples of ``multiple_of``."""
        limits = [self.multiple_of]
        while limits[-1] < longest:
            grown = math.ceil(limits[-1] * GROWTH / self.multiple_of) * self.multiple_of
            limits.append(min(grown, math.ceil(longest / self.multiple_of) * self.multiple_of))
        return limits

    def _rows_that_fit(self, length: int) -> int:
        fit = self.tokens // length
        step = math.lcm(8, self.batch_size)
        return fit // step * step or fit // self.batch_size * self.batch_size

    def _check(self, longest: int) -> None:
        if self.tokens < longest * self.batch_size:
            raise UserError(
                f"--data.max_tokens_per_batch {self.tokens} is too small: the longest example takes {longest} tokens, "
                f"and a batch needs {self.batch_size} (one for each device and accumulation step): use at least "
                f"{longest * self.batch_size}, or a smaller --data.sequence_length."
            )


def _ragged(rows: Any) -> tf.RaggedTensor:
    """tf.data gives rows of one length as a plain tensor."""
    return rows if isinstance(rows, tf.RaggedTensor) else tf.RaggedTensor.from_tensor(rows)


def _longest(encoded: Mapping[str, tf.RaggedTensor]) -> tf.Tensor:
    """Tokens of each row, of the feature that has most, ``(batch,)`` int64."""
    return tf.reduce_max(tf.stack([padded_lengths(value) for value in encoded.values()]), 0)
