"""Several texts a record: packed and padded as ``(batch, texts, seq_len)``, folded into one batch for the encoder."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from bert_tf.tokenization.text_preprocessor import TextPreprocessor


def group(packed: Mapping[str, tf.RaggedTensor], lengths: tf.Tensor) -> dict[str, tf.RaggedTensor]:
    """Rows of tokens ``(texts of all records, None)`` to records ``(batch, None, None)``.

    Args:
        packed: from ``TextPreprocessor.pack``.
        lengths: number of texts of each record, ``(batch,)``.
    """
    lengths = tf.cast(lengths, tf.int64)
    return {name: tf.RaggedTensor.from_row_lengths(rows, lengths) for name, rows in packed.items()}


def pad_groups(
    preprocessor: TextPreprocessor, grouped: Mapping[str, tf.RaggedTensor], multiple_of: int = 1
) -> dict[str, tf.Tensor]:
    """Pads texts to the longest and records to the one with most texts: ``(batch, texts, seq_len)`` int32 each.

    A text that is only padding has a ``padding_mask`` of zeros.
    """
    lengths = next(iter(grouped.values())).row_lengths()
    dense = preprocessor.pad({name: rows.values for name, rows in grouped.items()}, multiple_of=multiple_of)
    return {name: tf.RaggedTensor.from_row_lengths(rows, lengths).to_tensor() for name, rows in dense.items()}


def fold(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """``(batch, texts, seq_len)`` to ``(batch * texts, seq_len)``, as an encoder takes it."""
    return {name: tf.reshape(value, [-1, tf.shape(value)[-1]]) for name, value in features.items()}


def unfold(values: tf.Tensor, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """What came of the folded ``features``, ``(batch * texts, dim)``, to ``(batch, texts, dim)``."""
    batch_and_texts = tf.shape(next(iter(features.values())))[:2]
    return tf.reshape(values, tf.concat([batch_and_texts, [values.shape[-1]]], 0))
