"""Cleaning: what it changes, what it drops, what it reports."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.config import CleaningConfig
from bert_tf.data.cleaning import clean, clean_text
from bert_tf.data.records import Records
from bert_tf.errors import UserError
from tests.data.small_records import labelled, made_records


def config(**options: Any) -> CleaningConfig:
    """A config with everything off but what is named."""
    return CleaningConfig(**{"unicode": "none", "control_characters": False, "whitespace": False, **options})


# === Texts ===


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a \u3000 b\t\n", "a b"),
        ("a\u200bb\ufeff\u00ad\u202e\u2066\x00\x7f\ud800", "ab"),
        ("two\x0blines\x85of\x1ctext", "two lines of text"),
        ("e\u0301", "é"),
        ("３ ﬁ", "３ ﬁ"),
        ("我\u200d喜\u200c欢\u200b你", "我喜欢你"),
        ("可爱👩\u200d👩\u200d👧❤\ufe0f\u200d🔥👋🏽", "可爱👩\u200d👩\u200d👧❤\ufe0f\u200d🔥👋🏽"),
        ("👩\u200d and\u200d", "👩 and"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian: ZWNJ parts prefix and stem
        ("ක්\u200dෂ", "ක්\u200dෂ"),  # Sinhala: ZWJ makes a conjunct
        (
            "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f!",
            "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f!",
        ),
        ("hidden\U000e0068\U000e0069", "hidden"),
    ],
)
def test_by_default(text: str, expected: str) -> None:
    assert clean_text(text, CleaningConfig()) == expected


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ({}, " a\u200b \x00 e\u0301&amp;<b>", " a\u200b \x00 e\u0301&amp;<b>"),
        ({"control_characters": True}, " a\x00\u200b\t\r\n\x0b ", " a\t\r\n  "),
        ({"whitespace": True}, "\u2003a\u00a0\u3000b\u200b ", "a b\u200b"),
        ({"unicode": "NFC"}, "e\u0301 ３", "é ３"),
        ({"unicode": "NFKC"}, "e\u0301 ３ ﬁ ＡＢＣ，", "é 3 fi ABC,"),
    ],
)
def test_each_option_does_its_part_only(options: dict[str, Any], text: str, expected: str) -> None:
    assert clean_text(text, config(**options)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p class='x'>a&amp;b</p><br/>c", "a&b c"),
        ("I <3 you, a < b and c > d, x<y", "I <3 you, a < b and c > d, x<y"),
        ("@<user> said <unk> at <URL>", "@<user> said <unk> at <URL>"),
        ("a<!-- hidden <b> -->b", "a b"),
        ("x<script>if (a<b) alert('c')</script>y<STYLE >p{}</style\n>z", "x y z"),
        ("<!DOCTYPE html><html><body>我<b>喜欢</b>它</body></html>", "我喜欢它"),
        ("H<sub>2</sub>O&nbsp;&#8203;&#x1F600;&hellip;", "H2O 😀…"),
        ('<a href="x?a>b" title=\'"\'>link</a > <img\nsrc=x/>end', "link end"),
        ("Word<o:p></o:p><my-tag>!</my-tag>", "Word !"),
        ("twice &amp;lt;br /&amp;gt; escaped", "twice escaped"),
        ('broken <b and <br class=" text', 'broken <b and <br class=" text'),
        ("R&D, AT&T; &unknown;", "R&D, AT&T; &unknown;"),
        ("full width ＜b＞ and a &l\u200bt;br> split", "full width ＜b＞ and a split"),
    ],
)
def test_html(text: str, expected: str) -> None:
    assert clean_text(text, CleaningConfig(html=True)) == expected


CONFIGS = st.builds(
    CleaningConfig,
    unicode=st.sampled_from(["none", "NFC", "NFKC"]),
    control_characters=st.booleans(),
    html=st.booleans(),
    whitespace=st.booleans(),
)
MARKUP = r"""<b > <br/> < ＜ ＞ & &amp; &lt; lt; gt; #x26; amp; <!-- --> <script> </script> p / " ' """
CHARACTERS = (
    "\u0645\U0001f469\u00e9\u2122\ufdfa\U0001f3f4\u200b\u200c\u200d\ufe0f\u0301\u00b4\ud800\U000e0067\U000e007f"
)
PIECES = [*MARKUP.split(), *CHARACTERS, *" \t\x85\u3000"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)), CONFIGS)
def test_cleaning_twice_changes_nothing(text: str, options: CleaningConfig) -> None:
    once = clean_text(text, options)
    assert clean_text(once, options) == once


@given(st.text())
def test_what_is_promised_of_a_cleaned_text(text: str) -> None:
    cleaned = clean_text(text, CleaningConfig())
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert not [character for character in cleaned if unicodedata.category(character) in ("Cc", "Cs")]
    cleaned.encode("utf-8")


# Format characters that are seen, or that change how the letters beside them look.
SEEN_FORMATS = {
    *map(chr, range(0x600, 0x606)),  # Arabic number signs
    *"\u06dd\u070f\u0890\u0891\u08e2\u180e\U000110bd\U000110cd",
    *map(chr, range(0x13430, 0x13440)),  # Egyptian quadrats
}


