"""The config: read from YAML, laid over by flags, and clear about every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from bert_tf import train
from bert_tf.config import ExperimentConfig, load, merge, validate
from bert_tf.errors import UserError
from bert_tf.head_flags import check_head
from bert_tf.multi_task.multi_task_config import MultiTaskConfig
from bert_tf.pretraining.pretraining_config import PretrainingConfig
from tests.conftest import REPOSITORY


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    config = ExperimentConfig(
        backbone="scratch:tiny",
        output="runs/x",
        data={"train": "训练.tsv", "split": [0.8, 0.2], "columns": {"text": "评论"}, "labels": ["好", "坏"]},
        head={"dropout": 0.2},
    )
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    assert load(path, ExperimentConfig) == config
    assert config.data.train == ["训练.tsv"]
    assert "训练.tsv" in path.read_text(encoding="utf-8")


def test_flags_win_section_by_section() -> None:
    base = {"backbone": "a", "training": {"epochs": 3, "jit_compile": True}, "data": {"train": ["x", "y"]}}
    over = {"training": {"epochs": 1}, "data": {"train": ["z"]}}
    assert merge(base, over) == {
        "backbone": "a",
        "training": {"epochs": 1, "jit_compile": True},
        "data": {"train": ["z"]},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backbone: a\noutput: b\ntraining:\n  epochs: 0\n", "x.yaml line 4: training.epochs: input should be greater"),
        ("backbone: a\noutput: b\ntraining:\n  epoch: 1\n", "x.yaml line 4: training.epoch: there is no such option"),
        ("backbone: a\noutput: b\ndata:\n  split: [0.5, 0.6]\n", "x.yaml line 3: data: "),
        ("backbone: a\n", "--output is required"),
        ("backbone: [a\n", "x.yaml line 2: not valid YAML"),
        ("- a\n", "x.yaml: a config is a mapping such as 'task: classification', not list"),
        ("", "x.yaml: a config is a mapping such as 'task: classification', not NoneType"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load(path, ExperimentConfig)
    assert message in str(caught.value)


def test_old_names_are_refused_naming_the_new(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("backbone: a\noutput: b\ntraining:\n  xla: true\n", encoding="utf-8")
    with pytest.raises(UserError, match="x.yaml line 4: training.xla: this option is called training.jit_compile now"):
        load(path, ExperimentConfig)
    with pytest.raises(UserError, match="--head.doc_stride: this option is called --head.stride now"):
        check_head("question_answering", {"doc_stride": 64})
    with pytest.raises(UserError, match="--training.best_metric f1. It is called --training.monitor now"):
        train.main(["--backbone", "a", "--output", "b", "--training.best_metric", "f1"])


def test_the_config_of_an_earlier_run_is_read_with_the_names_of_today(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = ExperimentConfig(backbone="a", output="b", training={"monitor": "f1"}, head={"stride": 8}).to_yaml()
    old = text.replace("monitor:", "best_metric:").replace("stride:", "doc_stride:")
    path.write_text(old.replace("kind: experiment\nschema_version: 2\n", ""), encoding="utf-8")
    assert "best_metric: f1" in path.read_text()
    assert load(path, ExperimentConfig).training.monitor == "f1"
    assert load(path, ExperimentConfig).head == {"stride": 8}
    path.write_text(text.replace("schema_version: 2", "schema_version: 9"), encoding="utf-8")
    with pytest.raises(UserError, match="the config has schema_version 9, and this version of bert_tf reads 2"):
        load(path, ExperimentConfig)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(UserError) as caught:
        validate(ExperimentConfig, {"output": 1, "training": {"epochs": "many", "learning_rate": -1}})
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configs_are_valid(path: Path) -> None:
    kinds = {"pretrain_": PretrainingConfig, "multi_task_": MultiTaskConfig}
    schema = next((kind for start, kind in kinds.items() if path.stem.startswith(start)), ExperimentConfig)
    assert load(path, schema).output.startswith("runs/")
