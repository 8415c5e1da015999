"""Cleaning: what it changes, what it drops, what it reports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.config import CleaningConfig
from bert_tf.data.cleaning import clean, clean_text
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError


def records(*rows: tuple[object, object]) -> Records:
    made = [Row("x.tsv", number + 2, {"text": text, "label": label}) for number, (text, label) in enumerate(rows)]
    return Records("x.tsv", lambda: iter(made))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a \u3000 b\t\n", "a b"),
        ("a\u200bb\ufeff\u00ad\x00", "ab"),
        ("e\u0301", "é"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("３", "３"),
    ],
)
def test_clean_text_by_default(text: str, expected: str) -> None:
    assert clean_text(text, CleaningConfig()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p class='x'>a&amp;b</p><br/>c", "a&b c"),
        ("I <3 you, a < b and c > d", "I <3 you, a < b and c > d"),
        ("a<!-- hidden -->b", "a b"),
    ],
)
def test_html(text: str, expected: str) -> None:
    assert clean_text(text, CleaningConfig(html=True)) == expected


@given(st.text(), st.sampled_from(["none", "NFC", "NFKC"]))
def test_cleaning_twice_changes_nothing(text: str, form: str) -> None:
    config = CleaningConfig(unicode=form)
    once = clean_text(text, config)
    assert clean_text(once, config) == once


def test_drops_are_counted_and_repeatable() -> None:
    rows = records(("a", 1), ("a ", 1), ("b", 1), ("b", 0), ("", 1), (None, 1), ("c", 0), ("b", 1))
    config = CleaningConfig(duplicates="drop", conflicting_labels="drop")
    kept, report = clean(rows, config, text_columns=("text",), label_column="label")
    assert [row.values["text"] for row in kept] == ["a", "c"] == [row.values["text"] for row in kept]
    assert [row.line for row in kept] == [2, 8]
    assert report.as_dict() == {
        "rows_in": 8,
        "rows_out": 2,
        "empty": 2,
        "duplicates": 1,
        "conflicting_labels": 3,
        "changed": 2,
    }
    assert "8 rows read, 2 kept (dropped: 2 empty, 1 duplicates, 3 with conflicting labels)" in str(report)


def test_duplicates_stay_unless_asked() -> None:
    kept, _ = clean(records(("a", 1), ("a", 1)), CleaningConfig(), text_columns=("text",), label_column="label")
    assert kept.count() == 2


def test_empty_text_can_be_an_error() -> None:
    with pytest.raises(UserError, match="x.tsv line 3: the column 'text' is empty"):
        clean(records(("a", 1), (" ", 1)), CleaningConfig(empty="error"), text_columns=("text",), label_column=None)


def test_a_nested_value_is_no_text() -> None:
    with pytest.raises(UserError, match="x.tsv line 2: the column 'text' holds list"):
        clean(records((["a"], 1)), CleaningConfig(), text_columns=("text",), label_column=None)
