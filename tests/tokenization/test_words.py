"""What a word is: by punctuation, as BERT has it, and by spaces, as people who tag tokens have it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.offsets import tokenize_with_offsets
from bert_tf.tokenization.pieces import cut_pieces
from bert_tf.tokenization.words import WordLimits
from tests.property_tests import examples
from tests.tokenization.test_bert_tokenizer import MIXED_TEXT

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[]^_{|}~，。·’"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = ExactBertTokenizer(
    [*SPECIAL, *PUNCTUATION, *"abcsx北京", "##s", "##a", "##b", "##c", "##x"], lowercase=True
)


@cache
def compiled(words: WordLimits) -> Any:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def run(texts: tf.Tensor) -> Any:
        pieces = cut_pieces(TOKENIZER, texts, words=words, window=64, overlap=0)
        return pieces.unit_row, pieces.unit_start, pieces.unit_end

    return run


def words_of(words: WordLimits, *texts: str) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in texts]
    for row, start, end in zip(*(column.numpy() for column in compiled(words)(tf.constant(texts))), strict=True):
        found[row].append(texts[row][start:end])
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("abc abc", "abc|abc"),
        ("abc, (abc).", "abc|,|(|abc|)|."),
        ("abab://a.bc/x?a=b&c#x abc", "abab://a.bc/x?a=b&c#x|abc"),
        ("ab'c ab’c a.b. -ab-", "ab'c|ab’c|a.b|.|-|ab|-"),
        ("ab's AB\u2019S. ab's-c 's as abs", "ab|'|s|AB|\u2019|S|.|ab's-c|'|s|as|abs"),
        ("'ab 'ab' .@ab", "'|ab|'|ab|'|.|@ab"),
        ("@ab: #ab $ab-c, @ #, ab@ @@ab", "@ab|:|#ab|$ab-c|,|@|#|,|ab|@|@@ab"),
        ("abc... !!! abc", "abc|...|!!!|abc"),
        ("..' abc", "..|'|abc"),
        ("ab,ab;ab(c)", "ab|,|ab|;|ab|(|c|)"),
        ("北京abc-abc京", "北|京|abc-abc|京"),
        ("北-京，abc。abc", "北|-|京|，|abc|。|abc"),
        ("北·京北北", "北|·|京|北|北"),
        ("abc-", "abc|-"),
        ("", ""),
    ],
)
def test_words_between_spaces(text: str, words: str) -> None:
    expected = words.split("|") if words else []
    assert words_of("spaces", text, "a", text) == [expected, ["a"], expected]


def test_words_between_punctuation() -> None:
    assert words_of("punctuation", "ab'c a.b... 北京") == [["ab", "'", "c", "a", ".", "b", ".", ".", ".", "北", "京"]]


def test_unknown_characters_stay_apart() -> None:
    assert words_of("spaces", "上海a 上海") == [["上", "海", "a", "上", "海"]]


@examples(50)
@given(st.lists(MIXED_TEXT | st.text(f"{PUNCTUATION}abc北京  ", max_size=20), min_size=1, max_size=3))
def test_words_are_made_of_whole_pieces_in_their_order(texts: list[str]) -> None:
    """Each text's pieces are those of its words, and no word holds a space, whatever the texts beside it."""
    together = list(zip(*(column.numpy() for column in compiled("spaces")(tf.constant(texts))), strict=True))
    alone = []
    for row, text in enumerate(texts):
        _, starts, ends = compiled("spaces")(tf.constant([text]))
        alone += [(row, start, end) for start, end in zip(starts.numpy(), ends.numpy(), strict=True)]
        _, piece_starts, piece_ends = tokenize_with_offsets(TOKENIZER, tf.constant([text]))
        assert set(starts.numpy()) <= set(piece_starts.flat_values.numpy())
        assert set(ends.numpy()) <= set(piece_ends.flat_values.numpy())
        assert not any(" " in text[start:end] for start, end in zip(starts.numpy(), ends.numpy(), strict=True))
    assert together == alone
