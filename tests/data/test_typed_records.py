"""Several records on the command line, each answered; a count that does not fit is an error."""

from __future__ import annotations

import pytest

from bert_tf.data.typed_records import typed_rows
from bert_tf.errors import UserError


def test_several_texts_are_several_records() -> None:
    assert [row.values for row in typed_rows({"text": ["a", "b"]}, ["text"])] == [{"text": "a"}, {"text": "b"}]


def test_one_context_goes_with_every_question() -> None:
    rows = typed_rows({"question": ["a", "b"], "context": ["c"]}, ["question", "context"])
    assert [row.values["context"] for row in rows] == ["c", "c"]
    assert rows[1].where() == "--question (number 2)"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": ["a"]}, "--text_pair is required"),
        ({"text": ["a"], "text_pair": ["b"], "context": ["c"]}, "--context: this model reads text and text_pair only"),
        ({"text": ["a", "b", "c"], "text_pair": ["d", "e"]}, "--text_pair has 2 values, --text has 3"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        typed_rows(given, ["text", "text_pair"])
