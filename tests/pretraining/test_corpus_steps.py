"""Cleaning and filtering of single documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_steps import Cleaned, clean_document
from bert_tf.pretraining.exclusion import Exclusion

GOOD = "我非常喜欢这本书，内容很好。"


def clean(text: str, exclude: Sequence[str] = (), **options: Any) -> Cleaned:
    config = PreparationConfig(data=["x.txt"], output="x", **options)
    return clean_document(text, config, Exclusion(exclude))


def test_lines_stay_and_blank_ones_go() -> None:
    cleaned = clean(f"  {GOOD}  \r\n\n \t\n第二\u200b行  也 是。\n")
    assert cleaned.text == f"{GOOD}\n第二行 也 是。"
    assert cleaned.dropped is None
    assert cleaned.changed_by == {"whitespace", "control_characters"}
    assert clean(cleaned.text) == (cleaned.text, None, frozenset())


def test_markup_over_several_lines() -> None:
    text = f"<!-- a\nb --><p\nclass='x'>{GOOD}</p>"
    cleaned = clean(text, cleaning={"html": True})
    assert cleaned.text == GOOD
    assert "html" in cleaned.changed_by
    assert "<p" in clean(text).text


@pytest.mark.parametrize(
    ("text", "filters", "reason"),
    [
        (" \n\u200b", {}, "empty"),
        ("九个字在这里面吗？", {}, "too_short"),
        ("十个字在这里面了吗？", {}, None),
        ("a b c d e", {"min_characters": 6}, "too_short"),  # spaces are not seen
        (GOOD, {"max_characters": 13}, "too_long"),
        (GOOD, {"max_characters": 14}, None),
        ("12345 67890 + abc", {}, "few_letters"),
        ("12345 67890 + abc", {"min_letters": 0.2}, None),
        ("只有四字 and then much English", {"min_chinese": 0.3}, "little_chinese"),
        ("这里的汉字就比较多了 ok", {"min_chinese": 0.3}, None),
        ("\n".join(["the same line", "another line"] * 3), {}, "repeated_lines"),
        ("\n".join(["the same line", "another line"] * 2), {}, None),
        ("\n".join(["the same line", "another line"] * 2), {"max_repeated_lines": 0}, "repeated_lines"),
    ],
)
def test_filters(text: str, filters: dict[str, Any], reason: str | None) -> None:
    assert clean(text, filters=filters).dropped == reason


def test_what_must_not_come_in_goes_before_the_filters_see_the_rest() -> None:
    assert clean(GOOD, [GOOD]) == ("", "excluded", frozenset())
    assert clean(f"{GOOD}\n其余的行留下，因为它足够长。", [GOOD]) == (
        "其余的行留下，因为它足够长。",
        None,
        frozenset({"exclusion"}),
    )
    assert clean(f"{GOOD}\n太短。", [GOOD]).dropped == "too_short"
    assert clean(" ", [GOOD]).dropped == "empty"
