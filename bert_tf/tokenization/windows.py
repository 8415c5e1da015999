"""Overlapping windows over texts that are longer than the model, in the graph."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Windows(NamedTuple):
    """Windows of the rows of a ragged tensor, in their order.

    Attributes:
        row: ``(windows,)`` the row each is cut from.
        start: ``(windows,)`` its first place in the row.
        end: ``(windows,)`` the place after its last.
        own_start: ``(windows,)`` first of the places that it sees with more context than the other windows; these
            ranges follow one another and make up the row.
        own_end: ``(windows,)`` the place after the last of them.
    """

    row: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor
    own_start: tf.Tensor
    own_end: tf.Tensor


def cut_windows(lengths: tf.Tensor, size: int, overlap: int) -> Windows:
    """Cuts rows into windows that overlap; the last of a row ends with it and overlaps more.

    Args:
        lengths: ``(rows,)`` integer.
        size: places of a window.
        overlap: places that two windows share at least; at most half of ``size`` is used.

    Returns:
        At least one window a row, all int64; two windows part what they share in its middle.
    """
    lengths = tf.cast(lengths, tf.int64)
    step = size - min(overlap, size // 2)
    counts = 1 + tf.maximum(-(-(lengths - size) // step), 0)
    row = tf.repeat(tf.range(tf.size(lengths, tf.int64)), counts)
    number = tf.ragged.range(counts).flat_values
    total = tf.gather(lengths, row)
    start = tf.minimum(number * step, tf.maximum(total - size, 0))
    end = tf.minimum(start + size, total)
    is_first = number == 0
    is_last = number == tf.gather(counts, row) - 1
    between = (start[1:] + end[:-1]) // 2
    own_start = tf.where(is_first, tf.zeros_like(start), tf.concat([start[:1], between], 0))
    own_end = tf.where(is_last, total, tf.concat([between, end[-1:]], 0))
    return Windows(row, start, end, own_start, own_end)


def slices(rows: tf.RaggedTensor, row: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.RaggedTensor:
    """``rows[row[i]][start[i]:end[i]]`` for every ``i``, as a ragged tensor."""
    begin = tf.gather(rows.row_starts(), row)
    places = tf.ragged.range(begin + start, begin + end)
    return places.with_flat_values(tf.gather(rows.flat_values, places.flat_values))
