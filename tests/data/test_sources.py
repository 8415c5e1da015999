"""Every format read right, every broken file named with file, line and the way out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bert_tf.data.sources import open_records
from bert_tf.errors import UserError


def values(spec: object, **options: object) -> list[dict[str, object]]:
    return [row.values for row in open_records(str(spec), **options)]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def test_csv_with_quoted_newline_and_its_line_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", 'text,label\n"two\nlines, and ""quotes""",1\nplain,0\n')
    rows = list(open_records(str(path)))
    assert [row.values for row in rows] == [
        {"text": 'two\nlines, and "quotes"', "label": "1"},
        {"text": "plain", "label": "0"},
    ]
    assert [row.line for row in rows] == [2, 4]


def test_tsv_keeps_its_quotation_marks(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", 'text\tlabel\r\n"unbalanced\t1\r\n')
    assert values(path) == [{"text": '"unbalanced', "label": "1"}]
    path = write(tmp_path / "y.tsv", 'text\tlabel\n"a\tb"\t1\n')
    assert values(path, quoting="on") == [{"text": "a\tb", "label": "1"}]


def test_jsonl_parquet_text_bom_and_compression(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    expected = [{"text": "很好", "label": 1}, {"text": "b", "label": 0}]
    lines = "".join(json.dumps(row) + "\n\n" for row in expected)
    assert values(write(tmp_path / "a.jsonl", "\ufeff" + lines)) == expected
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert values(tmp_path / "b.jsonl.gz") == expected
    parquet.write_table(pyarrow.Table.from_pylist(expected), tmp_path / "c.parquet")
    assert values(tmp_path / "c.parquet") == expected
    assert values(write(tmp_path / "d.txt", "一\n\n二\n")) == [{"text": "一"}, {"text": ""}, {"text": "二"}]


def test_globs_are_sorted_and_records_can_be_read_again(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"{name}.txt", f"{name}\n")
    records = open_records(str(tmp_path / "*.txt"))
    assert [[row.values["text"] for row in records] for _ in range(2)] == [["a", "b"], ["a", "b"]]
    assert records.count() == 2


def test_columns_are_renamed_and_headerless_files_numbered(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", "id\treview\tstars\n7\tgood\t5\n")
    found = values(path, columns={"text": "review", "label": "stars"}, required=("text", "label"))
    assert found == [{"id": "7", "text": "good", "label": "5"}]
    path = write(tmp_path / "y.tsv", "good\t5\n")
    found = values(path, columns={"text": "0", "label": "1"}, required=("text", "label"), header=False)
    assert found == [{"text": "good", "label": "5"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", "text\tlabel\na\t1\nb\n", "x.tsv line 3: 1 fields, but the header has 2"),
        ("x.csv", "text,label\na,b,c\n", "x.csv line 2: 3 fields, but the header has 2"),
        ("x.csv", 'text,label\n"open,1\n', "x.csv line 2: unexpected end of data"),
        ("x.tsv", b"text\tlabel\n\xc4\xe3\t1\n", "x.tsv line 2: the byte 0xc4 is not UTF-8"),
        ("x.tsv", "", "x.tsv: the file is empty"),
        ("x.tsv", "text\ttext\n", "names a column twice"),
        ("x.tsv", "sentence\tlabel\na\t1\n", "there is no column 'text'; there are: 'sentence', 'label'"),
        ("x.jsonl", '{"text": "a"}\n{"text"\n', "x.jsonl line 2 column 8: not valid JSON"),
        ("x.jsonl", "[1]\n", "x.jsonl line 1: each line must be an object"),
        ("x.parquet", "nothing", "x.parquet: not a readable Parquet file"),
        ("x.gz", "nothing", "the format (no suffix) is not known"),
        ("x.docx", "nothing", "the format .docx is not known; known are .csv"),
        ("x.jsonl.gz", "no gzip", "x.jsonl.gz: cannot be read"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(UserError) as caught:
        values(path, required=("text",))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere/*.tsv", "nowhere/*.tsv: no file matches this"),
        ("demo:nothing", "demo:nothing: there is no such data set; there are: zh_reviews"),
        ("tfds:no_such_data_set", "tfds:no_such_data_set: there is no such data set"),
    ],
)
def test_wrong_specs_are_named(spec: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        values(spec)
    assert message in str(caught.value)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["sst2", "chnsenticorp", "mrpc", "ocnli", "tnews", "rte", "afqmc"])
def test_development_sets_load(shared_data: Path, name: str) -> None:
    assert open_records(str(shared_data / name / "dev.tsv")).count() > 200
