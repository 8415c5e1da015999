"""What training learns is what decoding gives back: spans of characters to windows of tags or spans and back again."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st

from bert_tf.modeling.decoding.entity_decoding import decode_spans, decode_tags
from bert_tf.tokenization.pieces import cut_pieces, iob2_tags, on_units, spans_by_window
from bert_tf.tokenization.windows import cut_windows
from bert_tf.tokenization.words import WordLimits
from tests.property_tests import examples
from tests.tokenization.test_bert_tokenizer import MIXED_TEXT, PAIRS

LABELS = 2
WINDOW, OVERLAP = 6, 3

Found = list[list[tuple[int, int, int]]]


@cache
def round_trip(decoder: str, words: WordLimits | None) -> Any:
    """A compiled function that answers texts with a model that is always right."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.RaggedTensorSpec([None, None, 3], tf.int32, 1)])
    def run(texts: tf.Tensor, spans: tf.RaggedTensor) -> Any:
        pieces = cut_pieces(PAIRS[True][0], texts, words=words, window=WINDOW, overlap=OVERLAP)
        units = on_units(pieces, spans)
        if decoder == "span":
            goals = spans_by_window(pieces, units)
            flat = tf.cast(goals.flat_values, tf.int64)
            places = tf.stack([goals.value_rowids(), flat[:, 2], flat[:, 0], flat[:, 1]], 1)
            size = WINDOW + 2
            shape = tf.stack([goals.nrows(), LABELS, size, size])
            outputs = tf.tensor_scatter_nd_update(tf.fill(shape, -9.0), places, tf.fill([tf.shape(places)[0]], 9.0))
            found = decode_spans(pieces, outputs)
        else:
            tags = iob2_tags(pieces, units).to_tensor(-1, shape=[None, WINDOW + 2])
            # Where there is no tag, the model says what must not count.
            found = decode_tags(pieces, 9.0 * tf.one_hot(tf.where(tags < 0, 2, tags), 1 + 2 * LABELS))
        wanted = (
            units.row,
            tf.gather(pieces.unit_start, units.first),
            tf.gather(pieces.unit_end, units.last),
            units.label,
        )
        return wanted, tuple(found)

    return run


