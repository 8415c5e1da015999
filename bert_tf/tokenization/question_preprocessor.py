"""Questions with long contexts to model inputs: overlapping windows that know which characters they hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import keras_hub
import tensorflow as tf

from bert_tf.tokenization.offsets import tokenize_with_offsets
from bert_tf.tokenization.text_preprocessor import TextPreprocessor

SHORTEST_CONTEXT = 8
"""Context tokens that a window has room for at least, whatever the question is."""


class QuestionWindows(NamedTuple):
    """The windows of a batch of records, those of one record one behind the other.

    Attributes:
        features: ragged model inputs, ``(windows, None)`` int32.
        record: which record a window is of, ``(windows,)`` int32.
        context_place: where in the window the context begins, ``(windows,)`` int32.
        first: the number, in the record's context, of the window's first context token, ``(windows,)`` int32.
        after: the number of the first context token behind the window, ``(windows,)`` int32.
        own_first: from this context token on, no other window sees more on both sides, ``(windows,)`` int32.
        own_after: up to this one, exclusive, ``(windows,)`` int32.
        starts: where each context token starts in its text, in code points, ``(batch, None)`` int32.
        ends: where it ends.
    """

    features: dict[str, tf.RaggedTensor]
    record: tf.Tensor
    context_place: tf.Tensor
    first: tf.Tensor
    after: tf.Tensor
    own_first: tf.Tensor
    own_after: tf.Tensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


@keras.saving.register_keras_serializable(package="bert_tf")
class QuestionPreprocessor(TextPreprocessor):
    """A :class:`TextPreprocessor` of pairs of a question and a context of any length.

    Args:
        tokenizer: BERT's.
        sequence_length: longest window in tokens, question and special tokens included.
        segment_ids: whether the backbone takes ``segment_ids``.
        stride: context tokens from the start of a window to that of the next.
        max_query_length: tokens of a question that are read.

    Raises:
        ValueError: a window has no room for the context.

    Reference:
        google-research/bert, run_squad.py, convert_examples_to_features.
    """

    def __init__(
        self,
        tokenizer: keras_hub.models.Tokenizer,
        sequence_length: int = 384,
        segment_ids: bool = True,
        stride: int = 128,
        max_query_length: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(tokenizer, sequence_length, segment_ids, **kwargs)
        self.stride = stride
        self.max_query_length = max_query_length
        self.special_tokens = 2 + self._separators_between()
        if sequence_length < max_query_length + self.special_tokens + SHORTEST_CONTEXT:
            raise ValueError(
                f"{sequence_length} tokens have no room for {max_query_length} of the question, "
                f"{self.special_tokens} special ones and {SHORTEST_CONTEXT} of the context"
            )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "stride": self.stride, "max_query_length": self.max_query_length}

    def windows(self, questions: tf.Tensor, contexts: tf.Tensor) -> QuestionWindows:
        """Cuts ``(batch,)`` string questions and contexts into windows; an empty context has one window too."""
        asked = self.tokenize(questions)[:, : self.max_query_length]
        cleaned = self.clean_with_offsets(contexts)
        tokens, starts, ends = tokenize_with_offsets(self.tokenizer, cleaned.texts)
        starts, ends = cleaned.in_given(starts, ends)
        asked_lengths, lengths = (tf.cast(rows.row_lengths(), tf.int32) for rows in (asked, tokens))
        room = self.sequence_length - self.special_tokens - asked_lengths
        stride = tf.minimum(room, self.stride)
        number = tf.ragged.range(1 - tf.minimum(room - lengths, 0) // stride)
        record = tf.cast(number.value_rowids(), tf.int32)

        first = number.flat_values * tf.gather(stride, record)
        after = tf.minimum(first + tf.gather(room, record), tf.gather(lengths, record))
        token_starts = tf.gather(tf.cast(tokens.row_starts(), tf.int32), record)
        places = tf.ragged.range(first + token_starts, after + token_starts)
        cut = places.with_flat_values(tf.gather(tokens.flat_values, places.flat_values))
        own_first, own_after = _own_tokens(first, after, places, tf.size(tokens.flat_values))
        return QuestionWindows(
            features=self.pack_tokens(tf.gather(asked, record), cut),
            record=record,
            context_place=tf.gather(asked_lengths, record) + self.special_tokens - 1,
            first=first,
            after=after,
            own_first=own_first,
            own_after=own_after,
            starts=starts,
            ends=ends,
        )


def _own_tokens(
    first: tf.Tensor, after: tf.Tensor, places: tf.RaggedTensor, token_count: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The context tokens of which a window shows the most: the larger of the smaller sides counts (run_squad.py).

    Args:
        first: ``(windows,)`` int32.
        after: ``(windows,)`` int32.
        places: which token of the batch each context token of a window is, ``(windows, None)`` int32.
        token_count: context tokens of the batch.

    Returns:
        The first own token of each window, and the first behind the own ones.
    """
    window = tf.cast(places.value_rowids(), tf.int32)
    token = places.flat_values
    size = tf.cast(places.row_lengths(), tf.int32)
    left = tf.ragged.range(size).flat_values
    shown = 100 * tf.minimum(left, tf.gather(size, window) - 1 - left) + tf.gather(size, window)
    most = tf.math.unsorted_segment_max(shown, token, token_count)
    windows = tf.size(first)
    owner = tf.math.unsorted_segment_min(tf.where(shown == tf.gather(most, token), window, windows), token, token_count)
    # Each window's own tokens stand together: as a function of the token, what a window shows is a tent, and all tents
    # are equally steep.
    own = tf.gather(owner, token) == window
    number = left + tf.gather(first, window)
    count = tf.math.unsorted_segment_sum(tf.cast(own, tf.int32), window, windows)
    own_first = tf.math.unsorted_segment_min(tf.where(own, number, number.dtype.max), window, windows)
    own_first = tf.where(count > 0, own_first, after)
    return own_first, own_first + count
