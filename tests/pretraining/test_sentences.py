"""Sentences, Chinese and English."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.pretraining.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("今天很好。明天呢？好！", ["今天很好。", "明天呢？", "好！"]),
        ("他说：“走吧。”然后走了……没有回来。", ["他说：“走吧。”", "然后走了……", "没有回来。"]),
        ("It rains. We stay! Why? Because.", ["It rains.", "We stay!", "Why?", "Because."]),
        (
            "Mr. Smith met Dr. J. Doe in the U.S. in 1998. He left.",
            ["Mr. Smith met Dr. J. Doe in the U.S. in 1998.", "He left."],
        ),
        ("It costs 3.50 dollars. See e.g. page 4.", ["It costs 3.50 dollars.", "See e.g. page 4."]),
        ('"Go." she said. "Now!" He went.', ['"Go." she said.', '"Now!"', "He went."]),
        ("第一行\n第二行", ["第一行", "第二行"]),
        ("我用Python 3.11写。很好!不错", ["我用Python 3.11写。", "很好!", "不错"]),
        ("no end", ["no end"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_splits(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text(st.sampled_from('aB1 .!?。！”"\n中文…'), max_size=60) | st.text(max_size=60))
def test_no_visible_character_is_lost(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())
