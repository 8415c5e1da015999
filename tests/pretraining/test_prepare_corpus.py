"""Corpus preparation from raw files to a folder, and pre-training from that folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import prepare_corpus as command
from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_preparation import prepare_corpus
from bert_tf.pretraining.example_files import FEATURES, example_files
from bert_tf.pretraining.examples import BROKEN, IN_ORDER
from bert_tf.pretraining.exclusion import held_out_texts
from bert_tf.pretraining.prepared_corpus import read_prepared, use_prepared
from bert_tf.pretraining.pretraining_config import PretrainingConfig
from bert_tf.pretraining.pretraining_experiment import run_pretraining
from tests.pretraining.corpus_data import files, preparation, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_corpus(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def examples(corpus: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of examples. Read only."""
    output = tmp_path_factory.mktemp("prepared") / "examples"
    prepare_corpus(preparation(corpus, output, format="examples"))
    return output


def texts(folder: Path) -> list[str]:
    paths = sorted(folder.glob("documents-*.jsonl"))
    return [json.loads(line)["text"] for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def test_documents_that_must_survive_do(corpus: dict[str, Any], tmp_path: Path) -> None:
    made = prepare_corpus(preparation(corpus, tmp_path / "x"))
    assert sorted(texts(tmp_path / "x")) == sorted(corpus["survivors"])
    assert made.report["dropped"] == corpus["dropped"]
    assert made.report["kept"]["documents"] == len(corpus["survivors"])
    assert made.report["read"]["documents"] == len(corpus["survivors"]) + sum(corpus["dropped"].values())
    assert made.report["texts_to_exclude"] == 4
    assert made.report["changed_by"]["control_characters"] == 2
    assert read_prepared(str(tmp_path / "x")) == made
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_steps_can_be_turned_off(corpus: dict[str, Any], tmp_path: Path) -> None:
    dropped = prepare_corpus(
        preparation(corpus, tmp_path / "x", exclude=[], deduplication={"exact": False, "near": False})
    ).report["dropped"]
    assert {name: count for name, count in dropped.items() if count} == {"too_short": 1, "few_letters": 1}
    dropped = prepare_corpus(preparation(corpus, tmp_path / "y", deduplication={"near": False})).report["dropped"]
    assert (dropped["exact_duplicates"], dropped["near_duplicates"], dropped["excluded"]) == (7, 0, 4)


def test_texts_that_quote_what_must_not_come_in(tmp_path: Path) -> None:
    secret = "酒店的位置很方便，离地铁站只有五分钟，房间干净，早餐也不错。"
    kept = "这本书的内容非常充实，作者的文笔也很好，值得一读再读。"
    (tmp_path / "test.jsonl").write_text(json.dumps({"text": f"<b>{secret[:9]}</b>{secret[9:]}"}))
    rows = [f"{kept}{secret}{kept}", f"{kept}\n{secret.upper()}", f"好的！\n{secret}", kept[::-1]]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    values = {"data": [str(tmp_path / "data.jsonl")], "exclude": str(tmp_path / "test.jsonl")}
    made = prepare_corpus(preparation({"config": values}, tmp_path / "x", cleaning={"html": True}))
    assert sorted(texts(tmp_path / "x")) == sorted([kept, kept[::-1]])
    assert made.report["changed_by"] == {"exclusion": 2}
    assert {name: count for name, count in made.report["dropped"].items() if count} == {"excluded": 1, "too_short": 1}

    (tmp_path / "test.jsonl").write_text(json.dumps({"text": kept}))
    prepare_corpus(preparation({"config": values}, tmp_path / "y"))
    assert kept not in "".join(texts(tmp_path / "y"))  # the files are read anew


def test_any_number_of_processes_gives_the_same_files(corpus: dict[str, Any], examples: Path, tmp_path: Path) -> None:
    prepare_corpus(preparation(corpus, tmp_path / "x", format="examples", processes=2))
    assert files(tmp_path / "x") == files(examples)


def test_examples_hold_the_documents(corpus: dict[str, Any], examples: Path) -> None:
    vocabulary = (examples / "vocab.txt").read_text().split("\n")
    report = json.loads((examples / "description.json").read_text())["report"]
    assert sum(part["documents"] for part in report["written"].values()) == len(corpus["survivors"])
    all_labels: list[int] = []
    characters: dict[str, set[str]] = {}
    for part, written in report["written"].items():
        assert len(example_files(examples / part)) == (3 if part == "train" else 1)
        records = tf.data.TFRecordDataset(example_files(examples / part)).batch(1000)
        parsed = tf.io.parse_example(next(iter(records)), FEATURES)
        lengths = parsed["token_ids"].row_lengths().numpy()
        assert (len(lengths), lengths.sum()) == (written["examples"], written["tokens"])
        assert lengths.max() <= 32
        all_labels += parsed["pair_label"].numpy().tolist()
        characters[part] = {vocabulary[i] for i in parsed["token_ids"].flat_values.numpy()}
    assert set(all_labels) == {IN_ORDER, BROKEN}
    assert np.mean(all_labels) == pytest.approx(0.5, abs=2 / np.sqrt(len(all_labels)))
    assert "[UNK]" not in characters["train"]


def pretraining(data: list[Path], output: Path, **changes: Any) -> PretrainingConfig:
    training = {"epochs": 1, "batch_size": 16, "tensorboard": False}
    return PretrainingConfig(
        backbone="scratch:tiny", data=list(map(str, data)), output=str(output), training=training, **changes
    )


def test_pretraining_reads_prepared_examples(examples: Path, tmp_path: Path) -> None:
    run = run_pretraining(pretraining([examples], tmp_path / "run"))
    (line,) = run.metrics()
    assert np.isfinite(line["val_mlm_loss"])
    assert not (run.path / "examples").exists()
    assert "sequence_length: 32\n" in run.config_file.read_text()


def test_pretraining_reads_prepared_documents(corpus: dict[str, Any], tmp_path: Path) -> None:
    prepare_corpus(preparation(corpus, tmp_path / "x"))
    config, ready = use_prepared(pretraining([tmp_path / "x"], tmp_path / "run"))
    assert ready is None
    assert config.data == [str(tmp_path / "x" / "documents-*.jsonl")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sequence_length": 64}, "--sequence_length 64: the examples in .* were made with 32"),
        ({"corpus": {"objective": "mlm"}}, "--corpus.objective mlm: the examples in .* were made with nsp"),
        ({"validation_ratio": 0.1}, "--validation_ratio 0.1"),
        ({"scratch": {"lowercase": False}}, "--scratch.lowercase False"),
    ],
)
def test_options_that_do_not_fit_prepared_examples(
    examples: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        use_prepared(pretraining([examples], tmp_path / "run", **changes))


def test_other_vocabulary_and_other_data_do_not_fit(examples: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text((examples / "vocab.txt").read_text() + "more\n")
    with pytest.raises(UserError, match="made with another vocabulary \\(316 tokens\\) than the backbone's \\(317"):
        run_pretraining(pretraining([examples], tmp_path / "run", scratch={"vocabulary": str(other)}))
    with pytest.raises(UserError, match="a folder of examples stands alone"):
        use_prepared(pretraining([examples, other], tmp_path / "run"))


def test_what_an_experiment_holds_out_stays_out(corpus: dict[str, Any], tmp_path: Path) -> None:
    once = corpus["survivors"][:6] + corpus["survivors"][21:25]  # of which no other document is a copy
    rows = "".join(f"{text}\t{number % 2}\n" for number, text in enumerate(once))
    (tmp_path / "all.tsv").write_text(f"text\tlabel\n{rows}", encoding="utf-8")
    (tmp_path / "config.yaml").write_text(
        f"backbone: scratch:tiny\noutput: x\ndata:\n  train: {tmp_path / 'all.tsv'}\n  split: [0.5, 0.25, 0.25]\n"
    )
    held_out = set(held_out_texts(tmp_path / "config.yaml"))
    made = prepare_corpus(preparation(corpus, tmp_path / "x", exclude_splits_of=[str(tmp_path / "config.yaml")]))
    assert made.report["dropped"]["excluded"] == corpus["dropped"]["excluded"] + len(held_out)
    assert set(corpus["survivors"]) - set(texts(tmp_path / "x")) == held_out
    assert 0 < len(held_out) < len(once)


def test_mistakes_leave_no_folder(corpus: dict[str, Any], tmp_path: Path) -> None:
    output = tmp_path / "x"
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"text": "a good book and a good film"}\n{"text": \n')
    with pytest.raises(UserError, match="broken.jsonl line 2"):
        prepare_corpus(preparation(corpus, output, data=str(broken)))
    with pytest.raises(UserError, match="there is no column 'text'; there are: 'label', 'review'.*--exclude_columns"):
        prepare_corpus(preparation(corpus, output, exclude_columns=["text"]))
    with pytest.raises(UserError, match="nothing is left to write. .* 0 kept"):
        prepare_corpus(preparation(corpus, output, filters={"min_characters": 100_000}))
    (tmp_path / "short.txt").write_text("[UNK] nothing known")
    with pytest.raises(UserError, match="too short for a single example"):
        prepare_corpus(preparation(corpus, output, data=str(tmp_path / "short.txt"), format="examples"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jsonl", "short.txt"]
    output.mkdir()
    with pytest.raises(UserError, match="--output .*x: this is there already"):
        prepare_corpus(preparation(corpus, output))


def test_flags(corpus: dict[str, Any], tmp_path: Path) -> None:
    flags = ["--data", corpus["config"]["data"][0], "--output", str(tmp_path / "x"), "-q"]
    with pytest.raises(UserError, match="--format examples needs --vocabulary vocab.txt"):
        command.main([*flags, "--format", "examples"])
    with pytest.raises(UserError, match="--vocabulary tokenises, .*add --format examples"):
        command.main([*flags, "--vocabulary", corpus["config"]["vocabulary"]])
    with pytest.raises(UserError, match="unrecognized arguments: --project x"):
        command.main([*flags, "--project", "x"])
    with pytest.raises(UserError, match="--filters.min_letters"):
        command.main([*flags, "--filters.min_letters", "2"])
    command.main([*flags, "--corpus.shards", "2", "--filters.min_characters", "1"])
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "description.json",
        "documents-00000-of-00002.jsonl",
        "documents-00001-of-00002.jsonl",
    ]
