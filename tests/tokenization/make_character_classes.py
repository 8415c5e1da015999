"""Writes ``bert_tf/tokenization/character_classes.py`` by asking Hugging Face's normaliser about every code point.

    python -m tests.tokenization.make_character_classes

Run it after an upgrade of ``tokenizers`` or ``tensorflow-text`` if test_bert_tokenizer.py finds a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import normalizers, pre_tokenizers

import bert_tf.tokenization

CODE_POINTS = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
TARGET = Path(bert_tf.tokenization.__file__).with_name("character_classes.py")


def reference_classes() -> dict[int, str]:
    """What Hugging Face makes of each code point between two letters: drop, space, alone or word."""
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    split = pre_tokenizers.BertPreTokenizer()

    def name(code: int) -> str:
        words = [word for word, _ in split.pre_tokenize_str(clean.normalize_str(f"a{chr(code)}b"))]
        if words == ["ab"]:
            return "drop"
        return {1: "word", 2: "space", 3: "alone"}[len(words)]

    return {code: name(code) for code in CODE_POINTS}


def tf_text_classes() -> dict[int, str]:
    """The same of ``tf_text.FastBertTokenizer`` without lower-casing."""
    vocabulary = ["[PAD]", "[UNK]", "a", "b", "##a", "##b", "ab"]
    tokenizer = tf_text.FastBertTokenizer(
        vocab=vocabulary, lower_case_nfd_strip_accents=False, token_out_type=tf.int32, unknown_token="[UNK]"
    )
    names = {(6,): "drop", (2, 3): "space", (2, 1, 3): "alone", (1,): "word"}
    ids: list[list[int]] = []
    for start in range(0, len(CODE_POINTS), 100_000):
        batch = [f"a{chr(code)}b" for code in CODE_POINTS[start : start + 100_000]]
        ids += tokenizer.tokenize(tf.constant(batch)).to_list()
    return {code: names.get(tuple(row), "word") for code, row in zip(CODE_POINTS, ids, strict=True)}


def accents() -> list[int]:
    """The code points that Hugging Face strips after NFD."""
    strip = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False
    )
    return [code for code in CODE_POINTS if strip.normalize_str(f"a{chr(code)}b") == "ab"]


def decomposed_by_tf_text_only() -> list[int]:
    """The code points that TF Text's NFD takes apart and Hugging Face's older tables do not."""
    characters = [chr(code) for code in CODE_POINTS]
    found = [value.decode() for value in tf_text.normalize_utf8(tf.constant(characters), "NFD").numpy()]
    expected = [normalizers.NFD().normalize_str(character) for character in characters]
    different = [c for c, want, got in zip(characters, expected, found, strict=True) if want != got]
    assert all(normalizers.NFD().normalize_str(character) == character for character in different)
    return [ord(character) for character in different]


def newer_capitals() -> dict[str, str]:
    """Capitals that TensorFlow's older tables leave as they are, and their small letters."""
    characters = [chr(code) for code in CODE_POINTS[1:]]
    found = [value.decode() for value in tf.strings.lower(tf.constant(characters), encoding="utf-8").numpy()]
    expected = [normalizers.Lowercase().normalize_str(character) for character in characters]
    return {c: want for c, want, got in zip(characters, expected, found, strict=True) if want != got}


def character_class(codes: Iterable[int]) -> str:
    """RE2 ranges, such as ``\\x{41}-\\x{5A}``; surrogates, which no text holds, do not break a range."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and (code == ranges[-1][1] + 1 or (ranges[-1][1] == 0xD7FF and code == 0xE000)):
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\x{{{a:X}}}" if a == b else f"\\x{{{a:X}}}-\\x{{{b:X}}}" for a, b in ranges)


def main() -> None:
    reference, found = reference_classes(), tf_text_classes()
    taken_apart = decomposed_by_tf_text_only()
    classes = {
        "DROPPED": [code for code, name in reference.items() if name == "drop"],
        "ACCENTS": accents(),
        "ALONE_BUT_WORD_IN_TF_TEXT": [c for c, name in reference.items() if name == "alone" and found[c] == "word"],
        "WORD_BUT_NOT_IN_TF_TEXT": [
            *(c for c, name in reference.items() if name == "word" and found[c] != "word"),
            *taken_apart,
        ],
        "BETWEEN_WORDS": [code for code, name in reference.items() if name in ("space", "alone")],
    }
    meanings = {
        "DROPPED": "removed before anything else: control, format, private use, U+FFFD",
        "ACCENTS": "removed after NFD when accents are stripped",
        "ALONE_BUT_WORD_IN_TF_TEXT": "a token of their own, which TF Text takes for letters",
        "WORD_BUT_NOT_IN_TF_TEXT": "part of a word, which TF Text (newer tables) splits off, drops or takes apart",
        "BETWEEN_WORDS": "whitespace, punctuation and Chinese characters: what ends a word",
    }
    lines = [
        '"""Classes of Unicode characters as Hugging Face\'s ``BertNormalizer`` and ``BertPreTokenizer`` see them.',
        "",
        "Generated by tests/tokenization/make_character_classes.py; the contents of an RE2 character class each.",
        '"""',
    ]
    for name, codes in classes.items():
        text = character_class(codes)
        ranges = re.findall(r"\\x\{\w+\}(?:-\\x\{\w+\})?", text)
        parts = ["".join(ranges[i : i + 6]) for i in range(0, len(ranges), 6)]
        lines += ["", f"# {meanings[name]}", f"{name} = (", *(f'    r"{part}"' for part in parts), ")"]
    capitals = newer_capitals()
    for name, meaning, characters in (
        ("NEWER_CAPITALS", "letters that are newer than the tables of tf.strings.lower", "".join(capitals)),
        ("NEWER_SMALL_LETTERS", "their lower case, in the same order", "".join(capitals.values())),
    ):
        assert len(characters) == len(capitals)
        parts = [ascii(characters[i : i + 8])[1:-1] for i in range(0, len(characters), 8)]
        lines += ["", f"# {meaning}", f"{name} = (", *(f'    "{part}"' for part in parts), ")"]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
