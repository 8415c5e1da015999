"""Where a training may begin and which run a resumed one is: decided before TensorFlow is imported."""

from __future__ import annotations

import importlib
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bert_tf.config import ExperimentConfig, RunConfig
from bert_tf.errors import UserError
from bert_tf.multi_task.multi_task_config import MultiTaskConfig
from bert_tf.pretraining.pretraining_config import PretrainingConfig
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.training.run_start import check_startable, name_resumed_run
from tests.test_atomic_file import everything

FOREIGN = {
    "model/bert_model.ckpt": "weights",
    "model.old/x": "old",
    "model.new/x": "new",
    "checkpoints/ckpt-0.index": "theirs",
    "tasks/a/config.yaml": "x: 1",
    "environment.json": "{}",
    "examples.jsonl": "{}",
    "metrics.jsonl": "not ours",
    "config.yaml": "name: mine",
    "run.json": '{"name": "mine"}',
    "model": "a file",
    ".hidden": "",
    "checkpoints/": "",
}


def experiment(output: Path, data: Path | None = None, **changes: Any) -> ExperimentConfig:
    return ExperimentConfig(
        backbone="scratch:tiny", output=str(output), data={"train": str(data) if data else "demo:zh_reviews"}, **changes
    )


def several(output: Path) -> MultiTaskConfig:
    tasks = {name: {"data": {"train": "demo:zh_reviews"}} for name in ("a", "b")}
    return MultiTaskConfig(backbone="scratch:tiny", output=str(output), tasks=tasks)


def pretraining(output: Path) -> PretrainingConfig:
    return PretrainingConfig(backbone="scratch:tiny", output=str(output), data="demo:zh_reviews")


@pytest.mark.parametrize("config_of", [experiment, several, pretraining])
@pytest.mark.parametrize("name", FOREIGN)
def test_folders_of_others_are_refused_and_not_touched(tmp_path: Path, name: str, config_of: Any) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if name.endswith("/") else path.write_text(FOREIGN[name])
    before = everything(tmp_path)
    first = name.split("/")[0]
    for resume, message in ((False, f"is not empty and holds no run: {first}"), (True, "there is no run in")):
        with pytest.raises(UserError, match=message):
            check_startable(RunDirectory(tmp_path), config_of(tmp_path), resume)
    RunDirectory(tmp_path).remove()
    assert everything(tmp_path) == before
    assert path.exists()


