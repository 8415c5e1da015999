"""Mistakes in data files are found before TensorFlow is imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bert_tf.config import DataConfig
from bert_tf.data import early_check
from bert_tf.errors import UserError
from bert_tf.tasks import find_schema

CODE = """
import importlib, sys
try:
    importlib.import_module("bert_tf." + sys.argv[1]).main(sys.argv[2:])
except BaseException as error:
    print(type(error).__name__, error)
print("tensorflow" in sys.modules)
"""
FILES = {
    "good.tsv": b"text\tlabel\na\tx\nb\ty\n",
    "fields.tsv": b"text\tlabel\na\tx\nb\n",
    "columns.csv": "评论,标签\n好,x\n".encode(),
    "bytes.tsv": b"text\tlabel\na\tx\nab\xff\xfe cd caf\xe9\ty\n",
    "broken.jsonl": b'{"text": "a", "label": "x"}\n{"text": \n',
    "table.docx": b"PK",
    "empty.csv": b"",
    "names.conll": b"a O\nb O O\n",
    "squad.json": b'{"data": [{"paragraphs": [{"context": "a"}]}]}',
    "unlabelled.jsonl": b'{"text": "a"}\n',
    "quotes.csv": b'text,label\n"a,x\n',
    "header.tsv": b"text\tlabel\n",
    "words.txt": b"a O\nb B-X\n",
    "lists.jsonl": b'{"text": "a", "label": ["x"]}\n',
    "line_end.jsonl": b'{"text": "a", "label": "x\\ny"}\n',
    "half_list.csv": b"text,label\na,\"['x', y]\"\n",
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("task: classification\nbackbone: x\noutput: y\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRAIN = ["train", "--backbone", "scratch:tiny", "--output", "out"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([*TRAIN, "--data.train", "nix.tsv"], "nix.tsv: there is no such file"),
        ([*TRAIN, "--data.train", "no*.tsv"], "no*.tsv: no file matches this"),
        ([*TRAIN, "--data.train", "table.docx"], "table.docx: the format .docx is not known"),
        ([*TRAIN, "--data.train", "fields.tsv"], "fields.tsv line 3: 1 fields"),
        ([*TRAIN, "--data.train", "columns.csv"], "columns.csv: there is no column 'text'"),
        (
            [*TRAIN, "--task", "tagging", "--data.train", "words.txt"],
            "plain text, a text a line; a table is named .tsv",
        ),
        ([*TRAIN, "--data.train", "good.tsv", "--data.columns.label", "stars"], "good.tsv: there is no column 'stars'"),
        ([*TRAIN, "--data.train", "good.tsv", "--data.columns.lable", "x"], "--data.columns.lable: this task has no"),
        ([*TRAIN, "--data.train", "broken.jsonl"], "broken.jsonl line 2 column 9: "),
        ([*TRAIN, "--data.train", "bytes.tsv", "--data.encoding", "utf-8"], "bytes.tsv line 3: "),
        ([*TRAIN, "--data.train", "empty.csv"], "empty.csv"),
        ([*TRAIN, "--data.train", "quotes.csv"], "quotes.csv line 2: "),
        ([*TRAIN, "--data.train", "good.tsv", "--data.validation", "nix.tsv"], "nix.tsv: there is no such file"),
        (
            [*TRAIN, "--data.train", "good.tsv", "--data.test", "unlabelled.jsonl"],
            "unlabelled.jsonl: there is no column",
        ),
        ([*TRAIN], "--data.train is required"),
        ([*TRAIN, "--data.train", "header.tsv"], "header.tsv: there is no row to train on"),
        ([*TRAIN, "--data.train", "good.tsv", "--data.validation", "header.tsv"], "no row to evaluate"),
        ([*TRAIN, "--data.train", "lists.jsonl"], "lists.jsonl line 1: the label is a list"),
        ([*TRAIN, "--data.train", "good.tsv", "--data.test", "line_end.jsonl"], "line 1: the label 'x\\ny' has a line"),
        ([*TRAIN, "--task", "multi_label", "--data.train", "half_list.csv"], "half_list.csv line 2: the label"),
        ([*TRAIN[:-1], "mine", "--data.train", "good.tsv"], "--output mine: this folder is not empty"),
        ([*TRAIN, "--resume", "--data.train", "good.tsv"], "--resume: there is no run in out"),
        ([*TRAIN, "--task", "tagging", "--data.train", "names.conll"], "names.conll line 2: 3 columns"),
        ([*TRAIN, "--task", "question_answering", "--data.train", "squad:squad.json"], "squad.json"),
        (["evaluate", "--run", "run", "--data", "unlabelled.jsonl"], "unlabelled.jsonl: there is no column 'label'"),
        (["evaluate", "--run", "run", "--data", "good.tsv", "--columns.text", "t"], "with --columns.text NAME"),
        (["predict", "--run", "run", "--data", "nix.jsonl"], "nix.jsonl: there is no such file"),
        (["predict", "--run", "run", "--data", "columns.csv"], "columns.csv: there is no column 'text'"),
        (["pretrain", "--backbone", "scratch:tiny", "--output", "o", "--data", "nix.txt"], "nix.txt: there is no such"),
        (
            ["pretrain", "--backbone", "scratch:tiny", "--output", "o", "--data", "columns.csv"],
            "there is no column 'text'",
        ),
    ],
    ids=lambda value: " ".join(value[-4:]) if isinstance(value, list) else "",
)
def test_mistakes_in_data_come_before_tensorflow(data: Path, argv: Sequence[str], message: str) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, *argv], capture_output=True, text=True, check=True)
    *text, imported = done.stdout.splitlines()
    assert "\n".join(text).startswith("UserError ")
    assert message in "\n".join(text)
    assert imported == "False"
    assert not Path("out").exists()


def test_a_right_file_passes_and_a_large_one_is_read_in_part(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = find_schema("classification")
    options = schema.Options()
    early_check.check_training_data(DataConfig(train="good.tsv", validation="good.tsv"), schema, options)
    Path("large.tsv").write_text("text\tlabel\n" + "a\tx\n" * 30 + "broken\n")
    with pytest.raises(UserError, match="large.tsv line 32: 1 fields"):
        early_check.check_training_data(DataConfig(train="large.tsv"), schema, options)
    for bound in ("ROWS", "CHARACTERS"):
        with monkeypatch.context() as patch:
            patch.setattr(early_check, bound, 20)
            early_check.check_training_data(DataConfig(train="large.tsv"), schema, options)


@pytest.mark.parametrize("spec", ["tfds:glue/sst2", "demo:zh_reviews", "gs://bucket/x.tsv"])
def test_what_tensorflow_reads_is_left_to_it(data: Path, spec: str) -> None:
    assert early_check.read_beginnings([spec], lambda file: pytest.fail(file)) is None
