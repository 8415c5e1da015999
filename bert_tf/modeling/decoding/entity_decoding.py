"""From a model's scores for tags or spans in windows to the entities of whole texts, in the graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.modeling.layers.crf import ConditionalRandomField, marginals, viterbi
from bert_tf.modeling.mask_values import MASKED_IN_HALF_PRECISION
from bert_tf.tokenization.pieces import Pieces


class Entities(NamedTuple):
    """Of a batch of texts, in the order of the texts and of their characters; ``(entities,)`` each.

    Attributes:
        row: int64, the text.
        start: int32, the first character.
        end: int32, the place after the last.
        label: int32.
        score: float32, a probability.
    """

    row: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor
    label: tf.Tensor
    score: tf.Tensor


def decode_tags(pieces: Pieces, outputs: tf.Tensor, crf: ConditionalRandomField | None = None) -> Entities:
    """The best sequence of IOB2 tags in which every I follows a B or I of its label, over each text as a whole.

    Args:
        pieces: of the texts.
        outputs: ``(windows, seq_len, tags)`` float32: logits, or emissions of ``crf``.
        crf: joins the tags, if there is one.

    Returns:
        The entities; the score is the mean probability of their tags.
    """
    windows = pieces.windows
    seen = tf.ragged.range(windows.own_start - windows.start + 1, windows.own_end - windows.start + 1)
    units = pieces.units(tf.gather_nd(outputs, tf.stack([seen.value_rowids(), seen.flat_values], 1)))
    tags = int(outputs.shape[2])
    longest = tf.maximum(units.bounding_shape(1), 1)
    emissions = units.to_tensor(shape=tf.stack([units.nrows(), longest, tags]))
    emissions = tf.ensure_shape(emissions, [None, None, tags])
    mask = tf.sequence_mask(units.row_lengths(), longest)
    transitions, first = _grammar(tags)
    if crf is None:
        scores = (tf.constant(transitions), tf.constant(first), tf.zeros_like(first))
        emissions = tf.nn.log_softmax(emissions)
        probabilities = tf.exp(emissions)
    else:
        learned = crf.scores()
        scores = (learned[0] + transitions, learned[1] + first, learned[2])
        probabilities = marginals(emissions, mask, scores)
    best = viterbi(emissions, mask, scores)
    probability = tf.boolean_mask(tf.gather(probabilities, best, batch_dims=2), mask)
    chosen = tf.boolean_mask(best, mask)
    begins = chosen % 2 == 1
    number = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    count = tf.reduce_sum(tf.cast(begins, tf.int32))
    number = tf.where(chosen > 0, number, -1)  # a negative segment is left out
    return Entities(
        tf.boolean_mask(pieces.unit_row, begins),
        tf.boolean_mask(pieces.unit_start, begins),
        tf.math.unsorted_segment_max(pieces.unit_end, number, count),
        tf.boolean_mask(chosen, begins) // 2,
        tf.math.unsorted_segment_mean(probability, number, count),
    )


def decode_spans(pieces: Pieces, outputs: tf.Tensor) -> Entities:
    """Every span whose score is above 0, from the window that sees most around it.

    Args:
        pieces: of the texts.
        outputs: ``(windows, labels, seq_len, seq_len)`` float32, by first and last piece.

    Returns:
        The entities, nested and overlapping ones too; the score is the sigmoid of the span's.
    """
    windows = pieces.windows
    found = tf.where(outputs > 0)
    window, label, first, last = tf.unstack(found, axis=1)
    start, end, own_start, own_end = (
        tf.gather(values, window) for values in (windows.start, windows.end, windows.own_start, windows.own_end)
    )
    in_text = start - 1  # place 0 of a window is [CLS]
    # Twice the middle, which then is no fraction: of two windows, the one that has the middle sees more around it.
    middle = first + last + 2 * in_text
    keep = (first >= 1) & (last <= end - start) & (middle >= 2 * own_start) & (middle < 2 * own_end)
    row = tf.gather(windows.row, window)
    offset = tf.where(keep, tf.gather(pieces.token_ids.row_starts(), row) + in_text, 0)
    is_unit = pieces.is_unit.flat_values
    kept = tf.where(keep)[:, 0]
    first_piece, last_piece = (tf.gather(place + offset, kept) for place in (first, last))
    both = tf.gather(is_unit, first_piece) & tf.gather(is_unit, last_piece)
    kept, first_piece, last_piece = (tf.boolean_mask(values, both) for values in (kept, first_piece, last_piece))
    unit = tf.cumsum(tf.cast(is_unit, tf.int64)) - 1
    first_unit, last_unit = tf.gather(unit, first_piece), tf.gather(unit, last_piece)
    order = tf.argsort(first_unit * tf.size(unit, tf.int64) + last_unit, stable=True)
    columns = (
        tf.gather(row, kept),
        tf.gather(pieces.unit_start, first_unit),
        tf.gather(pieces.unit_end, last_unit),
        tf.cast(tf.gather(label, kept), tf.int32),
        tf.sigmoid(tf.gather_nd(outputs, tf.gather(found, kept))),
    )
    return Entities(*(tf.gather(values, order) for values in columns))


def _grammar(tags: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of transitions and of first tags that forbid an I after anything but its own B or I."""
    transitions, first = np.zeros((tags, tags), np.float32), np.zeros(tags, np.float32)
    for inside in range(2, tags, 2):
        first[inside] = MASKED_IN_HALF_PRECISION
        transitions[:, inside] = MASKED_IN_HALF_PRECISION
        transitions[[inside - 1, inside], inside] = 0.0
    return transitions, first
