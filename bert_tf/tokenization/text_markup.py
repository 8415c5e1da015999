"""HTML in texts, in the graph: what :func:`bert_tf.tokenization.markup.without_html` does in Python."""

from __future__ import annotations

import html
from html.entities import html5

import tensorflow as tf

from bert_tf.tokenization.markup import INLINE_NAMES, OTHER_NAMES, TAG, UNSEEN
from bert_tf.tokenization.traced_text import Change, TracedText, replace

# Of the names that begin alike, the longest comes first.
_ENTITY = rf"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|{'|'.join(sorted(html5, reverse=True))})"
_BREAKING_NAME = f"{'|'.join(sorted(OTHER_NAMES))}|.*[:-].*"
_LAST_CHARACTER = 0x10FFFF
_DIGITS = 7  # of the last character; a number of more is none
# What a number stands for that is no character, or another one than its own.
_MISREAD = {
    number: character
    for number in (
        *range(0xA0),
        *range(0xFDD0, 0xFDF0),
        *(16**4 * plane + end for plane in range(17) for end in (0xFFFE, 0xFFFF)),
    )
    if (character := html.unescape(f"&#{number};")) != chr(number)
}


def without_html(texts: TracedText) -> TracedText:
    """Removes tags, comments, scripts and styles and decodes entities, as deep as they are nested."""

    def once(trace: TracedText) -> TracedText:
        return trace.then(_without_unseen).then(_without_tags).then(_decode_entities)

    return texts.until_unchanged(once)


def _without_unseen(texts: tf.Tensor) -> Change:
    return replace(texts, f"(?s){UNSEEN}", lambda found: tf.fill(tf.shape(found), " "))


def _without_tags(texts: tf.Tensor) -> Change:
    def instead(tags: tf.Tensor) -> tf.Tensor:
        names = tf.strings.lower(tf.strings.regex_replace(tags, r"(?s)^</?([A-Za-z0-9_:-]+).*$", r"\1"))
        others = tf.where(tf.strings.regex_full_match(names, _BREAKING_NAME), " ", tags)
        return tf.where(tf.strings.regex_full_match(names, "|".join(sorted(INLINE_NAMES))), "", others)

    return replace(texts, TAG, instead)


def _decode_entities(texts: tf.Tensor) -> Change:
    def instead(entities: tf.Tensor) -> tf.Tensor:
        unique, which = tf.unique(entities)
        names = list(html5)
        same = unique[:, None] == tf.constant([f"&{name}" for name in names])[None]
        named = tf.gather(tf.constant([html5[name] for name in names]), tf.argmax(same, 1))
        is_number = tf.strings.regex_full_match(unique, "&#.*")
        numbered = _characters(tf.where(is_number, unique, "&#0"))
        return tf.gather(tf.where(is_number, numbered, named), which)

    return replace(texts, _ENTITY, instead)


def _characters(entities: tf.Tensor) -> tf.Tensor:
    """``&#65;`` or ``&#x41;``, ``(n,)`` string, to the characters."""
    base = tf.where(tf.strings.regex_full_match(entities, "&#[xX].*"), 16, 10)
    digits = tf.strings.regex_replace(entities, "^&#[xX]?0*|;$", "")
    too_large = tf.strings.length(digits) > _DIGITS
    codes = tf.strings.unicode_decode(tf.where(too_large, "", digits), "UTF-8")
    row = codes.value_rowids()
    digit = tf.where(codes.flat_values <= ord("9"), codes.flat_values - ord("0"), codes.flat_values % 32 + 9)
    place = tf.cast(tf.gather(codes.row_limits(), row) - 1, tf.int32) - tf.range(tf.size(row))
    values = digit * tf.gather(base, row) ** place
    number = tf.math.unsorted_segment_sum(values, tf.cast(row, tf.int32), tf.size(entities))
    too_large |= (number > _LAST_CHARACTER) | ((number >= 0xD800) & (number < 0xE000))
    characters = tf.strings.unicode_encode(tf.where(too_large, 0xFFFD, number)[:, None], "UTF-8")
    misread = number[:, None] == tf.constant(list(_MISREAD))[None]
    others = tf.gather(tf.constant(list(_MISREAD.values())), tf.argmax(misread, 1))
    return tf.where(tf.reduce_any(misread, 1) & ~too_large, others, characters)
