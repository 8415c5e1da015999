"""Character offsets of word pieces: against Hugging Face's fast tokeniser, and by what they cut out of the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.errors import UserError
from bert_tf.tokenization import character_classes as classes
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.offsets import tokenize_with_offsets
from tests.property_tests import examples
from tests.tokenization.test_bert_tokenizer import ANY_TEXT, CODE_POINTS, MIXED_TEXT, PAIRS, VOCABULARY, pair

MARK = re.compile("[" + re.sub(r"x\{(\w+)\}", lambda code: f"U{int(code[1], 16):08x}", classes.ACCENTS) + "]")


@cache
def compiled(tokenizer: ExactBertTokenizer) -> Callable[[tf.Tensor], tuple[tf.RaggedTensor, ...]]:
    run = tf.function(lambda texts: (*tokenize_with_offsets(tokenizer, texts), tokenizer.token_ids(texts)))
    return run.get_concrete_function(tf.TensorSpec([None], tf.string))


def spans(tokenizer: ExactBertTokenizer, texts: list[str]) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
    ids, starts, ends, expected_ids = (rows.to_list() for rows in compiled(tokenizer)(tf.constant(texts)))
    assert ids == expected_ids
    assert [len(row) for row in starts] == [len(row) for row in ends]
    return ids, [list(zip(a, b, strict=True)) for a, b in zip(starts, ends, strict=True)]


def with_marks(tokenizer: ExactBertTokenizer, text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The reference's offsets, and after each the marks that the tokeniser removes."""
    if not tokenizer.strip_accents:
        return offsets
    found = []
    for start, end in offsets:
        while end < len(text) and MARK.match(text[end]):
            end += 1
        found.append((start, end))
    return found


def check(lowercase: bool, texts: list[str]) -> None:
    ours, reference = PAIRS[lowercase]
    _, found = spans(ours, texts)
    expected = [
        with_marks(ours, text, encoding.offsets)
        for text, encoding in zip(texts, reference.encode_batch(texts, add_special_tokens=False), strict=True)
    ]
    assert [x for x in zip(texts, found, expected, strict=True) if x[1] != x[2]] == []


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_kind_of_character(lowercase: bool) -> None:
    """All code points but most of the Chinese and Hangul ones and of the empty planes, which are alike."""
    ranges = [
        (0, 0x3500),
        (0x9F00, 0xAD00),
        (0xD700, 0x13000),
        (0x1B000, 0x20100),
        (0x2F700, 0x2FA40),
        (0xDFFF0, 0xE0200),
    ]
    characters = [c for c in CODE_POINTS if any(first <= ord(c) < last for first, last in ranges)]
    check(
        lowercase,
        [" ".join(f"a{c}b {c} 中{c}A" for c in characters[i : i + 16]) for i in range(0, len(characters), 16)],
    )


@examples(60)
@given(st.lists(ANY_TEXT | MIXED_TEXT, min_size=1, max_size=8))
@pytest.mark.parametrize("lowercase", [True, False])
def test_random_texts(lowercase: bool, texts: list[str]) -> None:
    check(lowercase, [text.replace("[", "(") for text in texts])


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("length", [99, 100, 101, 401])
@pytest.mark.parametrize("letter", ["a", "é", "e\u0301", "가", "😀", "中"])
def test_long_words(lowercase: bool, length: int, letter: str) -> None:
    word = letter * length
    check(lowercase, [word, f"ab {word} ab", f"{word}.{word}", f"É {word}\u0301 {word}中"])


def test_cuts_out_the_surface() -> None:
    tokenizer, _ = PAIRS[True]
    text = "Cafe\u0301，ＡＢ\u00ad😀x가 A\u200bB"
    _, [found] = spans(tokenizer, [text])
    cut = [text[start:end] for start, end in found]
    assert cut == ["C", "a", "f", "e\u0301", "，", "ＡＢ\u00ad😀x가", "A\u200bB"]


def test_special_tokens_in_a_text_on_request() -> None:
    texts = ["[CLS] ab [MASK]love[SEP]", "é[MASK]", "", "[mask] [PAD] [UNK]", "中[MASK]\u0300 é"]
    ours = ExactBertTokenizer(list(dict.fromkeys(VOCABULARY)), lowercase=True, special_tokens_in_strings=True)
    reference = pair(True)[1]
    reference.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    encodings = reference.encode_batch(texts, add_special_tokens=False)
    assert spans(ours, texts) == ([e.ids for e in encodings], [e.offsets for e in encodings])


def test_invalid_utf8_does_not_count() -> None:
    tokenizer, _ = PAIRS[True]
    broken = tokenize_with_offsets(tokenizer, tf.constant([b"\xff" + "中".encode() + b"\xe4b"]))
    assert [rows.to_list() for rows in broken] == [
        rows.to_list() for rows in tokenize_with_offsets(tokenizer, tf.constant(["中b"]))
    ]


def test_an_empty_batch_in_a_graph() -> None:
    run = tf.function(lambda texts: tokenize_with_offsets(PAIRS[True][0], texts))
    assert [rows.to_list() for rows in run(tf.zeros([0], tf.string))] == [[], [], []]
    assert [rows.to_list() for rows in run(tf.constant(["", " ", "\u0301"]))] == [[[], [], []]] * 3


def test_another_tokenizer_is_refused() -> None:
    class RobertaTokenizer: ...

    with pytest.raises(UserError, match="--backbone: .* RobertaTokenizer"):
        tokenize_with_offsets(RobertaTokenizer(), tf.constant(["a"]))
