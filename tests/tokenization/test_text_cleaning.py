"""Cleaning in the graph: against Python's, and by where it says that the characters stood."""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from functools import cache
from html.entities import html5
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.config import CleaningConfig, TextCleaningConfig
from bert_tf.data.cleaning import clean_text
from bert_tf.data.records import to_utf8
from bert_tf.tokenization import text_cleaning
from bert_tf.tokenization.text_cleaning import TextCleaner
from tests.data.test_cleaning import PIECES
from tests.property_tests import examples

NOTHING = {"unicode": "none", "control_characters": False, "html": False, "whitespace": False}
CONFIGS = {
    "default": {},
    "nfkc": {"unicode": "NFKC"},
    "html": {"html": True},
    "all": {"unicode": "NFKC", "html": True},
    "html alone": {**NOTHING, "html": True},
    "controls alone": {**NOTHING, "control_characters": True},
    "whitespace alone": {**NOTHING, "whitespace": True},
    "nfc alone": {**NOTHING, "unicode": "NFC"},
}
CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
# In the middle of these stand Chinese, Hangul and other characters that are alike, and ones that nobody uses.
ALIKE = [(0x3500, 0x9F00), (0xA010, 0xA480), (0xAC20, 0xD780), (0xE010, 0xF8F0), (0x13500, 0x16800), (0x17010, 0x1AFF0)]
ALIKE += [(0x1FC00, 0x1FFF0), (0x20010, 0x2F7F0), (0x2FA20, 0xDFFF0), (0xE0200, 0x10FFF0)]
TELLING = [c for c in CHARACTERS if not any(first < ord(c) < last for first, last in ALIKE)]


@cache
def cleaner(name: str) -> tuple[TextCleaningConfig, Any]:
    """A config, and its graph with offsets; the texts are those of the one without."""
    config = TextCleaningConfig(**CONFIGS[name])
    made = TextCleaner.of(config)
    assert made is not None
    run = tf.function(lambda texts: (made.clean(texts), *made.clean_with_offsets(texts)))
    return config, run.get_concrete_function(tf.TensorSpec([None], tf.string))


def cleaned(name: str, texts: list[str]) -> list[str]:
    """The cleaned texts; their offsets are checked for what holds for all."""
    found, again, starts, ends = cleaner(name)[1](tf.constant(list(map(to_utf8, texts)), tf.string))
    made = [text.decode() for text in found.numpy()]
    assert again.numpy().tolist() == found.numpy().tolist()
    for text, new, begins, stops in zip(texts, made, starts.to_list(), ends.to_list(), strict=True):
        assert len(begins) == len(stops) == len(new)
        assert all(0 <= begin < stop <= len(text) for begin, stop in zip(begins, stops, strict=True))
        assert begins == sorted(begins)
        assert stops == sorted(stops)
    return made


def differing(name: str, texts: list[str]) -> list[tuple[str, str, str]]:
    """Text, Python's and the graph's, where they differ. A text that Python has cleaned never gives another text."""
    config, made = cleaner(name)[0], cleaned(name, texts)
    expected = [clean_text(text, config) for text in texts]
    assert cleaned(name, expected) == made
    return [row for row in zip(texts, expected, made, strict=True) if row[1] != row[2]]


@pytest.mark.parametrize("name", ["default", "all", "html alone", "controls alone", "whitespace alone"])
def test_every_character_is_cleaned_as_in_python(name: str) -> None:
    """But those that are newer than Python's Unicode, which the one graph of training and answering reads alike."""
    found = differing(name, TELLING)
    texts = [f"a{c}b e{c}\u0301\u0323 🔥{c}\u200d🔥\u200d{c} &{c}amp;<{c}b>" for c in TELLING[::6]]
    newer = {c for text, _, _ in [*found, *differing(name, texts)] for c in text if unicodedata.category(c) == "Cn"}
    assert len(newer) >= len(found)
    assert not [text for text, _, _ in found if not newer.intersection(text)]


TEXTS = st.one_of(
    st.text(), st.lists(st.sampled_from([*PIECES, *"\u1112\u1161\u11ab가ﬁａ\u0323\x00\x0b"])).map("".join)
)


@examples(60)
@given(st.lists(TEXTS, min_size=1, max_size=6))
@pytest.mark.parametrize("name", ["default", "all", "html alone"])
def test_any_text_is_cleaned_as_in_python(name: str, texts: list[str]) -> None:
    newer = [c for text in texts for c in text if unicodedata.category(c) == "Cn"]
    config = cleaner(name)[0]
    # Halves of surrogate pairs have no UTF-8: what stands for them is removed with them, or stays.
    texts = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    assert newer or cleaned(name, texts) == [clean_text(text, config) for text in texts]


