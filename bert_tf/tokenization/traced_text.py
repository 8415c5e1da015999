"""Texts that change step by step in the graph, and know for each character what it stands for in the text given."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Change(NamedTuple):
    """What a step made of texts ``(batch,)``. Characters are numbered through the texts of the batch.

    Attributes:
        texts: ``(batch,)`` string.
        first: ``(characters,)`` int32, of each new character the first old one that it stands for.
        last: the last one.
    """

    texts: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor


class TracedText(NamedTuple):
    """Texts, and the place of each of their characters among those of the texts given.

    Attributes:
        texts: ``(batch,)`` string, valid UTF-8.
        starts: ``(characters,)`` int32, the first character given that it stands for.
        ends: ``(characters,)`` int32, the place after the last one.
    """

    texts: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor

    @classmethod
    def of(cls, texts: tf.Tensor) -> TracedText:
        """Texts ``(batch,)`` as they are."""
        places = tf.range(tf.reduce_sum(character_counts(texts)))
        return cls(texts, places, places + 1)

    def then(self, step: Callable[[tf.Tensor], Change]) -> TracedText:
        """The texts after one more step."""
        texts, first, last = step(self.texts)
        return TracedText(texts, tf.gather(self.starts, first), tf.gather(self.ends, last))

    def until_unchanged(self, steps: Callable[[TracedText], TracedText]) -> TracedText:
        """The texts after as many rounds of steps as change any."""

        def round_(_: tf.Tensor, *before: tf.Tensor) -> tuple[tf.Tensor, ...]:
            after = steps(TracedText(*before))
            return tf.reduce_any(after.texts != before[0]), *after

        shapes = [tf.TensorShape([]), self.texts.shape, tf.TensorShape([None]), tf.TensorShape([None])]
        _, *trace = tf.while_loop(lambda changed, *_: changed, round_, [tf.constant(True), *self], shapes)
        return TracedText(*trace)


def character_counts(texts: tf.Tensor) -> tf.Tensor:
    """Unicode code points of each text, as int32."""
    return tf.strings.length(texts, unit="UTF8_CHAR")


def rows_of(lengths: tf.Tensor) -> tf.Tensor:
    """The row of each value of rows of these lengths ``(rows,)`` int32; in a tenth of the ops of ``value_rowids``."""
    return tf.searchsorted(tf.cumsum(lengths), tf.range(tf.reduce_sum(lengths)), side="right")


def replace(texts: tf.Tensor, pattern: str, replacement: Callable[[tf.Tensor], tf.Tensor]) -> Change:
    """Replaces every match of a regular expression; the new characters stand for the whole of it.

    Args:
        texts: ``(batch,)`` string.
        pattern: of RE2; none of its matches is empty.
        replacement: from matches ``(matches,)`` string to what takes their places.
    """
    # This byte is in no text. (tf_text.regex_split does not read behind a zero byte.)
    pieces = tf.strings.split(tf.strings.regex_replace(texts, pattern, b"\xff\\0\xff"), b"\xff")
    old = pieces.flat_values
    place = tf.range(tf.size(old)) - tf.gather(tf.cast(pieces.row_starts(), tf.int32), pieces.value_rowids())
    is_match = place % 2 == 1  # each match stands between two others
    new = tf.tensor_scatter_nd_update(old, tf.where(is_match), replacement(tf.boolean_mask(old, is_match)))
    old_sizes, new_sizes = character_counts(old), character_counts(new)
    piece = rows_of(new_sizes)
    begin = tf.gather(tf.cumsum(old_sizes, exclusive=True), piece)
    end = begin + tf.gather(old_sizes, piece) - 1
    place = begin + tf.range(tf.size(piece)) - tf.gather(tf.cumsum(new_sizes, exclusive=True), piece)
    whole = tf.gather(is_match, piece)
    joined = tf.strings.reduce_join(pieces.with_flat_values(new), axis=-1)
    return Change(joined, tf.where(whole, begin, place), tf.where(whole, end, place))


def is_in(ranges: str, characters: tf.Tensor) -> tf.Tensor:
    """Whether code points ``(n,)`` int32 belong to a class such as ``a-zà``, written as between ``[`` and ``]``."""
    pairs = sorted(
        (ord(first), ord(last or first) + 1) for first, last in re.findall("(.)(?:-(.))?", ranges, re.DOTALL)
    )
    bounds = tf.constant([bound for pair in pairs for bound in pair], tf.int32)
    return tf.searchsorted(bounds, characters, side="right") % 2 == 1
