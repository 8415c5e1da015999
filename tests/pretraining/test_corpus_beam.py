"""Apache Beam's files against those of the local path."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_preparation import prepare_corpus
from tests.pretraining.corpus_data import files, preparation, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_corpus(tmp_path_factory.mktemp("raw"))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "examples"},
        {"format": "text", "corpus": {"shards": 70}},  # more files than documents
        {"format": "text", "exclude": [], "deduplication": {"exact": False, "near": False}},
    ],
)
def test_files_equal_those_of_the_local_path(corpus: dict[str, Any], tmp_path: Path, changes: dict[str, Any]) -> None:
    here = prepare_corpus(preparation(corpus, tmp_path / "local", **changes))
    there = prepare_corpus(preparation(corpus, tmp_path / "beam", runner="DirectRunner", **changes))
    assert there == here
    assert files(tmp_path / "beam") == files(tmp_path / "local")


def test_flags_and_mistakes(corpus: dict[str, Any], tmp_path: Path) -> None:
    config = preparation(corpus, tmp_path / "x", runner="DirectRunner")
    prepare_corpus(config, ["--direct_num_workers=1"])
    with pytest.raises(UserError, match="--lenght: neither prepare_corpus nor Apache Beam knows this flag"):
        prepare_corpus(preparation(corpus, tmp_path / "y", runner="DirectRunner"), ["--lenght", "3"])
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"text": "a good book and a good film"}\n{"text": \n')
    with pytest.raises(UserError, match=r"broken\.jsonl line 2 column 9: not valid JSON"):
        prepare_corpus(preparation(corpus, tmp_path / "y", data=str(broken), runner="DirectRunner"))
    with pytest.raises(UserError, match="--runner Nonsense"):
        prepare_corpus(preparation(corpus, tmp_path / "y", runner="Nonsense"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jsonl", "x"]


def test_without_beam(corpus: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bert_tf.pretraining.corpus_beam", raising=False)
    monkeypatch.setitem(sys.modules, "apache_beam", None)  # what import sees where it is not installed
    with pytest.raises(UserError, match="--runner DirectRunner: Apache Beam is not installed: pip install"):
        prepare_corpus(preparation(corpus, tmp_path / "x", runner="DirectRunner"))
    assert not list(tmp_path.iterdir())
