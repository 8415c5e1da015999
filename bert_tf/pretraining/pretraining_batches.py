"""Example files to masked batches, with the interface that the training loop asks of its data."""

from __future__ import annotations

import math
import random
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from bert_tf.pretraining.example_files import FEATURES, example_files, read_description
from bert_tf.pretraining.masking import Masker

_BATCHES_SORTED = 50
"""Batches among which texts of like length are put together."""


class PretrainingBatches:
    """Masked batches of one size, epoch by epoch; every epoch has its own order and its own masks.

    Args:
        folder: of the examples.
        masker: masks them.
        batch_size: examples per weight update, over all devices.
        seed: decides order and masks together with the epoch.
        shuffle: ``False`` keeps the order of the files, for evaluation.
        shuffle_buffer: examples held in memory for shuffling.
        segment_ids: whether the backbone takes them.
        length_bucketing: texts of like length come into one batch, which is padded to its longest.
    """

    def __init__(
        self,
        folder: str | Path,
        masker: Masker,
        batch_size: int,
        *,
        seed: int,
        shuffle: bool = True,
        shuffle_buffer: int = 100_000,
        segment_ids: bool = True,
        length_bucketing: bool = False,
    ) -> None:
        description = read_description(folder)
        assert description is not None
        self.folder = folder
        self.masker = masker
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.shuffle_buffer = shuffle_buffer
        self.segment_ids = segment_ids
        self.length_bucketing = length_bucketing
        self.examples = description.examples
        self.tokens = description.tokens
        self.steps_per_epoch = math.ceil(self.examples / batch_size)

    def steps(self, epoch: int) -> int:
        """Number of batches of an epoch; all have as many."""
        return self.steps_per_epoch

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """Batches of one epoch as ``(features, targets, weights (batch,) float32)``.

        Features are ``token_ids``, ``padding_mask``, ``segment_ids`` ``(batch, seq_len)`` and ``mask_positions``
        ``(batch, most_masked)``, int32. Targets ``(batch, most_masked + 1)`` int32 are the masked tokens' ids, then the
        pair's label. The last batch is filled up with rows of weight 0.

        Args:
            epoch: from 0.
            skip: batches at the start that were already used; they are read, but neither parsed nor masked.
        """
        files = example_files(self.folder)
        if self.shuffle:
            random.Random(self.seed + epoch).shuffle(files)
        dataset = tf.data.TFRecordDataset(files)
        if self.shuffle:
            buffer = min(self.shuffle_buffer, self.examples)
            dataset = dataset.shuffle(buffer, seed=self.seed + epoch, reshuffle_each_iteration=False)
        if self.length_bucketing:
            dataset = dataset.batch(_BATCHES_SORTED * self.batch_size).enumerate()
            dataset = dataset.map(partial(self._sort, epoch)).unbatch()
        dataset = dataset.batch(self.batch_size).enumerate().skip(skip)
        return dataset.map(
            partial(self._make, epoch), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        ).prefetch(4)

    def _sort(self, epoch: int, number: tf.Tensor, records: tf.Tensor) -> tf.Tensor:
        """Records of some batches, sorted by their size and cut into batches; these in a random order."""
        records = tf.gather(records, tf.argsort(tf.strings.length(records), stable=True))
        whole = tf.size(records) // self.batch_size * self.batch_size
        batches = tf.reshape(records[:whole], [-1, self.batch_size])
        seed = tf.stack([self.seed * 1009 + epoch, tf.cast(number, tf.int32)])
        batches = tf.gather(batches, tf.argsort(tf.random.stateless_uniform([tf.shape(batches)[0]], seed)))
        return tf.concat([tf.reshape(batches, [-1]), records[whole:]], 0)

    def _make(self, epoch: int, number: tf.Tensor, records: tf.Tensor) -> tuple[Any, ...]:
        missing = self.batch_size - tf.size(records)
        weights = tf.concat([tf.ones_like(records, tf.float32), tf.zeros([missing], tf.float32)], 0)
        records = tf.concat([records, tf.fill([missing], records[0])], 0)
        parsed = tf.io.parse_example(records, FEATURES)

        lengths = tf.cast(parsed["token_ids"].row_lengths(), tf.int32)
        longest = tf.minimum(-(-tf.reduce_max(lengths) // 8) * 8, self.masker.sequence_length)
        shape = tf.stack([self.batch_size, longest])
        token_ids = tf.cast(parsed["token_ids"].to_tensor(self.masker.pad_id, shape=shape), tf.int32)
        continues = tf.cast(parsed["continues"].to_tensor(0, shape=shape), tf.bool)
        seed = tf.stack([self.seed * 1009 + epoch, tf.cast(number, tf.int32)])
        masked, positions, targets = self.masker.mask(token_ids, continues, seed)
        padding_mask = tf.sequence_mask(lengths, longest, tf.int32)
        features = {"token_ids": masked, "padding_mask": padding_mask, "mask_positions": positions}
        if self.segment_ids:
            first = tf.cast(parsed["first_length"], tf.int32)
            features["segment_ids"] = padding_mask - tf.sequence_mask(first, longest, tf.int32)
        features = {name: tf.ensure_shape(value, [self.batch_size, None]) for name, value in features.items()}
        labels = tf.cast(parsed["pair_label"], tf.int32)[:, None]
        targets = tf.concat([targets, labels], 1)
        return features, targets, tf.ensure_shape(weights, [self.batch_size])