def test_every_control_and_format_character_is_removed_or_seen() -> None:
    options = config(control_characters=True)
    hidden = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in ("Cc", "Cf", "Cs")]
    assert {c for c in hidden if c in clean_text(f"a{c}b", options)} == SEEN_FORMATS.intersection(hidden) | set(
        "\t\n\r"
    )


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_cleaning_twice_changes_nothing_for_any_neighbour_of_a_joiner(form: str) -> None:
    options = CleaningConfig(unicode=form)
    assigned = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in ("Cn", "Co", "Cs")]
    once = clean_text(" ".join(f"a{c}\u200c\u200d{c}\u200d🔥" for c in assigned), options)
    assert clean_text(once, options) == once


# === Records ===


def kept_texts(records: Records, **options: Any) -> list[str]:
    kept, report = clean(records, CleaningConfig(**options), text_columns=("text",), label_column="label")
    texts = [row.values["text"] for row in kept]
    assert texts == [row.values["text"] for row in kept]
    assert report.rows_out == kept.count() == len(texts)
    return texts


def test_drops_are_counted() -> None:
    rows = labelled(("a", 1), ("a ", 1), ("b", 1), ("b", 0), ("", 1), (None, 1), ("\u200bc", 0), ("b", 1))
    options = CleaningConfig(duplicates="drop", conflicting_labels="drop")
    kept, report = clean(rows, options, text_columns=("text",), label_column="label")
    assert [(row.line, row.values) for row in kept] == [(2, {"text": "a", "label": 1}), (8, {"text": "c", "label": 0})]
    assert report.as_dict() == {
        "rows_in": 8,
        "rows_out": 2,
        "empty": 2,
        "duplicates": 1,
        "conflicting_labels": 3,
        "texts_changed": 2,
        "changed_by": {"control_characters": 1, "unicode": 0, "whitespace": 1},
    }
    assert str(report) == (
        "8 rows read, 2 kept (dropped: 2 empty, 1 duplicates, 3 with conflicting labels); "
        "2 texts changed (by 1 control characters, 1 whitespace)"
    )


def test_duplicates_and_conflicts_stay_unless_asked() -> None:
    rows = labelled(("a", 1), ("a", 1), ("b", 1), ("b", 0), ("b", 1))
    assert kept_texts(rows) == ["a", "a", "b", "b", "b"]
    assert kept_texts(rows, duplicates="drop") == ["a", "b", "b"]
    assert kept_texts(rows, conflicting_labels="drop") == ["a", "a"]


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", " a", "", " "]), st.sampled_from([0, 1, 2]))),
    st.sampled_from(["keep", "drop"]),
    st.sampled_from(["keep", "drop"]),
)
def test_drops_equal_those_of_a_plain_loop(rows: list[tuple[str, int]], duplicates: str, conflicts: str) -> None:
    stripped = [(text.strip(), label) for text, label in rows if text.strip()]
    labels_of = {text: {label for other, label in stripped if other == text} for text, _ in stripped}
    if conflicts == "drop":
        stripped = [(text, label) for text, label in stripped if len(labels_of[text]) == 1]
    if duplicates == "drop":
        stripped = list(dict.fromkeys(stripped))
    texts = kept_texts(labelled(*rows), duplicates=duplicates, conflicting_labels=conflicts)
    assert texts == [text for text, _ in stripped]


def test_pairs_are_duplicates_only_as_a_whole() -> None:
    pairs = [("a", "b"), ("b", "a"), ("a", "b"), ("ab", ""), ("a1:b", "c"), ("a", "b1:c")]
    rows = made_records({"text": text, "text_pair": pair or "c"} for text, pair in pairs)
    kept, report = clean(rows, CleaningConfig(duplicates="drop"), text_columns=("text", "text_pair"), label_column=None)
    assert (report.duplicates, [row.line for row in kept]) == (1, [2, 3, 5, 6, 7])


def test_a_pair_with_an_empty_half_is_empty() -> None:
    rows = made_records([{"text": "a", "text_pair": " "}, {"text": "a", "text_pair": "b"}])
    _, report = clean(rows, CleaningConfig(), text_columns=("text", "text_pair"), label_column=None)
    assert (report.empty, report.rows_out) == (1, 1)


def test_empty_text_can_be_an_error() -> None:
    with pytest.raises(UserError) as caught:
        clean(labelled(("a", 1), (" ", 1)), CleaningConfig(empty="error"), text_columns=("text",), label_column=None)
    assert str(caught.value) == (
        "x.tsv line 3: the column 'text' is empty. Fill it in or pass --data.cleaning.empty drop."
    )


def test_the_source_is_left_as_it_was() -> None:
    rows = labelled((" a ", 1))
    list(clean(rows, CleaningConfig(), text_columns=("text",), label_column=None)[0])
    assert next(iter(rows)).values["text"] == " a "