def test_new_and_empty_folders_are_free(tmp_path: Path) -> None:
    check_startable(RunDirectory(tmp_path), experiment(tmp_path), False)
    check_startable(RunDirectory(tmp_path / "a" / "b"), experiment(tmp_path / "a" / "b"), False)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="this is a file"):
        check_startable(RunDirectory(tmp_path / "file"), experiment(tmp_path / "file"), False)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run that was stopped before its first checkpoint."""
    return RunDirectory.create(experiment(tmp_path / "runs" / "first"))


@pytest.mark.parametrize(
    "argv",
    [
        "predict --run {run} --data a.tsv --output {run}/metrics.jsonl",
        "predict --run {run} --data a.tsv --output {run}/evaluation/x.csv",
        "predict --run {run} --text a --output link/examples.jsonl",
        "vocab --data a.tsv --output {run}/model/assets/tokenizer/vocabulary.txt",
        "export --run {run} --output {run}/model",
        "export --run {run} --output {run}/checkpoints/x --format preset",
        "search --run {run} --data a.tsv --query a --index {run}/config.yaml",
        "prepare_corpus --data a.tsv --output {run}/logs/corpus",
    ],
)
def test_no_command_writes_over_what_a_run_wrote(
    tmp_path: Path, run: RunDirectory, argv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tsv").write_text("text\tlabel\na\tx\n")
    (tmp_path / "link").symlink_to(run.path)
    before = everything(tmp_path)
    command, *flags = argv.format(run="runs/first").split()
    with pytest.raises(UserError, match=r"--(output|index) .*: this is inside the run .*runs/first"):
        importlib.import_module(f"bert_tf.{command}").main(flags)
    assert everything(tmp_path) == before


def test_a_run_is_not_begun_twice_nor_inside_another(run: RunDirectory) -> None:
    with pytest.raises(UserError, match="there is already a run"):
        check_startable(run, experiment(run.path), False)
    for name in ("model.new", "model/x", "checkpoints", "tasks/a", "logs"):
        if name != "model.new":
            with pytest.raises(UserError, match="this is inside the run"):
                check_startable(RunDirectory(run.path / name), experiment(run.path / name), False)
    check_startable(RunDirectory(run.path / "other"), experiment(run.path / "other"), False)


def test_removing_a_run_keeps_what_it_did_not_write(run: RunDirectory) -> None:
    (run.path / "notes.txt").write_text("mine")
    (run.path / "model.old").mkdir()
    run.model.mkdir()
    run.remove()
    assert sorted(os.listdir(run.path)) == ["model.old", "notes.txt"]


def test_runs_of_earlier_versions_are_runs(run: RunDirectory) -> None:
    (run.path / "run.json").unlink()
    run.training_files.unlink()
    assert run.kind() == "experiment"
    check_startable(run, experiment(run.path), True)
    run.environment_file.unlink()
    assert not run.is_run()


def test_only_a_run_of_the_same_kind_and_config_is_resumed(run: RunDirectory, caplog: pytest.LogCaptureFixture) -> None:
    check_startable(run, experiment(run.path), True)
    with pytest.raises(UserError, match="of another kind"):
        check_startable(run, pretraining(run.path), True)
    with pytest.raises(UserError, match="--seed was 42, is 7"):
        check_startable(run, experiment(run.path, seed=7), True)
    changed = experiment(run.path)
    changed.data.train = ["demo:zh_news"]
    with pytest.raises(UserError, match="the data is not what the run began with: .*demo:zh_news"):
        check_startable(run, changed, True)
    run.path.rename(run.path.with_name("first_b"))
    with pytest.raises(UserError, match=r"there is no run in .*runs/first\. There is .*runs/first_b\."):
        check_startable(run, experiment(run.path), True)
    with caplog.at_level(logging.INFO, "bert_tf"):
        check_startable(RunDirectory(run.path.with_name("first_b")), experiment(run.path.with_name("first_b")), True)
    assert "it goes on in" in caplog.text


def test_trained_runs_without_their_checkpoints_are_not_begun_anew(run: RunDirectory) -> None:
    run.append_metrics({"epoch": 1, "step": 3})
    with pytest.raises(UserError, match="holds no checkpoint any more"):
        check_startable(run, experiment(run.path), True)
    run.checkpoints.mkdir()
    (run.checkpoints / "ckpt-3.index").touch()  # the file "checkpoint", which names it, is not needed
    check_startable(run, experiment(run.path), True)


def test_checkpoints_that_are_named_but_gone_are_not_begun_anew(run: RunDirectory) -> None:
    check_startable(run, experiment(run.path), True)  # stopped before its first checkpoint
    run.checkpoints.mkdir()
    (run.checkpoints / "checkpoint").touch()
    (run.checkpoints / "ckpt-3.data-00000-of-00001").touch()
    with pytest.raises(UserError, match="holds no checkpoint any more"):
        check_startable(run, experiment(run.path), True)


def test_the_command_that_resumes_a_run_is_named(run: RunDirectory, tmp_path: Path) -> None:
    other = RunDirectory.create(pretraining(tmp_path / "p"))
    for flags in (["--output", str(run.path)], ["--config", str(run.config_file)]):
        with pytest.raises(UserError, match="of another kind: python -m bert_tf.train resumes it"):
            name_resumed_run(["--resume", *flags], "pretrain")
    with pytest.raises(UserError, match="of another kind: python -m bert_tf.pretrain resumes it"):
        name_resumed_run(["--resume", "--output", str(other.path)])
    with pytest.raises(UserError, match=r"there is no run in .*firsd\. There is .*runs/first\."):
        name_resumed_run(["--resume", "--output", str(run.path.with_name("firsd"))])


def test_a_task_of_several_is_resumed_by_its_run(tmp_path: Path) -> None:
    whole = RunDirectory.create(several(tmp_path / "m"))
    part = RunDirectory.create(several(tmp_path / "m").experiment("a"))
    with pytest.raises(UserError, match=f"is a task of the run {whole.path}: give --config"):
        check_startable(part, several(tmp_path / "m").experiment("a"), True)


def test_the_folder_of_the_config_decides_what_is_resumed(run: RunDirectory, tmp_path: Path) -> None:
    for move in (shutil.copytree, shutil.move):
        target = run.path.with_name(move.__name__)
        move(run.path, target)
        config = str(target / "config.yaml")
        assert name_resumed_run(["--config", config, "--resume"])[-2:] == ["--output", str(target)]
    with_output = ["--config", config, "--resume", "--output", "runs/other"]
    assert name_resumed_run(with_output) == with_output
    assert name_resumed_run(["--config", config]) == ["--config", config]
    assert name_resumed_run(["--resume", f"--output={target}"])[-2:] == ["--config", config]
    mine = tmp_path / "config.yaml"
    shutil.copy(config, mine)
    assert name_resumed_run(["--config", str(mine), "--resume"]) == ["--config", str(mine), "--resume"]
    with pytest.raises(UserError, match="--resume: say which run"):
        name_resumed_run(["--resume"])


@pytest.mark.parametrize("change", ["content", "missing", "new", "order"])
def test_data_that_changed_before_a_resume_is_noticed(tmp_path: Path, change: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a", "b"):
        (data / f"{name}.tsv").write_text(f"text\tlabel\n{name}\t1\n")
    run = RunDirectory.create(experiment(tmp_path / "run", data / "*.tsv"))
    check_startable(run, experiment(run.path, data / "*.tsv"), True)
    data.rename(tmp_path / "moved")
    check_startable(run, experiment(run.path, tmp_path / "moved" / "*.tsv"), True)
    (tmp_path / "moved").rename(data)
    times = (data / "b.tsv").stat()
    match change:
        case "content":  # of equal size and age
            (data / "b.tsv").write_text("text\tlabel\nb\t2\n")
            os.utime(data / "b.tsv", ns=(times.st_atime_ns, times.st_mtime_ns))
            message = "b.tsv has changed"
        case "missing":
            (data / "b.tsv").unlink()
            message = "b.tsv is missing"
        case "new":
            (data / "c.tsv").touch()
            message = "c.tsv is new"
        case _:
            (data / "b.tsv").rename(data / "0.tsv")
            message = "b.tsv is missing; .*0.tsv is new"
    with pytest.raises(UserError, match=f"the data is not what the run began with: .*{message}"):
        check_startable(run, experiment(run.path, data / "*.tsv"), True)


def test_the_checks_need_no_tensorflow() -> None:
    code = "import sys, bert_tf.train, bert_tf.pretrain; sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_config_has_a_kind() -> None:
    kinds = {config.kind for config in RunConfig.__subclasses__()}
    assert kinds == {"experiment", "multi_task", "pretraining"}


def test_the_marker_is_written_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: RunConfig) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunConfig, "to_yaml", fail)
    with pytest.raises(KeyboardInterrupt):
        RunDirectory.create(experiment(tmp_path))
    assert json.loads((tmp_path / "run.json").read_text()) == {"program": "bert_tf", "kind": "experiment", "format": 1}
