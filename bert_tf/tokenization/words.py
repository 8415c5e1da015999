"""Which word pieces begin a word: words as BERT parts them, or as people who tag tokens do."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Literal

import keras_hub
import tensorflow as tf

from bert_tf.tokenization import character_classes as classes

WordLimits = Literal["punctuation", "spaces"]
"""``punctuation``: each punctuation character is a word, as BERT has it. ``spaces``: inside what stands between spaces,
only ``, ; ! ( ) [ ] { } < > | " ``` and what is not ASCII part words, so that ``don't``, ``U.S``, ``3.5`` and a URL are
one word each, as are ``@name``, ``#tag`` and ``$5``; other punctuation at an end of it is apart, so is an English
``'s``, and ``...`` is one word."""

JOINERS = frozenset("#$%&'*+-./:=?@\\^_~\u2019")
"""What a word may have inside."""

PREFIXES = frozenset("@#$")
"""What a word may begin with. A name in ``@name`` is no name in the text, and must not be trained as such a word."""

_ALONE = re.compile(
    "[" + re.sub(r"\\x\{(\w+)\}", lambda code: f"\\U{int(code[1], 16):08x}", classes.BETWEEN_WORDS) + "]"
)


def begins_word(
    tokenizer: keras_hub.models.Tokenizer,
    token_ids: tf.RaggedTensor,
    starts: tf.RaggedTensor,
    ends: tf.RaggedTensor,
    limits: WordLimits,
) -> tf.Tensor:
    """Whether each piece begins a word.

    Args:
        tokenizer: BERT's.
        token_ids: ``(batch, None)`` int32, as ``starts`` and ``ends``: what ``tokenize_with_offsets`` returns.
        starts: first character of each piece.
        ends: the place after its last.
        limits: what parts words.

    Returns:
        ``(pieces,)`` bool, for the pieces of all texts one after the other.
    """
    vocabulary = tokenizer.get_vocabulary()
    ids = token_ids.flat_values

    def which(test: Callable[[str], bool]) -> tf.Tensor:
        return tf.gather(tf.constant([bool(test(token)) for token in vocabulary]), ids)

    # The vocabulary may have "##" as a word; what begins a text is no continuation.
    begins_text = tf.ragged.range(token_ids.row_lengths()).flat_values == 0
    begins = ~which(lambda token: token.startswith(tokenizer.suffix_indicator)) | begins_text
    if limits == "punctuation":
        return begins

    joins = which(JOINERS.__contains__)
    prefixes = which(PREFIXES.__contains__)
    # What is unknown may be any character.
    alone = which(lambda token: token == tokenizer.oov_token or (len(token) == 1 and _ALONE.match(token) is not None))
    parts = alone & ~joins
    touches = ~begins_text & (starts.flat_values <= _before(ends.flat_values))

    begins_chunk = ~touches | parts | _before(parts)
    chunk = tf.cumsum(tf.cast(begins_chunk, tf.int32)) - 1
    is_word = ~joins & ~parts
    before_word = tf.concat([is_word[1:] & (chunk[1:] == chunk[:-1]), tf.zeros_like(is_word[:1])], 0)
    is_word = tf.cast(is_word | (prefixes & before_word), tf.int32)
    place = tf.cumsum(is_word, exclusive=True)
    count = tf.reduce_sum(tf.cast(begins_chunk, tf.int32))
    first = tf.gather(tf.math.unsorted_segment_min(place, chunk, count), chunk)
    last = tf.gather(tf.math.unsorted_segment_max(place + is_word, chunk, count), chunk)
    inside = (place > first) & (place < last)
    # Obama's: a name, and what is none.
    s = which({"s", "S"}.__contains__) & _before(which({"'", "\u2019"}.__contains__))
    s &= ~begins_chunk & (place + 1 == last)
    inside &= ~s & ~tf.concat([s[1:], tf.zeros_like(s[:1])], 0)
    again = touches & (ids == _before(ids)) & which(set(string.punctuation).__contains__)
    return begins & ~inside & ~again


def _before(values: tf.Tensor) -> tf.Tensor:
    """The value before each, ``(n,)``; the first has itself before it."""
    return tf.concat([values[:1], values[:-1]], 0)
