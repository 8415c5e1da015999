"""Greedy and beam search as loops in the graph, for batches of any size.

KerasHub's samplers know no length penalty and no score, and their beam search tiles the model's memory; hence these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from bert_tf.modeling.mask_values import MASKED

Step = Callable[[tf.Tensor, tf.Tensor, Any], tuple[tf.Tensor, Any]]
"""``(ids (rows,) int32, position () int32, state) -> (logits of the next token (rows, vocabulary), state)``.

The rows are the texts, or their beams one after the other; every tensor of the state has them as its first dimension.
"""


class Found(NamedTuple):
    """What a search found.

    Attributes:
        ids: ``(batch, max_length)`` int32; 0 from the end token on.
        scores: ``(batch,)`` float32, see :func:`penalised`.
    """

    ids: tf.Tensor
    scores: tf.Tensor


def penalised(log_probabilities: tf.Tensor, length: Any, length_penalty: float) -> tf.Tensor:
    """Log-probability divided by ``((5 + length) / 6) ** length_penalty``; the end token counts in the length.

    Reference:
        Wu et al. 2016, equation 14.
    """
    return log_probabilities / ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** length_penalty


def greedy_search(
    step: Step, start_ids: tf.Tensor, state: Any, *, max_length: int, end_id: int, length_penalty: float = 0.0
) -> Found:
    """Takes the likeliest token, again and again.

    Args:
        step: the model.
        start_ids: what stands before the first token, ``(batch,)`` int32.
        state: the model's state before the first step.
        max_length: most tokens to write, the end token included.
        end_id: the token that ends a text.
        length_penalty: see :func:`penalised`; here it changes the score alone.
    """
    batch = tf.shape(start_ids)[0]

    def unfinished(
        position: tf.Tensor, last: Any, ids: Any, total: Any, lengths: Any, done: tf.Tensor, state: Any
    ) -> Any:
        return ~tf.reduce_all(done)

    def write(
        position: tf.Tensor, last: Any, ids: Any, total: tf.Tensor, lengths: tf.Tensor, done: tf.Tensor, state: Any
    ) -> Any:
        logits, state = step(last, position, state)
        log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
        chosen = tf.argmax(log_probabilities, -1, output_type=tf.int32)
        total += tf.where(done, 0.0, tf.reduce_max(log_probabilities, -1))
        lengths += tf.cast(~done, tf.int32)
        done |= chosen == end_id
        ids = _write(ids, position, tf.where(done, 0, chosen))
        return position + 1, chosen, ids, total, lengths, done, state

    start = (
        tf.constant(0),
        start_ids,
        tf.zeros([batch, max_length], tf.int32),
        tf.zeros([batch]),
        tf.zeros([batch], tf.int32),
        tf.zeros([batch], tf.bool),
        state,
    )
    _, _, ids, total, lengths, _, _ = _loop(unfinished, write, start, max_length)
    return Found(ids, penalised(total, lengths, length_penalty))


def beam_search(
    step: Step,
    start_ids: tf.Tensor,
    state: Any,
    *,
    beam_size: int,
    max_length: int,
    end_id: int,
    length_penalty: float = 0.0,
) -> Found:
    """Keeps the ``beam_size`` likeliest beginnings of each text, until as many texts have ended among them.

    A beginning that has not ended at ``max_length`` competes as it is. With one beam this is greedy search; with
    as many beams as there are sequences it finds the best of all.

    Args:
        step: the model.
        start_ids: what stands before the first token, ``(batch,)`` int32.
        state: the model's state before the first step, a row for each text.
        beam_size: beams of each text.
        max_length: most tokens to write, the end token included.
        end_id: the token that ends a text.
        length_penalty: see :func:`penalised`.

    Reference:
        Wu et al. 2016, section 7.
    """
    batch = tf.shape(start_ids)[0]
    beams = tf.range(beam_size)

    def unfinished(position: Any, last: Any, alive: Any, alive_ids: Any, ended: Any, ended_ids: Any, state: Any) -> Any:
        return ~tf.reduce_all(_has_all(ended))

    def write(
        position: tf.Tensor,
        last: tf.Tensor,
        alive: tf.Tensor,
        alive_ids: tf.Tensor,
        ended: tf.Tensor,
        ended_ids: tf.Tensor,
        state: Any,
    ) -> Any:
        logits, state = step(tf.reshape(last, [-1]), position, state)
        vocabulary = tf.shape(logits)[-1]
        log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
        totals = alive[:, :, None] + tf.reshape(log_probabilities, [batch, beam_size, vocabulary])
        # Twice as many as beams, so that enough go on even if every beam could end.
        best, places = tf.math.top_k(tf.reshape(totals, [batch, -1]), tf.minimum(2 * beam_size, beam_size * vocabulary))
        beam, token = places // vocabulary, places % vocabulary
        ids = _write(tf.gather(alive_ids, beam, batch_dims=1), position, token)
        ends = token == end_id

        # Only an end among the first beams counts: one further back is worse than beginnings that are still open.
        counts = ends & (tf.range(tf.shape(best)[1]) < beam_size) & (best > MASKED / 2) & ~_has_all(ended)[:, None]
        scores = tf.where(counts, penalised(best, position + 1, length_penalty), MASKED)
        ended, kept = tf.math.top_k(tf.concat([ended, scores], 1), beam_size)
        without_end = tf.where((tf.range(max_length) == position) & ends[:, :, None], 0, ids)
        ended_ids = tf.gather(tf.concat([ended_ids, without_end], 1), kept, batch_dims=1)

        alive, kept = tf.math.top_k(tf.where(ends, 2 * MASKED, best), beam_size)
        beam, last, alive_ids = (tf.gather(values, kept, batch_dims=1) for values in (beam, token, ids))
        rows = tf.reshape(tf.range(batch)[:, None] * beam_size + beam, [-1])
        state = tf.nest.map_structure(lambda value: tf.gather(value, rows), state)
        return position + 1, last, alive, alive_ids, ended, ended_ids, state

    nothing = tf.zeros([batch, beam_size, max_length], tf.int32)
    never = tf.fill([batch, beam_size], MASKED)
    start = (
        tf.constant(0),
        tf.repeat(start_ids[:, None], beam_size, 1),
        tf.where(beams == 0, 0.0, never),  # the beams are equal before the first token: one is enough
        nothing,
        never,
        nothing,
        tf.nest.map_structure(lambda value: tf.repeat(value, beam_size, 0), state),
    )
    position, _, alive, alive_ids, ended, ended_ids, _ = _loop(unfinished, write, start, max_length)
    open_scores = tf.where(
        _has_all(ended)[:, None] | (alive < MASKED / 2), MASKED, penalised(alive, position, length_penalty)
    )
    scores, ids = tf.concat([ended, open_scores], 1), tf.concat([ended_ids, alive_ids], 1)
    best = tf.argmax(scores, 1)
    return Found(tf.gather(ids, best, batch_dims=1), tf.gather(scores, best, batch_dims=1))


def _loop(condition: Callable[..., tf.Tensor], body: Callable[..., Any], start: Any, iterations: int) -> Any:
    """``tf.while_loop`` over tensors whose number of rows TensorFlow need not know."""
    shapes = tf.nest.map_structure(lambda v: tf.TensorShape([None, *v.shape[1:]] if v.shape.rank else []), start)
    return tf.while_loop(condition, body, start, shape_invariants=shapes, maximum_iterations=iterations)


def _has_all(ended: tf.Tensor) -> tf.Tensor:
    """Which texts have as many ended sequences as beams, ``(batch,)`` bool."""
    return tf.reduce_all(ended > MASKED / 2, 1)


def _write(ids: tf.Tensor, position: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """``ids`` ``(…, max_length)`` with ``tokens`` ``(…,)`` at ``position``."""
    return tf.where(tf.range(tf.shape(ids)[-1]) == position, tokens[..., None], ids)
