"""CoNLL files as they are met, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import pytest

from bert_tf.data.records import Row
from bert_tf.data.sources import open_records
from bert_tf.data.span_records import with_spans
from bert_tf.errors import UserError

CONLL_2003 = """-DOCSTART- -X- -X- O

# a comment
EU NNP B-NP B-ORG
rejects VBZ B-VP O
# $ B-NP O

German JJ B-NP B-MISC
call NN I-NP O
"""


def read(path: Path, content: str, spec: str = "", **columns: str) -> list[Row]:
    path.write_text(content, encoding="utf-8")
    records = open_records(
        spec or str(path),
        columns=columns,
        required=("text", "spans"),
        text_columns=("text",),
        source_columns=("tokens", "tags", "label"),
        prepare=with_spans,
    )
    return list(records)


def test_conll_2003(tmp_path: Path) -> None:
    first, second = read(tmp_path / "train.conll", CONLL_2003)
    assert first.values == {
        "tokens": ["EU", "rejects", "#"],
        "tags": ["B-ORG", "O", "O"],
        "text": "EU rejects #",
        "spans": [{"start": 0, "end": 2, "label": "ORG"}],
    }
    assert first.where() == f"{tmp_path}/train.conll lines 4-6"
    assert second.values["text"] == "German call"
    assert second.line == 8


def test_a_column_by_its_number(tmp_path: Path) -> None:
    first, _ = read(tmp_path / "train.conll", CONLL_2003, tokens="0", tags="-3")
    assert first.values["tags"] == ["NNP", "VBZ", "$"]
    assert [span["label"] for span in first.values["spans"]] == ["NNP", "VBZ", "$"]
    assert "0" not in first.values


@pytest.mark.parametrize("name", ["dev.bio", "dev.iob2", "dev.txt"])
def test_characters_with_tabs_and_any_name(tmp_path: Path, name: str) -> None:
    content = "#话题\tO\r\n李\tB-PER\r\n鹏\tI-PER\r\n\r\n\r\n１\tO\r\n9\tO\r\n"
    first, second = read(tmp_path / name, content, spec=f"conll:{tmp_path}/{name[:3]}*")
    assert (first.values["text"], first.values["spans"]) == ("#话题李鹏", [{"start": 3, "end": 5, "label": "PER"}])
    assert second.values["text"] == "１9"


def test_conllu(tmp_path: Path) -> None:
    content = (
        "# newdoc\n# text = vámonos\n1-2\tvámonos" + "\t_" * 8 + "\n"
        "1\tvamos\tir\tVERB" + "\t_" * 6 + "\n2\tnos\tnosotros\tPRON" + "\t_" * 6 + "\n"
    )
    (row,) = read(tmp_path / "es.conllu", content, tokens="1", tags="3")
    assert row.values["text"] == "vamos nos"
    assert row.values["spans"][1] == {"start": 6, "end": 9, "label": "PRON"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("EU B-ORG\nrejects\n", "train.conll line 2: one column, but the lines before have 2"),
        ("EU B-ORG\n\nU N O\n", "train.conll line 3: 3 columns, but the lines before have 2"),
        ("EU\tB-ORG\n\tO\n", "train.conll line 2: the column 0 is empty"),
        ("EU\n", "train.conll: there is no column 'spans'"),
        ("", None),
    ],
)
def test_broken_files(tmp_path: Path, content: str, message: str | None) -> None:
    if message is None:
        assert read(tmp_path / "train.conll", content) == []
        return
    with pytest.raises(UserError) as error:
        read(tmp_path / "train.conll", content)
    assert message in str(error.value)


def test_a_named_column_that_is_not_there_is_what_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no column '7'; there are: .*'0', .* with --\S*columns.tags NAME"):
        read(tmp_path / "train.conll", "EU B-ORG\n", tags="7")


# === Comments, separators, digits ===


def sentences(path: Path, content: str, **options: bool) -> list[tuple[list[str], list[str]]]:
    path.write_text(content, encoding="utf-8")
    return [(row.values["tokens"], row.values["tags"]) for row in open_records(f"conll:{path}", **options)]


@pytest.mark.parametrize(
    ("comment", "token"),
    [
        ("# text = Cats sleep on the sofa all day", "1\tCats\tcat\tN\t_\t_\tO"),
        ("# sent_id = 2", "EU NNP B-NP O"),
        ("# text = a O", "EU NNP B-NP O O"),
        ("# id 2", "EU NNP O"),
        ("# 2", "EU O"),
        ("# TITLE", "EU B-ORG"),
        ("#", "EU O"),
        ("# id a1\tdomain=en", "EU\tO"),
        ("#\u3000注", "EU\tO"),
        ("#begin document (a); part 000", "a 0 x O"),
    ],
)
def test_a_comment_is_told_by_its_blank(tmp_path: Path, comment: str, token: str) -> None:
    columns = token.split("\t") if "\t" in token else token.split()
    expected = ([columns[0]], [columns[-1]])
    for content in (f"{comment}\n{token}\n\n{token}\n", f"{token}\n\n{comment}\n{comment}\n{token}\n"):
        assert sentences(tmp_path / "x", content) == [expected, expected]


@pytest.mark.parametrize(
    ("first", "second"),
    [("#AI B-topic", "is O"), ("#AI\tB-topic", "is\tO"), ("# O", "1 O"), ("#\tO", "1\tO"), ("# SYM", "1 NUM")],
)
def test_a_word_with_a_number_sign_is_a_token(tmp_path: Path, first: str, second: str) -> None:
    tokens = [line.split()[0] for line in (first, second)]
    tags = [line.split()[1] for line in (first, second)]
    assert sentences(tmp_path / "x", f"{first}\n{second}\n\n{second}\n\n{first}\n") == [
        (tokens, tags), (tokens[1:], tags[1:]), (tokens[:1], tags[:1]),
    ]  # fmt: skip


@pytest.mark.parametrize("separator", ["\u00a0", "\u3000", "\u2003", ",", ";", "|"])
def test_another_separator_of_columns_is_seen_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, separator: str
) -> None:
    caplog.set_level("INFO", "bert_tf")
    content = f"EU{separator}B-ORG\n{'x' if separator.isspace() else separator}{separator}O\n"
    ((tokens, tags),) = sentences(tmp_path / "x", content)
    assert (tokens[0], tags) == ("EU", ["B-ORG", "O"])
    assert tokens[1] in ("x", separator)
    assert "the columns are separated by " in caplog.text


def test_a_line_with_another_separator_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="x line 2: one column.* The line holds a no-break space"):
        sentences(tmp_path / "x", "EU B-ORG\nx\u00a0O\n")


WEIBO = "科0\tO\n技1\tO\n全0\tO\n方1\tO\n位2\tO\n，0\tO\n10\tO\n"


def test_tokens_of_a_character_and_a_digit_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ((tokens, _),) = sentences(tmp_path / "x", WEIBO)
    assert tokens[0] == "科0"
    assert "such as '科0'" in caplog.text
    assert "--data.strip_token_digits true takes it off" in caplog.text
    caplog.clear()
    ((tokens, _),) = sentences(tmp_path / "x", WEIBO, strip_token_digits=True)
    assert tokens == list("科技全方位，1")
    sentences(tmp_path / "y", "A1 O\nB2 O\nC3 O\nD4 O\nE5 O\n")
    assert not caplog.records
