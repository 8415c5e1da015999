"""A linear-chain conditional random field: exact log-likelihood, marginals and Viterbi, in TensorFlow ops.

In all of them ``mask`` may have gaps: what is masked is passed over, as if it were not there.

Reference:
    Lafferty et al. 2001; Huang et al. 2015 (as the last layer of a tagger).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="bert_tf")
class ConditionalRandomField(keras.layers.Layer):
    """Holds the scores of transitions; passes the emissions through, ``(batch, seq_len, tags)`` float32.

    Args:
        tags: number of tags.
        learning_rate_multiplier: the scores are this many times the stored weights, so that an optimiser whose steps
            do not depend on the gradient's size, as Adam's, moves them that much faster than the backbone: at its
            learning rate they would hardly leave 0.
    """

    def __init__(self, tags: int, learning_rate_multiplier: float = 100.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tags = tags
        self.learning_rate_multiplier = learning_rate_multiplier

    def build(self, input_shape: Any) -> None:
        def weight(name: str, shape: tuple[int, ...]) -> Any:
            return self.add_weight(name=f"{name}_bias", shape=shape, initializer="zeros", dtype="float32")

        self._transitions = weight("transitions", (self.tags, self.tags))
        self._first = weight("first", (self.tags,))
        self._last = weight("last", (self.tags,))
        self.built = True

    def call(self, emissions: Any) -> Any:
        return keras.ops.cast(emissions, "float32")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "tags": self.tags, "learning_rate_multiplier": self.learning_rate_multiplier}

    def scores(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Scores of a tag after another ``(tags, tags)``, of the first tag ``(tags,)`` and of the last ``(tags,)``."""
        scale = self.learning_rate_multiplier
        return tuple(scale * tf.convert_to_tensor(w.value) for w in (self._transitions, self._first, self._last))


Scores = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def log_likelihood(emissions: tf.Tensor, tags: tf.Tensor, mask: tf.Tensor, scores: Scores) -> tf.Tensor:
    """Logarithm of the probability of a sequence of tags.

    Args:
        emissions: ``(batch, seq_len, tags)`` float32.
        tags: ``(batch, seq_len)`` int32; any value where masked.
        mask: ``(batch, seq_len)`` bool.
        scores: from :meth:`ConditionalRandomField.scores`.

    Returns:
        ``(batch,)`` float32; 0 for a row of which nothing is left.
    """
    transitions, first, last = scores
    count = tf.shape(emissions)[2]
    tags = tf.where(mask, tags, 0)
    emitted = tf.gather(emissions, tags, batch_dims=2)

    def step(state: tuple[tf.Tensor, ...], inputs: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        begun, tag, score = state
        here, next_tag, emission = inputs
        pair = tf.gather(tf.reshape(transitions, [-1]), tag * count + next_tag)
        added = tf.where(begun, pair, tf.gather(first, next_tag)) + emission
        return begun | here, tf.where(here, next_tag, tag), score + tf.where(here, added, 0.0)

    start = (tf.zeros_like(mask[:, 0]), tf.zeros_like(tags[:, 0]), tf.zeros_like(emissions[:, 0, 0]))
    begun, tag, score = tf.foldl(step, (_time_major(mask), _time_major(tags), _time_major(emitted)), start)
    score += tf.where(begun, tf.gather(last, tag), 0.0)
    return score - tf.where(begun, log_partition(emissions, mask, scores), 0.0)


def log_partition(emissions: tf.Tensor, mask: tf.Tensor, scores: Scores) -> tf.Tensor:
    """Logarithm of the sum of the scores' exponentials over all sequences of tags, ``(batch,)`` float32."""
    return tf.reduce_logsumexp(_forward(emissions, mask, scores)[-1] + scores[2], -1)


def marginals(emissions: tf.Tensor, mask: tf.Tensor, scores: Scores) -> tf.Tensor:
    """Probability of each tag at each place, whatever the others are: ``(batch, seq_len, tags)`` float32."""
    transitions, _, last = scores

    def step(after: tf.Tensor, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        emission, here = inputs
        before = tf.reduce_logsumexp((after + emission)[:, None] + transitions, -1)
        return tf.where(here[:, None], before, after)

    forward = _forward(emissions, mask, scores)
    end = tf.zeros_like(emissions[:, 0]) + last
    inputs = (_time_major(emissions), _time_major(mask))
    # What is scanned is the score of all that comes after a place, the place itself included.
    including = tf.scan(step, inputs, end, reverse=True)
    after = tf.concat([including[1:], end[None]], 0)
    # Every place's sum is the same, the partition function; a sum of its own keeps rounding from a probability above 1.
    return tf.transpose(tf.nn.softmax(forward + after), [1, 0, 2])


def viterbi(emissions: tf.Tensor, mask: tf.Tensor, scores: Scores) -> tf.Tensor:
    """The most probable sequence of tags, ``(batch, seq_len)`` int32; masked places repeat the tag before them."""
    transitions, first, last = scores
    count = tf.shape(emissions)[2]
    stay = tf.range(count)[None]

    def step(state: tuple[tf.Tensor, ...], inputs: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        best, begun, _ = state
        emission, here = inputs
        ways = best[:, :, None] + transitions
        reached = tf.where(begun[:, None], tf.reduce_max(ways, 1), first + tf.zeros_like(best)) + emission
        came_from = tf.where(begun[:, None], tf.argmax(ways, 1, tf.int32), stay)
        here = here[:, None]
        return (
            tf.where(here, reached, best),
            begun | here[:, 0],
            tf.where(here, came_from, stay + tf.zeros_like(came_from)),
        )

    start = (tf.zeros_like(emissions[:, 0]), tf.zeros_like(mask[:, 0]), tf.zeros_like(emissions[:, 0], tf.int32))
    best, _, came_from = tf.scan(step, (_time_major(emissions), _time_major(mask)), start)
    final = tf.argmax(best[-1] + last, -1, tf.int32)
    before = tf.scan(lambda tag, back: tf.gather(back, tag, batch_dims=1), came_from, final, reverse=True)
    return tf.transpose(tf.concat([before[1:], final[None]], 0))


def _forward(emissions: tf.Tensor, mask: tf.Tensor, scores: Scores) -> tf.Tensor:
    """Score of all sequences that end at a place with a tag, ``(seq_len, batch, tags)``."""
    transitions, first, _ = scores

    def step(state: tuple[tf.Tensor, tf.Tensor], inputs: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        before, begun = state
        emission, here = inputs
        reached = tf.reduce_logsumexp(before[:, :, None] + transitions, 1)
        reached = tf.where(begun[:, None], reached, first + tf.zeros_like(reached)) + emission
        return tf.where(here[:, None], reached, before), begun | here

    start = (tf.zeros_like(emissions[:, 0]), tf.zeros_like(mask[:, 0]))
    return tf.scan(step, (_time_major(emissions), _time_major(mask)), start)[0]


def _time_major(values: tf.Tensor) -> tf.Tensor:
    return tf.transpose(values, [1, 0, *range(2, values.shape.rank)])
