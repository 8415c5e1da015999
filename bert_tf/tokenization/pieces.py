"""Texts as word pieces that know their characters, cut into windows; and spans of characters as spans of pieces."""

from __future__ import annotations

from typing import NamedTuple

import keras_hub
import tensorflow as tf

from bert_tf.tokenization.offsets import tokenize_with_offsets
from bert_tf.tokenization.text_cleaning import CleanedTexts, TextCleaner
from bert_tf.tokenization.windows import Windows, cut_windows, slices
from bert_tf.tokenization.words import WordLimits, begins_word


class Pieces(NamedTuple):
    """The pieces of a batch of texts.

    A *unit* is what gets a tag: a piece, or a word, which stands where its first piece does.

    Attributes:
        token_ids: ``(batch, None)`` int32, without special tokens.
        is_unit: ``(batch, None)`` bool.
        unit_row: ``(units,)`` int64, the text of each unit.
        unit_start: ``(units,)`` int32, its first character.
        unit_end: ``(units,)`` int32, the place after its last.
        windows: over the pieces.
    """

    token_ids: tf.RaggedTensor
    is_unit: tf.RaggedTensor
    unit_row: tf.Tensor
    unit_start: tf.Tensor
    unit_end: tf.Tensor
    windows: Windows

    def units(self, values: tf.Tensor) -> tf.RaggedTensor:
        """Values ``(pieces, …)``, one for each piece, to those of the units, ``(batch, None, …)``."""
        of_units = tf.boolean_mask(values, self.is_unit.flat_values)
        return tf.RaggedTensor.from_value_rowids(of_units, self.unit_row, self.token_ids.nrows())

    def by_window(self, values: tf.Tensor) -> tf.RaggedTensor:
        """Values ``(pieces,)`` to those of each window, ``(windows, None)``."""
        return slices(self.token_ids.with_flat_values(values), self.windows.row, self.windows.start, self.windows.end)

    def unit_pieces(self) -> tf.Tensor:
        """Number of each unit's first piece among all pieces, ``(units,)`` int32."""
        return tf.cast(tf.where(self.is_unit.flat_values)[:, 0], tf.int32)


class UnitSpans(NamedTuple):
    """Spans of units; ``(spans,)`` each.

    Attributes:
        row: int64, the text.
        first: int32, number of the first unit among all units.
        last: int32, number of the last.
        label: int32.
    """

    row: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    label: tf.Tensor


def cut_pieces(
    tokenizer: keras_hub.models.Tokenizer,
    texts: tf.Tensor,
    *,
    words: WordLimits | None,
    window: int,
    overlap: int,
    cleaner: TextCleaner | None = None,
) -> Pieces:
    """Tokenises texts ``(batch,)`` string and cuts them into windows.

    Args:
        tokenizer: BERT's.
        texts: what to cut.
        words: units are words that these part; None: units are pieces.
        window: pieces of a window.
        overlap: pieces that two windows share.
        cleaner: what cleans the texts first; the places are those in the texts given all the same.

    Raises:
        UserError: the tokeniser is not BERT's.
    """
    cleaned = CleanedTexts.by(cleaner, texts)
    token_ids, starts, ends = tokenize_with_offsets(tokenizer, cleaned.texts)
    is_unit = tf.ones_like(token_ids, tf.bool)
    if words is not None:
        is_unit = is_unit.with_flat_values(begins_word(tokenizer, token_ids, starts, ends, words))
    starts, ends = cleaned.in_given(starts, ends)
    flat = is_unit.flat_values
    unit = tf.cumsum(tf.cast(flat, tf.int32)) - 1
    return Pieces(
        token_ids,
        is_unit,
        tf.boolean_mask(token_ids.value_rowids(), flat),
        tf.boolean_mask(starts.flat_values, flat),
        tf.math.unsorted_segment_max(ends.flat_values, unit, tf.reduce_sum(tf.cast(flat, tf.int32))),
        cut_windows(token_ids.row_lengths(), window, overlap),
    )


def on_units(pieces: Pieces, spans: tf.RaggedTensor) -> UnitSpans:
    """Spans of characters as spans of units.

    Args:
        pieces: of the texts.
        spans: ``(batch, None, 3)`` int32: start, end, label.

    Returns:
        The spans in their order. One that begins or ends inside a unit holds it whole; one that holds none is left out.
    """
    row = spans.value_rowids()
    start, end, label = tf.unstack(spans.flat_values, axis=1)

    def key(row: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        return row * 2**32 + tf.cast(place, tf.int64)

    first = tf.searchsorted(key(pieces.unit_row, pieces.unit_end), key(row, start), side="right")
    last = tf.searchsorted(key(pieces.unit_row, pieces.unit_start), key(row, end), side="left") - 1
    holds = last >= first
    return UnitSpans(*(tf.boolean_mask(values, holds) for values in (row, first, last, label)))


def iob2_tags(pieces: Pieces, spans: UnitSpans) -> tf.RaggedTensor:
    """The tag of each piece in each window, ``(windows, None)`` int32, places of ``[CLS]`` and ``[SEP]`` included.

    O is 0, B of label ``k`` is ``2k + 1``, I is ``2k + 2``; what is no unit has -1.
    """
    inside = tf.ragged.range(spans.first, spans.last + 1)
    number = inside.value_rowids()
    begins = inside.flat_values == tf.gather(spans.first, number)
    tags = 2 * tf.gather(spans.label, number) + tf.where(begins, 1, 2)
    unit_tags = tf.tensor_scatter_nd_update(tf.zeros_like(pieces.unit_start), inside.flat_values[:, None], tags)
    no_tags = -tf.ones_like(pieces.token_ids.flat_values)
    tags = pieces.by_window(tf.tensor_scatter_nd_update(no_tags, pieces.unit_pieces()[:, None], unit_tags))
    special = tf.fill([tags.nrows(), 1], -1)
    return tf.concat([special, tags, special], 1)


def spans_by_window(pieces: Pieces, spans: UnitSpans) -> tf.RaggedTensor:
    """The spans that lie in each window whole, ``(windows, None, 3)`` int32: place of the first unit, place of the
    last, label; ``[CLS]`` has the place 0."""
    windows = pieces.windows
    offset = tf.cast(tf.gather(pieces.token_ids.row_starts(), spans.row), tf.int32)
    places = pieces.unit_pieces()
    first, last = (tf.gather(places, unit) - offset for unit in (spans.first, spans.last))
    by_row = tf.RaggedTensor.from_value_rowids(
        tf.stack([first, last, spans.label], 1), spans.row, pieces.token_ids.nrows()
    )
    ends = tf.gather(by_row.row_lengths(), windows.row)
    by_window = slices(by_row, windows.row, tf.zeros_like(ends), ends)
    flat, window = by_window.flat_values, by_window.value_rowids()
    start, end = (tf.cast(tf.gather(values, window), tf.int32) for values in (windows.start, windows.end))
    inside = (flat[:, 0] >= start) & (flat[:, 1] < end)
    moved = flat + tf.stack([1 - start, 1 - start, tf.zeros_like(start)], 1)
    return tf.ragged.boolean_mask(by_window.with_flat_values(moved), by_window.with_flat_values(inside))
