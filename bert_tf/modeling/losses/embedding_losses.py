"""Losses that draw sentence vectors together or apart. All vectors have length 1, so that a dot product is a cosine.

Those that compare the examples of a batch see the examples they are given: in the training loop those of one device and
one accumulation piece.
"""

from __future__ import annotations

import tensorflow as tf

from bert_tf.modeling.mask_values import MASKED


def contrastive_loss(
    anchors: tf.Tensor,
    candidates: tf.Tensor,
    anchor_ids: tf.Tensor,
    candidate_ids: tf.Tensor,
    temperature: float,
) -> tf.Tensor:
    """Picks each anchor's own candidate among those of the whole batch.

    Args:
        anchors: ``(batch, dim)`` float32.
        candidates: ``(batch, dim)``, the positives, in the anchors' order; or ``(2 * batch, dim)``, hard negatives
            behind them.
        anchor_ids: ``(batch,)``, equal where the text is.
        candidate_ids: ``(batch,)``, of the positives. Equal texts are no negatives of one another.
        temperature: divides the cosines.

    Returns:
        ``(batch,)`` float32.

    Reference:
        InfoNCE (van den Oord et al. 2018, equation 4) with in-batch negatives, also called multiple negatives ranking
        (Henderson et al. 2017, section 4); with a text as its own positive, SimCSE (Gao et al. 2021, equation 4).
    """
    batch = tf.shape(anchors)[0]
    logits = tf.matmul(anchors, candidates, transpose_b=True) / temperature
    same = (candidate_ids[:, None] == candidate_ids[None]) | (anchor_ids[:, None] == anchor_ids[None])
    hidden = same & ~tf.eye(batch, dtype=tf.bool)
    hidden = tf.concat([hidden, tf.zeros([batch, tf.shape(candidates)[0] - batch], tf.bool)], 1)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(batch), tf.where(hidden, MASKED, logits))


def cosent_loss(cosines: tf.Tensor, scores: tf.Tensor, counted: tf.Tensor, temperature: float) -> tf.Tensor:
    """A pair that is scored higher than another should be closer: only the order of the scores counts.

    Args:
        cosines: of each pair, ``(batch,)`` float32.
        scores: the true ones, ``(batch,)`` float32.
        counted: ``(batch,)`` bool; pairs of which no more is to be learned, such as repeated ones, are False.
        temperature: divides the cosines.

    Returns:
        The loss of the batch, a scalar float32: ``log(1 + Σ exp((cos_j - cos_i) / temperature))`` over all pairs with
        ``score_i > score_j``.

    Reference:
        CoSENT (Su 2022, https://kexue.fm/archives/8847).
    """
    differences = (cosines[None] - cosines[:, None]) / temperature
    wanted = (scores[:, None] > scores[None]) & counted[:, None] & counted[None]
    terms = tf.reshape(tf.where(wanted, differences, MASKED), [-1])
    return tf.reduce_logsumexp(tf.concat([[0.0], terms], 0))


def triplet_loss(anchors: tf.Tensor, positives: tf.Tensor, negatives: tf.Tensor, margin: float) -> tf.Tensor:
    """The positive should be closer than the negative by a margin, in cosine: ``(batch,)`` float32.

    Reference:
        Schroff et al. 2015, equation 2; Reimers & Gurevych 2019, section 3.
    """
    return tf.nn.relu(margin + cosine(anchors, negatives) - cosine(anchors, positives))


def cosine(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Of vectors of length 1: ``(batch, dim)`` twice to ``(batch,)``."""
    return tf.reduce_sum(first * second, -1)


def first_of_equals(*ids: tf.Tensor) -> tf.Tensor:
    """Whether no example before has the same ids, ``(batch,)`` bool: a batch's filling repeats one of its rows."""
    equal = tf.reduce_all(tf.stack([values[:, None] == values[None] for values in ids]), 0)
    before = tf.linalg.band_part(tf.cast(equal, tf.int32), -1, 0) - tf.linalg.diag(tf.ones_like(ids[0], tf.int32))
    return tf.reduce_sum(before, 1) == 0
