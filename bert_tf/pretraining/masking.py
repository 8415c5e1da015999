"""Dynamic masking: which tokens are to be predicted, and what the model sees in their place.

Tokens are grouped into *units* that are masked as a whole: tokens (Devlin et al. 2018), words (google-research/bert,
"whole word masking"), n-grams of words with 40, 30, 20 and 10 % for n = 1 to 4 (MacBERT, Cui et al. 2020), or spans of
words whose length is geometric with p = 0.2 up to 10 (SpanBERT, Joshi et al. 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

from bert_tf.pretraining.pretraining_config import MaskingConfig

NO_TARGET = -1
"""Fills the rows of targets that have fewer masked tokens than others."""

_ROOM = {"token": 0, "word": 4, "ngram": 16, "span": 16}
"""Tokens beyond the expected number for which ``mask_positions`` has room."""

_LONGEST_UNIT = {"token": 1, "word": 1, "ngram": 4, "span": 10}


@dataclass(frozen=True)
class Masker:
    """Masks batches, as TensorFlow ops. Equal seeds give equal masks.

    Attributes:
        config: unit, rate and ratios.
        sequence_length: longest row; decides how many tokens of a row can be masked.
        mask_id: id of ``[MASK]``.
        pad_id: id of ``[PAD]``.
        special_ids: tokens that are never masked and never put in as random ones, the padding included.
        vocabulary_size: random tokens are drawn from below it.
    """

    config: MaskingConfig
    sequence_length: int
    mask_id: int
    pad_id: int
    special_ids: tuple[int, ...]
    vocabulary_size: int

    @property
    def most_masked(self) -> int:
        """Width of ``mask_positions``: the expected number, and room for the unit that lies across the limit."""
        return math.ceil(self.config.rate * self.sequence_length) + _ROOM[self.config.unit]

    def mask(
        self, token_ids: tf.Tensor, continues: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Chooses and replaces tokens.

        Args:
            token_ids: ``(batch, seq_len)`` int32, padded.
            continues: whether a token continues the word of the one before, ``(batch, seq_len)`` bool.
            seed: ``(2,)`` int32.

        Returns:
            The masked ids ``(batch, seq_len)`` int32; the positions that are to be predicted ``(batch, most_masked)``
            int32, filled up with 0; their ids ``(batch, most_masked)`` int32, filled up with ``NO_TARGET``.
        """
        seeds = tf.unstack(tf.random.split(seed, 5))
        specials = tf.constant(self.special_ids, tf.int32)
        maskable = tf.reduce_all(token_ids[..., None] != specials, -1)
        chosen, unit = self._choose(maskable, continues, seeds[0], seeds[1])

        shape = tf.shape(token_ids)
        fate = tf.random.stateless_uniform(shape, seeds[2])
        if self.config.unit == "span":  # SpanBERT decides once for a whole span
            fate = tf.gather(fate, unit, batch_dims=1)
        plain = [index for index in range(self.vocabulary_size) if index not in self.special_ids]
        draws = tf.random.stateless_uniform(shape, seeds[3], 0, len(plain), tf.int32)
        masked = tf.where(chosen & (fate < self.config.mask_ratio), self.mask_id, token_ids)
        limit = self.config.mask_ratio + self.config.random_ratio
        is_random = chosen & (fate >= self.config.mask_ratio) & (fate < limit)
        masked = tf.where(is_random, tf.gather(tf.constant(plain, tf.int32), draws), masked)

        length = shape[1]
        places = tf.sort(tf.where(chosen, tf.range(length)[None], length), -1)
        places = tf.pad(places, [[0, 0], [0, self.most_masked]], constant_values=0)[:, : self.most_masked]
        places = tf.where(
            tf.range(self.most_masked)[None] < tf.reduce_sum(tf.cast(chosen, tf.int32), -1)[:, None], places, -1
        )
        positions = tf.ensure_shape(tf.maximum(places, 0), [None, self.most_masked])
        targets = tf.where(places >= 0, tf.gather(token_ids, positions, batch_dims=1), NO_TARGET)
        return masked, positions, tf.ensure_shape(targets, [None, self.most_masked])

    def _choose(
        self, maskable: tf.Tensor, continues: tf.Tensor, seed: tf.Tensor, other_seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Which tokens are to be predicted, and the number of each token's unit; ``(batch, seq_len)`` both.

        Units are put in a random order and taken until the rate is reached. The unit that would lie across the limit
        is taken with the probability that makes the expected number of tokens exact.
        """
        shape = tf.shape(maskable)
        length = shape[1]
        if self.config.unit == "token":
            unit = tf.cumsum(tf.cast(maskable, tf.int32), -1) - 1
        else:
            # A word ends at special tokens too.
            begins = maskable & ~(continues & tf.pad(maskable, [[0, 0], [1, 0]])[:, :-1])
            unit = tf.cumsum(tf.cast(begins, tf.int32), -1) - 1
        if _LONGEST_UNIT[self.config.unit] > 1:
            ends = tf.cumsum(self._unit_lengths(shape, other_seed), -1)
            unit = tf.searchsorted(ends, unit, side="right")
        unit = tf.clip_by_value(unit, 0, length - 1)

        scores = tf.gather(tf.random.stateless_uniform(shape, seed), unit, batch_dims=1)
        scores = tf.where(maskable, scores, 2.0)
        ordered = tf.sort(scores, -1)
        start = tf.cast(tf.searchsorted(ordered, scores, side="left"), tf.float32)
        end = tf.cast(tf.searchsorted(ordered, scores, side="right"), tf.float32)
        limit = self.config.rate * tf.reduce_sum(tf.cast(maskable, tf.float32), -1, keepdims=True)
        # One draw per row: at most one unit lies across the limit.
        draw = tf.random.stateless_uniform([shape[0], 1], other_seed)
        taken = (end <= limit) | ((start < limit) & (draw < (limit - start) / (end - start)))
        return maskable & taken & (end <= self.most_masked), unit

    def _unit_lengths(self, shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Lengths in words of the units of each row, ``(batch, seq_len)`` int32: more units than any row needs."""
        if self.config.unit == "ngram":
            weights = [0.4, 0.3, 0.2, 0.1]
        else:
            weights = [0.2 * 0.8**k for k in range(_LONGEST_UNIT["span"])]
        # tf.random.stateless_categorical takes (batch, classes) and gives (batch, draws).
        logits = tf.math.log(tf.tile([weights], [shape[0], 1]))
        return tf.random.stateless_categorical(logits, shape[1], seed, tf.int32) + 1
