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
