"""Entities have one spelling of tags and labels, spans end with what is seen, and bad sequences are all listed."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bert_tf.config import OnBadSequence
from bert_tf.data.entity_records import hold_to_scheme
from bert_tf.data.records import Records
from bert_tf.data.sources import open_records
from bert_tf.data.tag_schemes import SchemeFinder
from bert_tf.data.tag_spellings import TagSpellings
from bert_tf.errors import UserError
from bert_tf.tasks.schemas.tagging import Options, TaggingSchema
from tests.data.small_records import write


def opened(path: Path, content: str, scheme: Any = "auto") -> Records:
    schema = TaggingSchema
    records = open_records(
        str(write(path, content)),
        required=("text", "spans"),
        text_columns=("text",),
        source_columns=schema.source_columns,
        prepare=schema.prepare,
    )
    return schema.read_labels(records, Options(scheme=scheme))


def entities(records: Records) -> list[list[tuple[str, str]]]:
    def one(values: dict[str, Any]) -> list[tuple[str, str]]:
        return [(values["text"][span["start"] : span["end"]], span["label"]) for span in values["spans"]]

    return [one(row.values) for row in records]


SENTENCES = "Ann {}\nLee {}\nlives {O}\nin {O}\nRome {}\n\nAnn {}\nLee {}\nis {O}\nin {O}\nhere {O}\n\nHere {O}\n"


@pytest.mark.parametrize(
    ("begin", "inside", "outside"),
    [
        ("B-{}", "I-{}", "0"),
        ("B-{}", "I-{}", "o"),
        ("B_{}", "I_{}", "-"),
        ("b-{}", "i-{}", "o"),
        ("{}-B", "{}-I", "O"),
        ("{}_B", "{}_I", "0"),
        ("{}/B", "{}/I", "O"),
        ("B:{}", "I:{}", "O"),
        ("B/{}", "I/{}", "o"),
        ("B{}", "I{}", "O"),
        ("b.{}", "e.{}", "O"),
        ("I-{}", "I-{}", "O"),
        ("{}", "{}", "O"),
        ("{}", "{}", "0"),
    ],
)
def test_tags_spelled_otherwise(tmp_path: Path, begin: str, inside: str, outside: str) -> None:
    written = (
        begin.format("PER"),
        inside.format("PER"),
        begin.format("LOC"),
        begin.format("PER"),
        inside.format("PER"),
    )
    records = opened(tmp_path / "a.conll", SENTENCES.format(*written, O=outside))
    expected = [[("Ann Lee", "PER"), ("Rome", "LOC")], [("Ann Lee", "PER")], []]
    assert entities(records) == expected
    finder = SchemeFinder()
    for row in records:
        finder.add(row.values["tags"])
    assert (finder.scheme() == "io") == (begin in ("{}", "I-{}"))


@pytest.mark.parametrize("last", ["(LOC*)", "(LOC)"])
@pytest.mark.parametrize("outside", ["*", "-"])
def test_tags_that_are_brackets(tmp_path: Path, last: str, outside: str) -> None:
    written = ("(PER*", "*)", last, "(PER*", "*")
    records = opened(tmp_path / "a.conll", SENTENCES.replace("here {O}", "here *)").format(*written, O=outside))

    assert entities(records) == [[("Ann Lee", "PER"), ("Rome", "LOC")], [("Ann Lee is in here", "PER")], []]


def test_parts_of_speech_that_are_brackets_stay(tmp_path: Path) -> None:
    records = opened(tmp_path / "a.conll", "( (\nAnn NNP\n) )\n* SYM\n")
    assert [label for _, label in entities(records)[0]] == ["(", "NNP", ")", "SYM"]


@pytest.mark.parametrize("counted", [True, False])
def test_tokens_that_are_counted_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture, counted: bool) -> None:
    words = ["1", "2"] if counted else ["Cats", "sleep"]
    sentence = "".join(f"{word}\tx\tO\n" for word in words)
    list(opened(tmp_path / "a.conllu", f"{sentence}\n1\tx\tB-A\n\n{sentence}"))
    assert ("the tokens are 1, 2, 3" in caplog.text) == counted


def test_the_odd_tag_among_many_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = SENTENCES.format("B-PER", "i-per", "PLACE", "B-PER", "I-PER", O="O")
    with caplog.at_level(logging.INFO, "bert_tf"):
        records = opened(tmp_path / "a.conll", content)
        assert entities(records)[0] == [("Ann Lee", "PER"), ("Rome", "PLACE")]
        list(records)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1
    assert "the tag 'PLACE' (1 of 11) has no position letter" in warned[0]
    assert "a.conll line 5" in warned[0]
    assert caplog.text.count("'i-per' read as 'I-PER' in 1") == 1


def test_parts_of_speech_are_left_as_they_are() -> None:
    counts = Counter({"n": 9, "v": 5, "o": 1, "-": 1, "BN": 2, "IN": 3, "s-b": 1})
    spellings = TagSpellings(counts)
    assert {tag: spellings.read(tag) for tag in counts} == {tag: tag for tag in counts}
    penn = Counter(["NN", "IN", "SYM", "UH", "LS", "MD", "EX", "IN", "BES"])
    assert [TagSpellings(penn).read(tag) for tag in penn] == list(penn)


def test_types_alone_are_joined_where_the_scheme_is_io(tmp_path: Path) -> None:
    content = "Ann PER\nLee PER\nsaw ACT\n"
    assert entities(opened(tmp_path / "a.conll", content, "io")) == [[("Ann Lee", "PER"), ("saw", "ACT")]]
    alone = [("Ann", "PER"), ("Lee", "PER"), ("saw", "ACT")]
    assert entities(opened(tmp_path / "b.conll", content)) == [alone]
    assert entities(opened(tmp_path / "c.conll", "a O\nb O\n" + content, "iob1")) == [alone]


def test_segmentation_in_small_letters() -> None:
    spellings = TagSpellings(Counter("bmeesb"))
    assert [spellings.read(tag) for tag in "bmes"] == list("BMES")


def test_blanks_at_the_ends_of_spans_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = '{"text": "Ann lives in Rome\\u3000", "spans": [[0, 4, "per "], [12, 18, "loc"], [4, 9, "v"]]}\n'
    with caplog.at_level(logging.INFO, "bert_tf"):
        records = opened(tmp_path / "a.jsonl", content)
        assert entities(records) == [[("Ann", "per"), ("Rome", "loc"), ("lives", "v")]]
        list(records)
    assert caplog.text.count("2 spans had blanks at their ends") == 1
    assert caplog.text.count("'per ' read as 'per' in 1") == 1
    with pytest.raises(UserError, match="b.jsonl line 1: the span 3 to 4 .loc. holds nothing but blanks"):
        list(opened(tmp_path / "b.jsonl", '{"text": "Ann lives", "spans": [[3, 4, "loc"]]}'))


def test_labels_of_spans_are_checked(tmp_path: Path) -> None:
    for label, reason in (('"a\\nb"', "has a line break in it"), ('["a"]', "the label is a list")):
        content = f'{{"text": "Ann lives", "spans": [[0, 3, {label}]]}}'
        with pytest.raises(UserError, match=f"a.jsonl line 1: .*{reason}"):
            list(opened(tmp_path / "a.jsonl", content))


BMES = "a B-X\nb M-X\n\nc B-X\nd E-X\n\ne E-X\n\nf B-X\ng O\n"


@pytest.mark.parametrize(
    ("content", "name", "reasons"),
    [
        (
            BMES,
            "BMES",
            ["line 2: M-X stands at the end of the sentence, where its E", "line 7: E-X", "M or E of"],
        ),
        (BMES.replace("M-", "I-"), "BIOES", ["an I or E of its type, not by O"]),
        (BMES.replace("M-", "I-").replace("E-", "L-"), "BILOU", ["an I or L of its type, not by O"]),
    ],
)
def test_bad_sequences_are_all_listed_by_the_name_of_their_scheme(
    tmp_path: Path, content: str, name: str, reasons: list[str]
) -> None:
    records = opened(tmp_path / "a.conll", content)
    with pytest.raises(UserError) as error:
        hold_to_scheme(records, "bioes", "error")
    message = str(error.value)
    assert message.startswith(f"{tmp_path}/a.conll: 3 of 4 sentences have tags that {name} does not allow:\n")
    assert message.count("\n  ") == 3
    assert "--data.on_bad_sequence repair" in message
    for reason in reasons:
        assert reason in message


@pytest.mark.parametrize(("action", "texts"), [("repair", ["ab", "cd", "e", "fg"]), ("skip", ["cd"])])
def test_bad_sequences_are_repaired_or_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, action: OnBadSequence, texts: list[str]
) -> None:
    records = hold_to_scheme(opened(tmp_path / "a.conll", BMES), "bioes", action)
    assert [row.values["text"] for row in records] == texts
    assert "3 of 4 sentences have tags that BMES does not allow; they were" in caplog.text
    if action == "repair":
        assert entities(records) == [[("ab", "X")], [("cd", "X")], [("e", "X")], [("f", "X")]]


def test_many_bad_sequences_are_counted_and_the_first_listed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="(?s)25 of 26 sentences.*line 3: .*  … 15 more\n"):
        hold_to_scheme(opened(tmp_path / "a.conll", "a B-X\n\n" + "b I-X\n\n" * 25), "iob2", "error")
    with pytest.raises(UserError, match="on_bad_sequence skip leaves no sentence"):
        hold_to_scheme(opened(tmp_path / "a.conll", "b I-X\n\n" * 3), "iob2", "skip")