def check(decoder: str, words: WordLimits | None, texts: list[str], spans: Found) -> None:
    ragged = tf.ragged.constant(spans, tf.int32, 1, (3,))
    wanted, found = round_trip(decoder, words)(tf.constant(texts), ragged)
    rows = [tuple(map(int, one)) for one in zip(*(column.numpy() for column in wanted), strict=True)]
    got = [tuple(map(int, one[:4])) for one in zip(*(column.numpy() for column in found), strict=True)]
    assert got == sorted(rows)
    for (row, start, end, _), score in zip(got, found[4].numpy(), strict=True):
        assert texts[row][start:end]
        assert score == pytest.approx(1, abs=1e-2)


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, int]]]:
    """A text and spans that share no piece (which no tags could tell)."""
    text = draw(MIXED_TEXT | st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
    text = text.replace("[", "(")
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pairs = zip(places[::2], places[1::2], strict=False)
    return text, [(start, end, draw(st.integers(0, LABELS - 1))) for start, end in pairs]


@cache
def units_of(words: WordLimits | None) -> Any:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def run(texts: tf.Tensor) -> Any:
        pieces = cut_pieces(PAIRS[True][0], texts, words=words, window=WINDOW, overlap=OVERLAP)
        return pieces.unit_row, pieces.unit_start, pieces.unit_end, pieces.unit_pieces()

    return run


def learnable(words: WordLimits | None, texts: list[str], spans: Found) -> Found:
    """The spans that share no unit with one before them and that fit into what two windows share.

    A word of many pieces makes a span of few units longer than a window: what counts is the distance of the first
    unit's first piece and the last unit's, which is where a span stands in a window.
    """
    units = list(zip(*(column.numpy() for column in units_of(words)(tf.constant(texts))), strict=True))
    kept: Found = []
    for row, of_text in enumerate(spans):
        used: set[int] = set()
        kept.append([])
        for start, end, label in of_text:
            held = {i for i, (r, first, last, _) in enumerate(units) if r == row and first < end and last > start}
            if held and not held & used and units[max(held)][3] - units[min(held)][3] < OVERLAP:
                used |= held
                kept[-1].append((start, end, label))
    return kept


@examples(25)
@given(st.lists(annotated(), min_size=1, max_size=4))
@example([("000000000!0000000，", [(0, 1, 0), (9, 18, 0)])])  # three words, and more pieces than a window
@pytest.mark.parametrize("words", ["punctuation", "spaces", None])
@pytest.mark.parametrize("decoder", ["tags", "span"])
def test_round_trip(
    decoder: str, words: WordLimits | None, records: list[tuple[str, list[tuple[int, int, int]]]]
) -> None:
    texts = [text for text, _ in records]
    spans = learnable(words, texts, [spans for _, spans in records])
    check(decoder, words, texts, spans)


TEXT = "Café 中文😀 unaffable，ＡＢ lovely x 书很喜欢 e\u0301 a b c d"


def test_known_surfaces() -> None:
    spans = [(0, 4, 0), (5, 7, 1), (9, 18, 0), (19, 21, 1), (31, 33, 0), (36, 38, 1)]
    assert [TEXT[start:end] for start, end, _ in spans] == ["Café", "中文", "unaffable", "ＡＢ", "书很"[:2], "e\u0301"]
    for decoder in ("tags", "span"):
        check(decoder, "punctuation", [TEXT, "", "a"], [spans, [], [(0, 1, 1)]])


def test_nested_and_overlapping_spans() -> None:
    check("span", "punctuation", ["中文书很喜欢"], [[(0, 2, 0), (0, 2, 1), (0, 3, 1), (1, 4, 0), (2, 3, 0)]])


def test_a_span_inside_a_word_holds_the_word() -> None:
    ragged = tf.ragged.constant([[[2, 4, 0]]], tf.int32, 1, (3,))
    _, found = round_trip("tags", "punctuation")(tf.constant(["unaffable a"]), ragged)
    assert (found[1].numpy().tolist(), found[2].numpy().tolist()) == ([0], [9])


def test_no_inside_follows_an_outside() -> None:
    """The likeliest tags one by one are I O I; allowed is, among others, B O B."""
    pieces = cut_pieces(PAIRS[True][0], tf.constant(["a b c"]), words="punctuation", window=6, overlap=2)
    logits = np.full((1, 5, 3), -9.0, np.float32)
    logits[0, [1, 3], 2] = 5.0
    logits[0, [1, 3], 1] = 4.0
    logits[0, 2, 0] = 9.0
    found = decode_tags(pieces, tf.constant(logits))
    assert (found.start.numpy().tolist(), found.end.numpy().tolist()) == ([0, 4], [1, 5])


@pytest.mark.parametrize(("size", "overlap"), [(6, 3), (6, 0), (7, 5), (2, 9), (1, 0)])
def test_windows(size: int, overlap: int) -> None:
    lengths = [0, 1, size, size + 1, 3 * size, 41]
    windows = cut_windows(tf.constant(lengths), size, overlap)
    shared = min(overlap, size // 2)
    for row, length in enumerate(lengths):
        mine = [tuple(map(int, w[1:])) for w in zip(*(c.numpy() for c in windows), strict=True) if w[0] == row]
        assert (mine[0][0], mine[-1][1]) == (0, length)
        assert all(end - start == min(size, length) for start, end, _, _ in mine)
        assert all(a[1] - b[0] >= shared for a, b in itertools.pairwise(mine))
        assert [own for _, _, start, end in mine for own in range(start, end)] == list(range(length))
        for place in range(length):
            context = [min(place - s, e - 1 - place) if s <= place < e else -1 for s, e, _, _ in mine]
            context = [  # the ends of the text cut nothing off
                c if c < 0 else min(place - s if s else 99, e - 1 - place if e < length else 99)
                for c, (s, e, _, _) in zip(context, mine, strict=True)
            ]
            owner = next(i for i, (_, _, start, end) in enumerate(mine) if start <= place < end)
            assert context[owner] == max(context)
