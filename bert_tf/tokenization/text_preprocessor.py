"""Strings to model inputs, by the same graph in ``tf.data`` and in the exported model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import keras_hub
import tensorflow as tf

from bert_tf.config import TextCleaningConfig
from bert_tf.keras_internals import no_convert_scope
from bert_tf.renamed_options import migrate
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.text_cleaning import CleanedTexts, TextCleaner


@keras.saving.register_keras_serializable(package="bert_tf")
class TextPreprocessor(keras_hub.models.Preprocessor):
    """Cleans and tokenises single texts or pairs, adds the special tokens, truncates and pads.

    A single text becomes ``[CLS] text [SEP]``, a pair ``[CLS] text [SEP] text_pair [SEP]``. What is too long loses
    tokens at its end; of a pair, the longer text loses first, as with Hugging Face's ``truncation=True``.

    Args:
        tokenizer: a KerasHub tokenizer.
        sequence_length: longest output in tokens, special tokens included.
        segment_ids: whether the backbone takes ``segment_ids`` (BERT and ALBERT do, RoBERTa does not).
        cleaning: what is removed from every text first, a ``TextCleaningConfig`` or its values; default nothing.

    Example:
    ```python
    preprocessor = TextPreprocessor(tokenizer, sequence_length=128)
    preprocessor(["这本书很差。"])                      # one text
    preprocessor(x=(["A man sleeps."], ["He is awake."]))  # a pair
    ```
    """

    def __init__(
        self,
        tokenizer: keras_hub.models.Tokenizer,
        sequence_length: int = 256,
        segment_ids: bool = True,
        cleaning: TextCleaningConfig | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.segment_ids = segment_ids
        self.cleaner = TextCleaner.of(cleaning)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {
            **config,
            "sequence_length": self.sequence_length,
            "segment_ids": self.segment_ids,
            "cleaning": None if self.cleaner is None else self.cleaner.config.model_dump(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TextPreprocessor:
        """As Keras's; arguments may have the names that they had in earlier versions."""
        return super().from_config(migrate(config, "head."))

    def clean(self, texts: tf.Tensor) -> tf.Tensor:
        """Texts ``(batch,)`` string as the model reads them."""
        return texts if self.cleaner is None else self.cleaner.clean(texts)

    def clean_with_offsets(self, texts: tf.Tensor) -> CleanedTexts:
        """As :meth:`clean`, with the places of the characters in the texts given."""
        return CleanedTexts.by(self.cleaner, texts)

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts ``(batch,)`` string, cleaned, to token ids ``(batch, None)`` int32 without special tokens."""
        texts = self.clean(texts)
        if isinstance(self.tokenizer, ExactBertTokenizer):
            return self.tokenizer.token_ids(texts)
        with no_convert_scope():  # KerasHub would turn a ragged tensor into a list outside of a graph
            return tf.cast(self.tokenizer(texts), tf.int32)

    def pack(self, texts: tf.Tensor, text_pairs: tf.Tensor | None = None) -> dict[str, tf.RaggedTensor]:
        """Texts ``(batch,)`` string to ragged ``token_ids`` and ``segment_ids``, ``(batch, None)`` int32."""
        return self.pack_tokens(self.tokenize(texts), None if text_pairs is None else self.tokenize(text_pairs))

    def pack_tokens(self, first: tf.RaggedTensor, second: tf.RaggedTensor | None = None) -> dict[str, tf.RaggedTensor]:
        """As :meth:`pack`, of token ids without special tokens, ``(batch, None)`` int32."""
        start = self._special("cls", "start")
        end = self._special("sep", "end")
        if second is None:
            first = first[:, : self.sequence_length - 2]
            pieces, segments = [start, first, end], [0, 0, 0]
        else:
            separators = [end] * self._separators_between()
            room = self.sequence_length - 2 - len(separators)
            first, second = _truncate_longest_first(first, second, room)
            pieces = [start, first, *separators, second, end]
            segments = [0, 0, *([0] * len(separators)), 1, 1]
        rows = first.nrows()
        parts = [
            tf.RaggedTensor.from_uniform_row_length(tf.fill([rows], tf.constant(p, tf.int32)), 1, nrows=rows)
            if isinstance(p, int)
            else p
            for p in pieces
        ]
        packed = {"token_ids": tf.concat(parts, axis=1)}
        if self.segment_ids:
            marks = [tf.ones_like(part) * number for part, number in zip(parts, segments, strict=True)]
            packed["segment_ids"] = tf.concat(marks, axis=1)
        return packed

    @contextmanager
    def unlimited(self) -> Iterator[None]:
        """Inside, :meth:`pack` cuts nothing off, however long a text is: to count its tokens."""
        limit, self.sequence_length = self.sequence_length, 2**30
        try:
            yield
        finally:
            self.sequence_length = limit

    def pad(
        self, packed: Mapping[str, tf.RaggedTensor], length: int | None = None, multiple_of: int = 1
    ) -> dict[str, tf.Tensor]:
        """Ragged rows to dense ``(batch, seq_len)`` int32 tensors and their ``padding_mask``.

        Groups of rows, ``(batch, None, None)``, become ``(batch, texts, seq_len)``, each filled up to as many texts as
        the largest has; there ``padding_mask`` is 0.

        Args:
            packed: from :meth:`pack` or :func:`group`.
            length: the exact ``seq_len``; default the longest row's, rounded up.
            multiple_of: round the length up to a multiple of this, but never beyond ``sequence_length``.
        """
        if packed["token_ids"].ragged_rank == 2:
            flat = self.pad({name: rows.values for name, rows in packed.items()}, length, multiple_of)
            grouped = group(flat, packed["token_ids"].row_lengths())
            return {name: tf.ensure_shape(rows.to_tensor(), [None, None, length]) for name, rows in grouped.items()}
        lengths = tf.cast(packed["token_ids"].row_lengths(), tf.int32)
        if length is None:
            longest = tf.reduce_max(tf.concat([lengths, [1]], 0))
            longest = tf.minimum(-(-longest // multiple_of) * multiple_of, self.sequence_length)
        else:
            longest = tf.constant(length, tf.int32)
        shape = tf.stack([tf.size(lengths), longest])
        pad_id = self.tokenizer.pad_token_id or 0
        dense = {
            name: rows.to_tensor(default_value=pad_id if name == "token_ids" else 0, shape=shape)
            for name, rows in packed.items()
        }
        dense = {name: tf.ensure_shape(value, [None, length]) for name, value in dense.items()}
        dense["padding_mask"] = tf.sequence_mask(lengths, longest, dtype=tf.int32)
        return dense

    def call(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """One text, a batch of texts, or ``(texts, text_pairs)``, padded to the batch's longest.

        A mapping with ``text`` and ``text_pair`` is a pair too.
        """
        if isinstance(x, Mapping):
            texts, pairs = x["text"], x.get("text_pair")
        elif isinstance(x, tuple):
            texts, pairs = x if len(x) == 2 else (x[0], None)
        else:
            texts, pairs = x, None
        texts = tf.convert_to_tensor(texts, tf.string)
        pairs = None if pairs is None else tf.convert_to_tensor(pairs, tf.string)
        single = texts.shape.rank == 0
        if single:
            texts, pairs = texts[None], None if pairs is None else pairs[None]
        dense = self.pad(self.pack(texts, pairs))
        if single:
            dense = {name: value[0] for name, value in dense.items()}
        return keras.utils.pack_x_y_sample_weight(dense, y, sample_weight)

    def _special(self, *names: str) -> int:
        for name in names:
            value = getattr(self.tokenizer, f"{name}_token_id", None)
            if value is not None:
                return int(value)
        raise ValueError(f"{type(self.tokenizer).__name__} has no {' or '.join(names)} token.")

    def _separators_between(self) -> int:
        """RoBERTa and its kin put two separators between the texts of a pair, BERT one."""
        return 1 if self.segment_ids or getattr(self.tokenizer, "cls_token_id", None) is not None else 2


def group(rows: Mapping[str, Any], lengths: tf.Tensor) -> dict[str, tf.RaggedTensor]:
    """Rows of all records one behind the other to records of several rows.

    Args:
        rows: ``(texts of all records, …)``, ragged or dense.
        lengths: number of texts of each record, ``(batch,)`` integer.

    Returns:
        ``(batch, None, …)``.
    """
    lengths = tf.cast(lengths, tf.int64)
    return {name: tf.RaggedTensor.from_row_lengths(values, lengths) for name, values in rows.items()}


def _truncate_longest_first(
    first: tf.RaggedTensor, second: tf.RaggedTensor, room: int
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Cuts each pair of rows to ``room`` tokens together, as ``LongestFirst`` of Hugging Face ``tokenizers`` does.

    The shorter row stays whole if it fills at most half of the room; else both get half, and an odd token goes to the
    longer one (to the second when both are equally long).
    """
    a, b = first.row_lengths(), second.row_lengths()
    shorter, longer = tf.minimum(a, b), tf.maximum(a, b)
    keep_shorter = tf.where(2 * shorter <= room, shorter, tf.ones_like(shorter) * (room // 2))
    keep_longer = tf.minimum(longer, room - keep_shorter)
    first_is_shorter = a <= b
    keep_a = tf.where(first_is_shorter, keep_shorter, keep_longer)
    keep_b = tf.where(first_is_shorter, keep_longer, keep_shorter)
    return _head(first, keep_a), _head(second, keep_b)


def _head(rows: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """The first ``lengths[i]`` values of row ``i``."""
    positions = tf.ragged.range(rows.row_lengths())
    keep = positions.flat_values < tf.gather(lengths, positions.value_rowids())
    return tf.ragged.boolean_mask(rows, positions.with_flat_values(keep))
