"""Every form of an annotated record becomes a text with spans that cut out what was annotated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.data.records import Row
from bert_tf.data.span_records import joined, overlapping, spans_in, with_spans
from bert_tf.data.tag_schemes import Span
from bert_tf.errors import UserError

EXPECTED = [Span(0, 3, "person"), Span(4, 6, "place")]
TEXT = "江泽民在北京。"


@pytest.mark.parametrize(
    "values",
    [
        {"text": TEXT, "spans": [{"start": 0, "end": 3, "label": "person", "text": "江泽民"}, [4, 6, "place"]]},
        {"text": TEXT, "label": {"place": {"北京": [[4, 5]]}, "person": {"江泽民": [[0, 2]]}}},
        {"text": TEXT, "label": [[0, 3, "person"], [4, 6, "place"]]},
        {"tokens": list(TEXT), "tags": ["B-person", "I-person", "I-person", "O", "B-place", "I-place", "O"]},
        {"tokens": ["江泽民", "在", "北京", "。"], "tags": ["person", "O", "place", "O"]},
    ],
)
def test_forms(values: dict[str, Any]) -> None:
    row = with_spans(Row("a.jsonl", 3, values))
    assert row.values["text"] == TEXT
    assert spans_in(row) == EXPECTED
    assert spans_in(with_spans(row)) == EXPECTED


def test_without_annotation() -> None:
    row = with_spans(Row("a.jsonl", 3, {"text": TEXT}))
    assert row.values == {"text": TEXT}
    with pytest.raises(UserError, match="a.jsonl line 3: there are no spans and no tags"):
        spans_in(row)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"spans": [{"start": 5, "end": 9, "label": "x"}]}, "the span 5 to 9 (x) does not lie in the text"),
        ({"spans": [{"start": 3, "end": 3, "label": "x"}]}, "the span 3 to 3"),
        ({"spans": [{"start": -1, "end": 3, "label": "x"}]}, "the span -1 to 3"),
        ({"spans": [{"start": "0", "end": 3, "label": "x"}]}, "the span '0' to 3"),
        ({"spans": [{"start": 0, "end": 3, "label": ""}]}, "the label of a span must be a string"),
        ({"spans": [{"start": 0, "end": 3}]}, "a span must be"),
        ({"spans": "江泽民"}, "must be a list"),
        ({"spans": [{"start": 1, "end": 4, "label": "x", "text": "江泽民"}]}, "'江泽民' (x) should stand at 1 to 4"),
        ({"label": {"x": {"江泽民": [[1, 3]]}}}, "there stands '泽民在'"),
        ({"label": {"x": [[1, 3]]}}, "the label must be"),
        ({"label": {"x": {"江": [1, 3]}}}, "must stand at [start, last]"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens but 1 tags"),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, "the token 2 is empty"),
        ({"tokens": "a b"}, "'tokens' must hold a list of strings"),
    ],
)
def test_mistakes(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        with_spans(Row("a.jsonl", 3, {"text": TEXT, **values}))
    assert str(error.value).startswith("a.jsonl line 3: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["Mr.", "Li", ",", "a"], "Mr. Li , a"),
        (["我", "爱", "New", "York", "，", "2", "次"], "我爱New York，2次"),
        (["1", "9", "a"], "19a"),
        (["ＡＢ", "cd", "かな", "가나", "다라"], "ＡＢcdかな가나 다라"),
        (["中共", "—", "“", "x", "”"], "中共—“x”"),
        ([], ""),
    ],
)
def test_joined(tokens: list[str], text: str) -> None:
    assert joined(tokens)[0] == text


@given(st.lists(st.text(min_size=1, max_size=5), max_size=10))
def test_places_cut_out_the_tokens(tokens: list[str]) -> None:
    text, places = joined(tokens)
    assert [text[start:end] for start, end in places] == tokens


def test_overlapping() -> None:
    assert overlapping([Span(3, 5, "a"), Span(0, 3, "b")]) is None
    assert overlapping([Span(2, 5, "a"), Span(0, 3, "b")]) == (Span(0, 3, "b"), Span(2, 5, "a"))
