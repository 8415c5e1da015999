"""The report of a vocabulary, on texts that can be counted by hand, and the command that prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bert_tf.backbones.sources.scratch import read_vocabulary
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS
from bert_tf.tokenization.vocabulary_report import report_vocabulary
from tests.conftest import Command


def test_counted_by_hand() -> None:
    """ab → ab; abb → ab ##b; 中 → 中; 文 and xyz are unknown; ! → !"""
    report = report_vocabulary([*RESERVED_TOKENS, "ab", "##b", "中", "!"], ["Ab abb 中文!", "xyz"], lowercase=True)
    assert (report.texts, report.characters, report.words, report.tokens) == (2, 11, 6, 7)
    assert (report.unknown_tokens, report.used_tokens) == (2, 4)
    assert report.known_characters == 5  # b, b, b, 中, !
    assert report.rates() == {
        "character_coverage": pytest.approx(5 / 11),
        "unknown_rate": pytest.approx(2 / 7),
        "tokens_per_character": pytest.approx(7 / 11),
        "tokens_per_word": pytest.approx(7 / 6),
    }


def test_nothing_to_count() -> None:
    assert set(report_vocabulary(RESERVED_TOKENS, [], lowercase=True).rates().values()) == {0.0}


def test_command(tmp_path: Path, command: Command) -> None:
    corpus = tmp_path / "corpus.csv"
    corpus.write_text("body\n" + "很好的书 good books\n" * 20, encoding="utf-8")
    flags = ["--data", corpus, "--columns.text", "body", "--size", 60, "--reserved_tokens", "[S1]", "[S2]"]
    done = command("vocab", *flags, "--output", tmp_path / "vocab.txt")
    assert done.returncode == 0, done.stderr
    tokens = read_vocabulary(tmp_path / "vocab.txt")
    assert tokens[:7] == [*RESERVED_TOKENS, "[S1]", "[S2]"]
    assert {"好", "good", "books"} <= set(tokens)
    assert ["unknown", "rate", "0.0000"] in [line.split() for line in done.stdout.splitlines()]
    again = command("vocab", *flags, "--output", tmp_path / "again.txt")
    assert again.stdout == done.stdout
    assert read_vocabulary(tmp_path / "again.txt") == tokens

    refused = command("vocab", "--data", corpus, "--output", tmp_path / "x.txt")
    assert refused.returncode == 2
    assert (
        "there is no column 'text'; there are: 'body'. Name the right one with --columns.text NAME." in refused.stderr
    )
    assert not (tmp_path / "x.txt").exists()
