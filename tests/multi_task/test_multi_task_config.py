"""The config of several tasks: what it takes, its flags, and what it says of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bert_tf import train
from bert_tf.command_line import ArgumentParser, add_config_flags, read_config
from bert_tf.errors import UserError
from bert_tf.multi_task.multi_task_config import MultiTaskConfig

GOOD: dict[str, Any] = {
    "backbone": "scratch:tiny",
    "output": "runs/x",
    "tasks": {
        "rte": {"data": {"train": "rte.tsv"}},
        "names": {"task": "tagging", "data": {"train": "names.jsonl"}, "loss_weight": 0.5},
    },
}


def read(path: Path, *argv: str) -> MultiTaskConfig:
    parser = ArgumentParser(command="train", description="", examples="")
    parser.add_argument("--config")
    argv = ("--config", str(path), *argv)
    add_config_flags(parser, MultiTaskConfig, argv)
    return read_config(parser.parse_args(argv), MultiTaskConfig)


def test_flags_reach_into_the_tasks(tmp_path: Path) -> None:
    path = tmp_path / "several.yaml"
    path.write_text(yaml.safe_dump(GOOD, sort_keys=False))
    flags = ["--tasks.rte.data.train", "a.tsv", "b.tsv", "--tasks.rte.data.columns.text", "premise"]
    flags += ["--tasks.rte.head.dropout=0.2", "--tasks.names.early_stopping_patience", "2", "--training.epochs", "7"]
    flags += [
        "--tasks.rte.early_stopping_patience",
        "none",
        "--sampling.strategy",
        "annealed",
        "--tasks.rte.data.header",
        "false",
    ]
    config = read(path, *flags)
    assert list(config.tasks) == ["rte", "names"]
    rte, names = config.tasks["rte"], config.tasks["names"]
    assert rte.data.train == ["a.tsv", "b.tsv"]
    assert rte.data.columns == {"text": "premise"}
    assert not rte.data.header
    assert rte.head == {"dropout": "0.2"}
    assert names.early_stopping_patience == 2
    assert rte.early_stopping_patience is None
    assert (names.loss_weight, config.sampling.strategy, config.training.epochs) == (0.5, "annealed", 7)


def test_one_task_is_an_experiment() -> None:
    experiment = MultiTaskConfig(**GOOD).experiment("names")
    assert (experiment.task, experiment.output) == ("tagging", "runs/x/tasks/names")
    assert experiment.data.train == ["names.jsonl"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": {"rte": {"data": {"trian": "x"}}}}, "several.yaml line 6: tasks.rte.data.trian: there is no such"),
        ({"tasks": {"Rte": {}}}, "several.yaml line 3: tasks: 'Rte' cannot name a task"),
        ({"tasks": {"serving_default": {}}}, "several.yaml line 3: tasks: 'serving_default' cannot name a task"),
        ({"tasks": {"rte": {"loss_weight": -1}}}, "tasks.rte.loss_weight: input should be greater than 0, not -1"),
        ({"sampling": {"strategy": "random"}}, "several.yaml line 13: sampling.strategy: input should be"),
        (
            {"training": {"steps_per_execution": 4}},
            "line 12: training: steps_per_execution must be 1 with several",
        ),
        ({"loss_weighting": "uncertainty"}, "tasks.names.loss_weight has no meaning with loss_weighting uncertainty"),
        ({"task": "classification"}, "several.yaml line 12: task: there is no such option"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    values = {**GOOD, **change}
    if "tasks" in change:
        values["tasks"] = {**change["tasks"], "names": GOOD["tasks"]["names"]}
    path = tmp_path / "several.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    with pytest.raises(UserError) as caught:
        read(path)
    assert message in str(caught.value)


def test_one_task_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give two tasks or more"):
        MultiTaskConfig(**{**GOOD, "tasks": {"rte": {}}})


def test_mistakes_in_a_tasks_data_name_the_task_and_its_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bert_tf.command_line.start_logging", lambda quiet: None)
    monkeypatch.chdir(tmp_path)
    values = {**GOOD, "output": str(tmp_path / "run")}
    values["tasks"] = {"rte": {"data": {"train": "rte.tsv"}}, "names": {"task": "tagging"}}
    Path("several.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    Path("rte.tsv").write_text("text\tlabel\ngood\ta\nbad\tb\n")
    with pytest.raises(UserError, match="task names: --tasks.names.data.train is required."):
        train.main(["--config", "several.yaml"])
    with pytest.raises(UserError, match="--tasks.name: several.yaml has no such task; it has: rte, names"):
        train.main(["--config", "several.yaml", "--tasks.name.task", "tagging"])
    with pytest.raises(UserError, match="task names: --tasks.names.task nix: there is no such task"):
        train.main(["--config", "several.yaml", "--tasks.names.task", "nix"])
    with pytest.raises(UserError, match="task rte: --tasks.rte.head.pool: there is no such option"):
        train.main(["--config", "several.yaml", "--tasks.rte.head.pool", "a"])
