"""Word pieces of translations come back as the text they were made from."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.errors import UserError
from bert_tf.tokenization.target_tokenizer import (
    END,
    PAD,
    START,
    UNKNOWN,
    TargetTokenizer,
    learn_target_vocabulary,
    mark_joins,
)
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS
from tests.property_tests import examples

TEXTS = [
    "I don't know, Tom.",
    'He said: "Hello" (twice)!',
    "我非常喜欢这本书。",
    "我用Python写，真的：3.5%",
    "dogs' bone - well... ok",
    "#a # b ## c### ##d",
    "これはペンです。カタカナ・です",
    "5€ ☺ a_b $5 <b>",
    "“Hi,” she said—no. – yes …",
    "你说“好”……",
    "İstanbul, Ünal'a naïve café",
    "สวัสดีครับ โลก",
    "한국어 문장입니다.",
]


@pytest.fixture(scope="module")
def tokenizer() -> TargetTokenizer:
    every_character_joined = ["x" + "".join(sorted(set("".join(TEXTS)))).replace(" ", "x")]
    return TargetTokenizer(learn_target_vocabulary(lambda: TEXTS + every_character_joined, 1000, min_frequency=100))


def round_trip(tokenizer: TargetTokenizer, texts: list[str]) -> list[str]:
    ids = tokenizer.tokenize(tf.constant(texts))
    return [text.decode("utf-8") for text in tokenizer.detokenize(ids.to_tensor()).numpy()]


def test_texts_come_back(tokenizer: TargetTokenizer) -> None:
    assert round_trip(tokenizer, TEXTS) == TEXTS


def test_whitespace_is_collapsed(tokenizer: TargetTokenizer) -> None:
    assert round_trip(tokenizer, ["", "  a \t b\u3000c\r\n", "我 喜 欢", "用 Python 写"]) == [
        "",
        "a b c",
        "我喜欢",
        "用Python写",
    ]


def test_joins_are_marked() -> None:
    marked = mark_joins(tf.constant(["don't, a", '"Hi"', "我b.", "a\x1fb"])).numpy()
    assert [text.decode() for text in marked] == ["don ##' ##t ##, a", '" ##Hi ##"', "我 b ##.", "a b"]


CHARACTERS = st.sampled_from(sorted(set("".join(TEXTS))))


@examples(60)
@given(st.lists(CHARACTERS, max_size=12).map("".join))
def test_any_mixture_of_characters_comes_back(tokenizer: TargetTokenizer, text: str) -> None:
    expected = " ".join(text.split())
    spaceless = "[\u2e80-\u30ff\u31f0-\u31ff\u3400-\u9fff\uff00-\uffef]"
    expected = re.sub(rf"(?<={spaceless}) | (?={spaceless})", "", expected)
    (back,) = round_trip(tokenizer, [text])
    assert back == expected


def test_reserved_tokens_are_text_when_users_write_them(tokenizer: TargetTokenizer) -> None:
    ids = tokenizer.tokenize(tf.constant(["[SEP] [PAD]"])).flat_values.numpy()
    assert not {PAD, START, END} & set(ids.tolist())


def test_reserved_tokens_and_padding_give_nothing(tokenizer: TargetTokenizer) -> None:
    (ids,) = tokenizer.tokenize(tf.constant(["I don't"])).to_list()
    given_ids = tf.constant([[START, *ids, END, PAD, PAD], [UNKNOWN, *ids, PAD, PAD, PAD]])
    assert tokenizer.detokenize(given_ids).numpy().tolist() == [b"I don't", b"I don't"]


def test_case_is_kept_or_not() -> None:
    texts = ["Ünal Told TOM"]
    vocabulary = learn_target_vocabulary(lambda: texts * 2, 200, lowercase=False)
    assert round_trip(TargetTokenizer(vocabulary), texts) == texts
    vocabulary = learn_target_vocabulary(lambda: texts * 2, 200, lowercase=True)
    assert round_trip(TargetTokenizer(vocabulary, lowercase=True), texts) == ["ünal told tom"]


def test_vocabulary_is_unique_bounded_and_begins_with_the_reserved_tokens() -> None:
    texts = [*TEXTS, "a" * 500] * 3
    vocabulary = learn_target_vocabulary(lambda: texts, 150)
    assert vocabulary[: len(RESERVED_TOKENS)] == list(RESERVED_TOKENS)
    assert len(vocabulary) == len(set(vocabulary)) <= 150
    assert {"##'", "##,", "##."} <= set(vocabulary)
    assert max(len(token.encode()) for token in vocabulary) <= 200
    assert learn_target_vocabulary(lambda: texts, 150) == vocabulary
    TargetTokenizer(vocabulary)


def test_nothing_to_learn() -> None:
    with pytest.raises(UserError, match="the texts are empty"):
        learn_target_vocabulary(lambda: ["", " "], 100)
