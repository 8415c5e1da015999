"""The best spans of a text that was read in windows, chosen in the graph."""

from __future__ import annotations

import tensorflow as tf

from bert_tf.modeling.mask_values import MASKED


def best_spans_of_windows(
    logits: tf.Tensor, may_start: tf.Tensor, may_end: tf.Tensor, n_best: int, max_tokens: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The best of all valid spans of each window: the sum of the logits of start and end counts.

    Args:
        logits: of start and end, ``(windows, seq_len, 2)`` float32.
        may_start: tokens at which a span may start, ``(windows, seq_len)`` bool.
        may_end: tokens at which a span may end, ``(windows, seq_len)`` bool.
        n_best: number of spans.
        max_tokens: length of the longest span.

    Returns:
        Scores, best first, and the places of the first and of the last token, each ``(windows, n_best)``; where there
        are fewer spans, scores of ``MASKED``.

    Reference:
        Devlin et al. 2018, section 4.2. All spans are tried, not only those between the 20 best starts and ends.
    """
    length = tf.shape(logits)[1]
    start = tf.where(may_start, logits[:, :, 0], MASKED)
    end = tf.pad(tf.where(may_end, logits[:, :, 1], MASKED), [[0, 0], [0, max_tokens]], constant_values=MASKED)
    ends = tf.gather(end, tf.range(length)[:, None] + tf.range(max_tokens)[None], axis=1)
    scores = tf.reshape(start[:, :, None] + ends, [-1, length * max_tokens])
    scores = tf.pad(scores, [[0, 0], [0, n_best]], constant_values=MASKED)
    best, which = _top(scores, n_best)
    first, tokens = which // max_tokens, which % max_tokens
    return tf.maximum(best, MASKED), first, first + tokens


def best_spans_of_records(scores: tf.Tensor, record: tf.Tensor, records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The best spans over all windows of each record.

    Args:
        scores: of the best spans of each window, ``(windows, n_best)`` float32.
        record: of each window, in order, ``(windows,)`` int32; every record has a window.
        records: number of records.

    Returns:
        Scores ``(records, n_best)``, best first, and where they stand in the flattened ``scores``, int32.
    """
    n_best = scores.shape[1]
    places = tf.reshape(tf.range(tf.size(scores)), tf.shape(scores))

    def by_record(values: tf.Tensor, filling: float | int) -> tf.Tensor:
        rows = tf.RaggedTensor.from_value_rowids(values, record, nrows=tf.cast(records, record.dtype))
        return tf.reshape(rows.to_tensor(filling), [records, -1])

    best, which = _top(by_record(scores, MASKED), n_best)
    return best, tf.gather(by_record(places, 0), which, batch_dims=1)


def _top(scores: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The highest scores of each row and their places.

    What differs by less than a thousandth counts as equal, and then the first one wins: in a text that repeats itself,
    the last bits of the scores, which depend on the machine and the batch, would choose otherwise.
    """
    _, which = tf.math.top_k(tf.round(scores * 1024), count)
    return tf.gather(scores, which, batch_dims=1), which
