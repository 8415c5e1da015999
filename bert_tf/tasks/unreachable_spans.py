"""Spans that no answer of a tagger can equal, found before training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from bert_tf.data.records import Row
from bert_tf.data.span_records import joined
from bert_tf.data.tag_schemes import Span
from bert_tf.metrics.entity_metrics import on_tokens
from bert_tf.tokenization.pieces import Pieces, on_units

logger = logging.getLogger("bert_tf")

CHUNK = 256


class UnreachableSpans:
    """Counts the spans that begin or end inside a word, hold none, or lie in no window whole.

    Args:
        cut: texts ``(batch,)`` string to pieces, as the model cuts them.
        whole: a span must lie in one window: that of its middle.
    """

    def __init__(self, cut: Callable[[tf.Tensor], Pieces], *, whole: bool) -> None:
        self._waiting: list[tuple[Row, Sequence[Sequence[int]]]] = []
        self._spans = 0
        self._missed = {"begin or end inside a word": 0, "hold no word": 0, "are longer than a window": 0}
        self._first: dict[str, str] = {}
        signature = [tf.TensorSpec([None], tf.string), tf.RaggedTensorSpec([None, None, 3], tf.int32, 1)]

        @tf.function(input_signature=signature)
        def reach(texts: tf.Tensor, spans: tf.RaggedTensor) -> tuple[tf.Tensor, ...]:
            pieces = cut(texts)
            found = on_units(pieces, spans)
            if not whole:
                fits = tf.ones_like(found.row, tf.bool)
            else:
                offset = tf.gather(pieces.token_ids.row_starts(), found.row)
                places = tf.cast(pieces.unit_pieces(), tf.int64)
                first, last = (tf.gather(places, unit) - offset for unit in (found.first, found.last))
                windows = pieces.windows
                ends = 2 * windows.own_end + windows.row * 2**32
                owner = tf.searchsorted(ends, first + last + found.row * 2**32, side="right")
                fits = (first >= tf.gather(windows.start, owner)) & (last < tf.gather(windows.end, owner))
            limits = tf.gather(pieces.unit_start, found.first), tf.gather(pieces.unit_end, found.last)
            return (found.label, *limits, fits)

        self._reach = reach

    def add(self, row: Row, spans: Sequence[Sequence[int]]) -> None:
        """Takes a record and its spans: start, end, label."""
        if spans:
            self._waiting.append((row, spans))
        if len(self._waiting) == CHUNK:
            self._look()

    def say(self, options: str) -> None:
        """Warns of what was found; ``options`` are those that decide what a word is."""
        if self._waiting:
            self._look()
        for problem, count in self._missed.items():
            if count:
                logger.warning(
                    "%d of %d spans of the training data %s, so that no answer can equal them (first: %s; %s)",
                    count,
                    self._spans,
                    problem,
                    self._first[problem],
                    options,
                )

    def _look(self) -> None:
        rows = [(row, Span(start, end, "")) for row, spans in self._waiting for start, end, _ in spans]
        numbers = iter(range(len(rows)))
        marked = [[[start, end, next(numbers)] for start, end, _ in spans] for _, spans in self._waiting]
        texts = tf.constant([row.values["text"].encode("utf-8", "replace") for row, _ in self._waiting])
        ragged = tf.ragged.constant(marked, tf.int32, 1, (3,), row_splits_dtype=tf.int64)
        index, starts, ends, fits = (values.numpy() for values in self._reach(texts, ragged))
        self._waiting = []
        self._spans += len(rows)
        reached = np.full((len(rows), 2), -1)
        reached[index] = np.stack([starts, ends], 1)
        whole = np.ones(len(rows), bool)
        whole[index] = fits
        for (row, span), (start, end), fits_window in zip(rows, reached.tolist(), whole, strict=True):
            if start < 0:
                self._note("hold no word", row, span, "")
            elif not _equal(row, span, Span(start, end, "")):
                self._note("begin or end inside a word", row, span, row.values["text"][start:end])
            elif not fits_window:
                self._note("are longer than a window", row, span, "")

    def _note(self, problem: str, row: Row, span: Span, around: str) -> None:
        self._missed[problem] += 1
        surface = f"{row.values['text'][span.start : span.end]!r:.80}{f' in {around!r:.80}' if around else ''}"
        self._first.setdefault(problem, f"{row.where()}: {surface}")


def _equal(row: Row, span: Span, found: Span) -> bool:
    """Whether evaluation would take the one for the other."""
    if span == found or "tokens" not in row.values:
        return span == found
    places = joined(row.values["tokens"])[1]
    return on_tokens([span], places) == on_tokens([found], places)
