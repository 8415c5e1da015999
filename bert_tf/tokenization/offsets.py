"""Where each word piece stands in the text it was cut from, in the graph."""

from __future__ import annotations

import re

import keras_hub
import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.errors import UserError
from bert_tf.tokenization import character_classes as classes
from bert_tf.tokenization.bert_tokenizer import MAX_WORD_CHARACTERS, ExactBertTokenizer

Pieces = tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]


def tokenize_with_offsets(tokenizer: keras_hub.models.Tokenizer, texts: tf.Tensor) -> Pieces:
    """Tokenises texts and tells for each piece which characters of its text it stands for.

    Offsets count the Unicode code points of the text as it was given, as Python's strings do: ``text[start:end]`` is
    the piece's surface with its accents, its width and its case. They equal those of Hugging Face's fast tokeniser,
    but that a combining mark which the tokeniser removes belongs to the piece before it (there, to none), so that the
    end of a ``café`` that is written with one is not cut off. Two pieces can stand for one character (the letters of a
    Hangul syllable). Bytes that are not UTF-8 do not count.

    Args:
        tokenizer: BERT's.
        texts: ``(batch,)`` string.

    Returns:
        ``token_ids``, ``starts`` and ``ends``, each ``(batch, None)`` int32, without ``[CLS]`` and ``[SEP]``; the ids
        are those of ``tokenizer.token_ids(texts)``.

    Raises:
        UserError: the tokeniser is not BERT's.
    """
    check_offsets(tokenizer)
    tokenizer._check_vocabulary()
    texts = tf.strings.unicode_transcode(tf.convert_to_tensor(texts), "UTF-8", "UTF-8", errors="ignore")
    if tokenizer.special_tokens_in_strings:
        return _with_special_tokens(tokenizer, texts)
    return _without_special_tokens(tokenizer, texts)


def check_offsets(tokenizer: keras_hub.models.Tokenizer) -> None:
    """Raises UserError if a tokeniser cannot tell where its pieces stand."""
    if not isinstance(tokenizer, ExactBertTokenizer):
        raise UserError(
            "--backbone: answers that point into the text need BERT's tokeniser, and this backbone has "
            f"{type(tokenizer).__name__}. Choose a BERT checkpoint."
        )


def _with_special_tokens(tokenizer: ExactBertTokenizer, texts: tf.Tensor) -> Pieces:
    """Cuts the texts at their special tokens, as :meth:`ExactBertTokenizer.token_ids` does."""
    pattern = "|".join(re.escape(token) for token in sorted({*tokenizer.special_tokens, tokenizer.oov_token}))
    parts = tf_text.regex_split(texts, delim_regex_pattern=pattern, keep_delim_regex_pattern=pattern)
    flat = parts.flat_values
    lengths = tf.strings.length(flat, unit="UTF8_CHAR")
    before = tf.cumsum(lengths, exclusive=True)
    offsets = before - _of_row_start(before, parts)
    is_special = tf.strings.regex_full_match(flat, pattern)
    _, starts, ends = _without_special_tokens(tokenizer, tf.where(is_special, "", flat))

    def join(special: tf.Tensor, others: tf.RaggedTensor) -> tf.RaggedTensor:
        one_or_none = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(special, is_special), tf.cast(is_special, tf.int64)
        )
        moved = others.with_flat_values(others.flat_values + tf.gather(offsets, others.value_rowids()))
        return parts.with_flat_values(tf.concat([one_or_none, moved], 1)).merge_dims(1, 2)

    return tokenizer.token_ids(texts), join(offsets, starts), join(offsets + lengths, ends)


def _without_special_tokens(tokenizer: ExactBertTokenizer, texts: tf.Tensor) -> Pieces:
    normalized = tokenizer.normalize(texts)
    ids, starts, ends = tokenizer._fast_word_piece.tokenize_with_offsets(normalized)
    first_source, last_source = _sources(tokenizer, texts)
    # Bytes of one normalised text to code points of all of them.
    _, byte_offsets = tf.strings.unicode_decode_with_offsets(normalized, "UTF-8")
    row_bytes = tf.cumsum(tf.cast(tf.strings.length(normalized), tf.int64), exclusive=True)
    code_points = byte_offsets.flat_values + tf.gather(row_bytes, byte_offsets.value_rowids())
    row_bytes = tf.gather(row_bytes, starts.value_rowids())
    first = tf.searchsorted(code_points, tf.cast(starts.flat_values, tf.int64) + row_bytes)
    last = tf.searchsorted(code_points, tf.cast(ends.flat_values, tf.int64) + row_bytes) - 1
    return (
        ids,
        starts.with_flat_values(tf.gather(first_source, first)),
        ends.with_flat_values(tf.gather(last_source, last)),
    )


def _sources(tokenizer: ExactBertTokenizer, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Start and end in its text of what each code point of the normalised texts, one after the other, stands for.

    A character is normalised alike wherever it stands (canonical order can swap two marks on one letter, which are
    one piece or none), so it is enough to normalise each character that occurs.
    """
    characters = tf.strings.unicode_decode(texts, "UTF-8")
    unique, which = tf.unique(characters.flat_values)
    alone = tf.strings.unicode_encode(unique[:, None], "UTF-8")
    forms = tf.strings.unicode_split(tokenizer.normalize(alone), "UTF-8")
    is_mark = (forms.row_lengths() == 0) & tf.strings.regex_full_match(alone, f"[{classes.ACCENTS}]")
    between = forms.with_flat_values(tf.strings.regex_full_match(forms.flat_values, f"[{classes.BETWEEN_WORDS}]"))

    # Each character with the removed marks behind it.
    position = tf.ragged.range(tf.cast(characters.row_lengths(), tf.int32)).flat_values
    cluster = tf.cumsum(tf.cast(~tf.gather(is_mark, which) | (position == 0), tf.int32)) - 1
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(cluster), cluster, tf.size(cluster))
    end = position + tf.gather(sizes, cluster)

    # A word that is too long has become one letter.
    ends_word = tf.gather(between, which)
    source = ends_word.value_rowids()
    row = tf.gather(characters.value_rowids(), source)
    begins = ends_word.flat_values | _changes(row)
    begins |= tf.concat([[True], ends_word.flat_values], 0)[:-1]
    run = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(run), run, tf.size(run))
    ends = tf.gather(end, source)
    too_long = tf.gather(lengths, run) > MAX_WORD_CHARACTERS
    ends = tf.where(too_long, tf.gather(tf.math.unsorted_segment_max(ends, run, tf.size(run)), run), ends)
    keep = begins | ~too_long
    return tf.boolean_mask(tf.gather(position, source), keep), tf.boolean_mask(ends, keep)


def _changes(values: tf.Tensor) -> tf.Tensor:
    """Where a value ``(n,)`` differs from the one before it; the first does."""
    return tf.concat([tf.ones_like(values[:1], tf.bool), values[1:] != values[:-1]], 0)


def _of_row_start(values: tf.Tensor, rows: tf.RaggedTensor) -> tf.Tensor:
    """For each value ``(n,)`` the one at the start of its row."""
    return tf.gather(values, tf.gather(rows.row_starts(), rows.value_rowids()))