def test_every_entity_is_decoded_as_in_python() -> None:
    numbers = [*range(0x200), *range(0xD7F0, 0xD810), *range(0xFDC0, 0x10010), *range(0x10FFF0, 0x110010), 10**9]
    texts = [f"x&{entity}y" for entity in html5] + [f"&{entity[:-1]}x;" for entity in html5]
    texts += [form for number in numbers for form in (f"&#{number};&#{number}x", f"&#x{number:x};&#X0{number:X}")]
    texts += [
        "&#" + "0" * 5000 + "65;",
        "&#" + "9" * 5000 + ";",
        "&amp;amp;lt;b&amp;gt;",
        "&ampamp;",
        "&notit;&",
        "&#x;&#;",
    ]
    assert differing("html alone", texts) == []
    plain = [text for text in texts[: len(html5)] if "<" not in html.unescape(text) and "&" not in html.unescape(text)]
    assert cleaned("html alone", plain) == list(map(html.unescape, plain))


def test_bytes_that_are_not_utf_8_are_dropped_and_do_not_count() -> None:
    broken = tf.constant([b"\xffa \xe4  b\xed\xa0\x80e\xcc\x81", b"\xff"])
    for name in ("default", "html"):
        texts, again, starts, ends = cleaner(name)[1](broken)
        assert texts.numpy().tolist() == again.numpy().tolist() == ["a bé".encode(), b""]
        assert (starts.to_list(), ends.to_list()) == ([[0, 1, 4, 5], []], [[1, 4, 5, 7], []])


@pytest.mark.parametrize(
    ("name", "text", "pieces"),
    [
        ("default", "  a \u3000 b\n", ["a", " \u3000 ", "b"]),
        ("default", "e\u0301q\u0323\u0307x", ["e\u0301", "q", "\u0323", "\u0307", "x"]),
        ("default", "so\u00adft\u200b!", [*"soft!"]),
        ("default", "\u1112\u1161\u11ab글", ["\u1112\u1161\u11ab", "글"]),
        ("nfkc", "ﬁｎ㎏", ["ﬁ", "ﬁ", "ｎ", "㎏", "㎏"]),
        ("nfkc", "ｇ\u00a0 ｏ", ["ｇ", "\u00a0 ", "ｏ"]),
        ("html", "<b>A</b>&amp;B<br/>&#67;", ["A", "&amp;", "B", "<br/>", "&#67;"]),
        ("html", "a<p> </p>&#x65;\u0301", ["a", "<p> </p>", "&#x65;\u0301"]),
        ("html", "&amp;lt;b&amp;gt;x", ["x"]),
        ("all", "＆ａｍｐ;ｘ", ["＆ａｍｐ;", "ｘ"]),
    ],
)
def test_each_character_knows_what_it_stands_for(name: str, text: str, pieces: list[str]) -> None:
    _, _, [starts], [ends] = (
        values.to_list() if index > 1 else values for index, values in enumerate(cleaner(name)[1](tf.constant([text])))
    )
    assert [text[start:end] for start, end in zip(starts, ends, strict=True)] == pieces


def test_the_quick_way_is_taken_only_where_no_step_changes_anything() -> None:
    second = {d[1] for c in CHARACTERS if len(d := unicodedata.normalize("NFD", c)) > 1} | set(
        map(chr, range(0x1161, 0x1200))
    )
    for name, plain, form in (("default", text_cleaning._PLAIN, "NFC"), ("nfkc", text_cleaning._PLAIN_NFKC, "NFKC")):
        pattern = re.compile("[!-~" + re.sub(r"x\{(\w+)\}", lambda code: f"U{int(code[1], 16):08x}", plain) + "]")
        config = cleaner(name)[0]
        chosen = [c for c in CHARACTERS if pattern.match(c)]
        assert "".join(chosen) == clean_text("".join(chosen), config)
        assert not second.intersection(chosen)
        assert not [c for c in chosen if unicodedata.combining(c) or not unicodedata.is_normalized(form, c)]
        assert len(chosen) > 80_000


def test_rows_of_a_batch_do_not_touch() -> None:
    texts = ["e", "\u0301", "", " a", "b ", "👩", "\u200d👩", "plain", "&lt", ";", "\u1112", "\u1161"]
    for name in ("default", "all"):
        assert cleaned(name, texts) == [cleaned(name, [text])[0] for text in texts]
        assert cleaned(name, []) == []


def test_a_cleaner_is_made_of_what_a_preset_says() -> None:
    config = CleaningConfig(unicode="NFKC", duplicates="drop")
    made = TextCleaner.of(config)
    assert made is not None
    assert made.config == TextCleaningConfig(unicode="NFKC")
    again = TextCleaner.of(made.config.model_dump())
    assert again is not None
    assert again.config == made.config
    assert TextCleaner.of(None) is TextCleaner.of(NOTHING) is None
