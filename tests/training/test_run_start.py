"""A folder is ours or it is not touched; one process writes it; a run resumes where it lies, on the same data."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from bert_tf.config import ExperimentConfig
from bert_tf.errors import UserError
from bert_tf.training import checkpoint_files
from bert_tf.training.run_directory import RunDirectory
from bert_tf.training.run_lock import LOCK_FILE, locked
from bert_tf.training.run_start import check_startable, name_resumed_run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.tsv"
    path.write_text("text\tlabel\na\tx\nb\ty\n", encoding="utf-8")
    return path


def config(output: Path, data: Path, **changes: Any) -> ExperimentConfig:
    return ExperimentConfig(backbone="scratch:tiny", output=str(output), data={"train": str(data)}, **changes)


def started(output: Path, data: Path) -> RunDirectory:
    """A run that stopped before its first checkpoint."""
    return RunDirectory.create(config(output, data))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "theirs",
    [
        "model/bert_model.ckpt.index",
        "checkpoints/ckpt-0.index",
        "model.old/weights.h5",
        "environment.json",
        "metrics.jsonl",
        "tasks/ner/config.yaml",
        "config.yaml",
        ".hidden",
    ],
)
@pytest.mark.parametrize("resume", [False, True])
def test_a_users_folder_is_refused_and_not_touched(tmp_path: Path, data: Path, theirs: str, resume: bool) -> None:
    folder = tmp_path / "mine"
    (folder / theirs).parent.mkdir(parents=True)
    (folder / theirs).write_text("mine")
    before = contents(folder)
    run = RunDirectory(folder)
    message = r"--resume: there is no run in" if resume else rf"holds no run: {theirs.split('/')[0]}"
    with pytest.raises(UserError, match=message):
        check_startable(run, config(folder, data), resume)
    run.remove()
    assert contents(folder) == before


def test_only_what_a_run_wrote_is_removed(tmp_path: Path, data: Path) -> None:
    run = started(tmp_path / "run", data)
    (run.path / "notes.txt").write_text("mine")
    run.remove()
    assert list(contents(run.path)) == ["notes.txt"]


def test_a_started_run_is_not_started_again(tmp_path: Path, data: Path) -> None:
    run = started(tmp_path / "run", data)
    with pytest.raises(UserError, match="there is already a run"):
        check_startable(run, config(run.path, data), False)
    check_startable(run, config(run.path, data), True)


def _try(folder: str, queue: Any) -> None:
    try:
        with locked(Path(folder)):
            queue.put("held")
    except UserError as error:
        queue.put(str(error))


def test_a_second_process_is_told_who_writes_the_run(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()

    def attempt() -> str:
        process = context.Process(target=_try, args=(str(tmp_path / "run"), answers))
        process.start()
        answer: str = answers.get(timeout=60)
        process.join()
        return answer

    with locked(tmp_path / "run"):
        assert "another process writes this run (process" in attempt()
    assert attempt() == "held"
    assert not (tmp_path / "run" / LOCK_FILE).exists()


def test_a_moved_run_is_resumed_where_it_lies(tmp_path: Path, data: Path) -> None:
    run = started(tmp_path / "a", data)
    moved = run.path.rename(tmp_path / "b")
    argv = name_resumed_run(["--config", str(moved / "config.yaml"), "--resume"])
    assert argv[-2:] == ["--output", str(moved)]
    check_startable(RunDirectory(moved), config(moved, data), True)
    assert name_resumed_run(["--resume", "--output", str(moved)])[-2:] == ["--config", str(moved / "config.yaml")]


def test_nothing_to_resume_is_an_error_that_names_the_nearest_run(tmp_path: Path, data: Path) -> None:
    started(tmp_path / "sentiment", data)
    with pytest.raises(UserError, match=r"there is no run in .*sentimnet. There is .*sentiment"):
        check_startable(RunDirectory(tmp_path / "sentimnet"), config(tmp_path / "sentimnet", data), True)
    with pytest.raises(UserError, match="--resume: say which run"):
        name_resumed_run(["--resume"])


def test_a_trained_run_without_checkpoints_is_not_started_anew(tmp_path: Path, data: Path) -> None:
    run = started(tmp_path / "run", data)
    run.append_metrics({"epoch": 1, "step": 3})
    with pytest.raises(UserError, match="holds no checkpoint any more"):
        check_startable(run, config(run.path, data), True)


def test_another_config_or_changed_data_is_not_resumed(tmp_path: Path, data: Path) -> None:
    run = started(tmp_path / "run", data)
    with pytest.raises(UserError, match="--seed was 42, is 7"):
        check_startable(run, config(run.path, data, seed=7), True)
    data.write_text(data.read_text() + "c\tx\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"the data is not what the run began with: .*train.tsv has changed"):
        check_startable(run, config(run.path, data), True)


def test_data_that_moved_is_the_same(tmp_path: Path, data: Path) -> None:
    run = started(tmp_path / "run", data)
    check_startable(run, config(run.path, data.rename(tmp_path / "other.tsv")), True)


def test_a_torn_last_line_of_the_metrics_is_dropped(tmp_path: Path, data: Path) -> None:
    run = started(tmp_path / "run", data)
    run.append_metrics({"epoch": 1, "step": 3})
    with run.metrics_file.open("a") as file:
        file.write('{"epoch": 2, "st')
    assert run.metrics() == [{"epoch": 1, "step": 3}]
    run.forget_after(3)
    assert [json.loads(line) for line in run.metrics_file.read_text().splitlines()] == [{"epoch": 1, "step": 3}]
    run.metrics_file.write_text('{"epo\n{"epoch": 1, "step": 3}\n')
    with pytest.raises(UserError, match=r"metrics.jsonl line 1: this is not a line"):
        run.metrics()


@pytest.mark.parametrize("name", ["lr[3e-5]", "a*b", "x?", "x[1]"])
def test_brackets_and_stars_in_a_name_are_no_pattern(tmp_path: Path, name: str) -> None:
    for folder in (tmp_path / name, tmp_path / "x1", tmp_path / "ab"):
        folder.mkdir()
        for step in (1, 2, 3):
            for ending in ("index", "data-00000-of-00001"):
                (folder / f"ckpt-{step}.{ending}").write_text("")
    checkpoint_files.keep_newest(tmp_path / name, 3, 2)
    assert checkpoint_files.saved_steps(tmp_path / name) == [2, 3]
    assert checkpoint_files.saved_steps(tmp_path / "x1") == [1, 2, 3]
    assert checkpoint_files.saved_steps(tmp_path / "ab") == [1, 2, 3]
