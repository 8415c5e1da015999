"""Documents to model inputs: overlapping windows, or head and tail in one window."""

from __future__ import annotations

from typing import Any, Literal

import keras
import keras_hub
import tensorflow as tf

from bert_tf.tokenization.text_preprocessor import TextPreprocessor, group
from bert_tf.tokenization.windows import slices

Strategy = Literal["windows", "head_tail"]


@keras.saving.register_keras_serializable(package="bert_tf")
class DocumentPreprocessor(TextPreprocessor):
    """A :class:`TextPreprocessor` of single texts that are longer than the model.

    Args:
        tokenizer: a KerasHub tokenizer.
        sequence_length: longest window in tokens, special tokens included.
        segment_ids: whether the backbone takes ``segment_ids``.
        strategy: ``windows`` cuts a text into windows that begin every ``stride`` tokens, so that neighbours
            overlap (Pappagari et al. 2019, section 3); ``head_tail`` keeps the first ``head_tokens`` and as many of the
            last ones as there is room for (Sun et al. 2019, section 5.3.1: 128 and 382).
        stride: tokens from the start of a window to that of the next.
        max_windows: what lies behind this many windows is not read.
        head_tokens: tokens of the text's beginning.
    """

    def __init__(
        self,
        tokenizer: keras_hub.models.Tokenizer,
        sequence_length: int = 512,
        segment_ids: bool = True,
        strategy: Strategy = "windows",
        stride: int = 384,
        max_windows: int = 8,
        head_tokens: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(tokenizer, sequence_length, segment_ids, **kwargs)
        self.strategy = strategy
        self.stride = stride
        self.max_windows = max_windows
        self.head_tokens = head_tokens

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "strategy": self.strategy,
            "stride": self.stride,
            "max_windows": self.max_windows,
            "head_tokens": self.head_tokens,
        }

    def pack(self, texts: tf.Tensor, text_pairs: tf.Tensor | None = None) -> dict[str, tf.RaggedTensor]:
        """Texts ``(batch,)`` string to ragged ``(batch, windows, None)`` int32, or ``(batch, None)`` of head and tail.

        An empty text has one window too.
        """
        if text_pairs is not None:
            raise ValueError("A document is one text, not a pair.")
        tokens = self.tokenize(texts)
        if self.strategy == "head_tail":
            return self.pack_tokens(self._head_and_tail(tokens))
        windows, counts = self._windows(tokens)
        return group(self.pack_tokens(windows), counts)

    def _head_and_tail(self, tokens: tf.RaggedTensor) -> tf.RaggedTensor:
        room = self.sequence_length - 2
        head = min(self.head_tokens, room)
        lengths = tokens.row_lengths()
        fits = lengths <= room
        positions = tf.ragged.range(lengths)
        rows = positions.value_rowids()
        at = positions.flat_values
        keep = tf.gather(fits, rows) | (at < head) | (at >= tf.gather(lengths, rows) - (room - head))
        return tf.ragged.boolean_mask(tokens, positions.with_flat_values(keep))

    def _windows(self, tokens: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """The windows of all texts one behind the other, ``(windows, None)``, and each text's number, ``(batch,)``."""
        room = self.sequence_length - 2
        lengths = tokens.row_lengths()
        counts = tf.minimum(1 + -(-tf.maximum(lengths - room, 0) // self.stride), self.max_windows)
        number = tf.ragged.range(counts)
        text = number.value_rowids()
        start = number.flat_values * self.stride
        return slices(tokens, text, start, tf.minimum(start + room, tf.gather(lengths, text))), counts
