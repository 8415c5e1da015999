"""The commands as a user types them: results, messages, exit codes, and what a kill leaves behind."""

from __future__ import annotations

import importlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from bert_tf.errors import UserError
from bert_tf.runs.run_lock import locked
from tests.conftest import REPOSITORY, Command, free_port
from tests.test_atomic_file import everything

pytestmark = pytest.mark.usefixtures("no_logging")


def call(name: str, *arguments: object) -> None:
    """A command in this process, which spares the start of another."""
    importlib.import_module(f"bert_tf.{name}").main(list(map(str, arguments)))


TRAIN = ["train", "--backbone", "scratch:tiny", "--output", "x"]
ON_REVIEWS = [*TRAIN, "--data.train", "demo:zh_reviews"]


def test_predict_keeps_order_and_columns(trained_run: Path, tmp_path: Path) -> None:
    rows = [
        {"id": i, "text": f"this book {'excellent' if i % 3 else 'terrible'} {'so ' * (i % 7)}"} for i in range(300)
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    output = tmp_path / "out.jsonl"
    call("predict", "--run", trained_run, "--data", source, "--output", output, "--batch_size", 4)
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [{key: row[key] for key in ("id", "text")} for row in found] == rows
    labels = [row["prediction"]["label"] for row in found]
    assert np.mean([label == ("good" if i % 3 else "bad") for i, label in enumerate(labels)]) > 0.9


def test_predict_writes_a_table_under_the_users_column_names(trained_run: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("编号,评论,标签\n1,this book excellent,x\n2,this book terrible,y\n", encoding="gb18030")
    output = tmp_path / "out.csv"
    call("predict", "--run", trained_run, "--data", source, "--columns.text", "评论", "--output", output)
    head, *lines = output.read_text(encoding="utf-8-sig").splitlines()
    assert head.startswith("编号,评论,标签,prediction.label,prediction.score,prediction.probabilities.bad")
    assert [line.split(",")[:4] for line in lines] == [
        ["1", "this book excellent", "x", "good"],
        ["2", "this book terrible", "y", "bad"],
    ]


TEXTS = ["this book excellent", "this book terrible", " "]


def test_several_texts_are_answered_and_an_empty_one_is_told(
    trained_run: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    call("predict", "--run", trained_run, "--text", *TEXTS[:2], "--text", *TEXTS[2:])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == TEXTS
    assert [line["prediction"]["label"] for line in lines[:2]] == ["good", "bad"]
    assert "--text (number 3): the text is empty" in caplog.text


def test_an_output_of_another_format_is_refused_before_the_model_is_loaded(trained_run: Path) -> None:
    with pytest.raises(UserError, match=r"--output x.txt: the format is told by the ending"):
        call("predict", "--run", trained_run, "--text", "a", "--output", "x.txt")


def test_evaluate_writes_metrics(trained_run: Path, command: Command) -> None:
    done = command("evaluate", "--run", trained_run, "--baselines")
    assert done.returncode == 0, done.stderr
    assert "TF-IDF + LR" in done.stdout
    assert "true \\ predicted" in done.stdout
    metrics = json.loads((trained_run / "evaluation" / "metrics.json").read_text())
    assert metrics["examples"] == 16
    assert set(metrics["baselines"]) == {"majority class", "TF-IDF + LR"}
    lines = (trained_run / "evaluation" / "predictions.jsonl").read_text().splitlines()
    answers = [json.loads(line) for line in lines]
    assert len(answers) == 16
    right = [answer["label"] == answer["prediction"]["label"] for answer in answers]
    assert np.mean(right) == metrics["accuracy"]
    errors = (trained_run / "evaluation" / "errors.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(errors) == right.count(False)


def test_unknown_labels_in_new_data_are_an_error_or_skipped(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "test.csv"
    data.write_text("words,label\nlovely,good\nodd,ugly\nawful,bad\n")
    arguments = ["evaluate", "--run", trained_run, "--data", data, "--columns.text", "words"]
    with pytest.raises(UserError, match=r'test.csv line 3: label "ugly" is not one of \["bad", "good"\]'):
        call(*arguments)
    call(*arguments, "--data.on_unknown_label", "skip")
    assert "test.csv: 2 examples" in capsys.readouterr().out


def on_two_workers(*arguments: object) -> None:
    """Runs a command in two worker processes of this machine, which it finds in TF_CONFIG."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    workers = []
    for index in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        argv = [sys.executable, "-m", *map(str, arguments)]
        environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
        workers.append(subprocess.Popen(argv, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True))
    for worker in workers:
        _, errors = worker.communicate(timeout=240)
        assert worker.returncode == 0, errors[-3000:]
        assert "2 replicas" in errors


def test_two_workers_write_one_run(
    toy_data: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That the weights of several workers are right, test_loop.py says."""
    flags = ["--training.epochs", 1, "--training.tensorboard", "true"]
    on_two_workers("bert_tf.train", *training_arguments(tmp_path / "run", toy_data), *flags)
    call("predict", "--run", tmp_path / "run", "--text", "lovely")
    assert json.loads(capsys.readouterr().out)["prediction"]["label"] in ("bad", "good")


def test_two_workers_pretrain_on_the_examples_that_one_wrote(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a good book and a bad film\n\n" * 40, encoding="utf-8")
    arguments = ["--backbone", "scratch:tiny", "--data", text, "--output", tmp_path / "run", "--training.epochs", 1]
    arguments += ["--corpus.objective", "mlm", "--sequence_length", 16, "--training.batch_size", 8]
    on_two_workers("bert_tf.pretrain", *arguments, "--validation_ratio", 0)
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8"))
    assert line["epoch"] == 1
    assert (tmp_path / "run" / "model" / "model.weights.h5").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "--backbone is required"),
        (
            ["train", "--backbone", "scratch:tiny", "--output", "x", "--training.epochs", "0"],
            "--training.epochs: input",
        ),
        (
            ["train", "--backbone", "scratch:tiny", "--output", "x", "--task", "nix"],
            "--task nix: there is no such task",
        ),
        (TRAIN, "--data.train is required"),
        (
            ["train", "--backbone", "scratch:tiny", "--output", "x", "--data.train", "no.tsv"],
            "no.tsv: there is no such",
        ),
        ([*ON_REVIEWS, "--distribution", "mirrored"], "--distribution mirrored: this machine has 1 device"),
        ([*ON_REVIEWS, "--distribution", "multi_worker"], "TF_CONFIG must name two or more workers"),
        ([*TRAIN, "--head.pool", "a"], "--head.pool a. Did you mean --head.pooling"),
        (["train", "--config", "nowhere.yaml"], "--config nowhere.yaml: cannot be read"),
        (["train", "--unknown", "1"], "unrecognized arguments: --unknown"),
        (["predict", "--run", "nowhere", "--text", "a"], "--run nowhere: this is not a run directory"),
        (["serve", "--model_base_path", "nowhere"], "--model_base_path nowhere: cannot be read"),
    ],
)
def test_mistakes_are_one_message(arguments: list[str], message: str) -> None:
    """test_data_mistakes_name_file_and_line sees the exit code."""
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("task", ["classification", "tagging", "translation", "embedding", "question_answering"])
def test_an_empty_file_is_named(tmp_path: Path, task: str) -> None:
    empty = tmp_path / "train.jsonl"
    empty.touch()
    arguments = ["--backbone", "scratch:tiny", "--output", tmp_path / "run", "--task", task, "--data.train", empty]
    with pytest.raises(UserError, match=r"train\.jsonl: there is no row to train on"):
        call("train", *arguments)
    assert not (tmp_path / "run").exists()


def test_data_mistakes_name_file_and_line(tmp_path: Path, toy_data: dict[str, Path], command: Command) -> None:
    bad = tmp_path / "dev.tsv"
    bad.write_text("text\tlabel\nfine\tgood\nodd\tugly\n")
    common = ["--backbone", "scratch:tiny", "--output", tmp_path / "run", "--data.train", toy_data["train"]]
    done = command("train", *common, "--training.epochs", "1", "--data.validation", bad)
    assert done.returncode == 2
    assert 'dev.tsv line 3: label "ugly" is not one of ["bad", "good"]' in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()  # it is said before anything is trained


def test_a_user_s_files_survive_every_kind_of_run(tmp_path: Path, toy_data: dict[str, Path], command: Command) -> None:
    for name in ("model/bert_model.ckpt", "checkpoints/ckpt-0.index", "model.old/x", "environment.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    before = everything(tmp_path)
    refused = command("train", *training_arguments(tmp_path, toy_data))
    assert refused.returncode == 2
    assert (
        "this folder is not empty and holds no run: checkpoints, environment.json, model, model.old" in refused.stderr
    )
    assert "Traceback" not in refused.stderr
    with pytest.raises(UserError, match="is not empty and holds no run"):
        call("pretrain", "--backbone", "scratch:tiny", "--data", toy_data["train"], "--output", tmp_path)
    assert everything(tmp_path) == before


def test_a_copied_run_is_resumed_where_it_is(
    trained_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its name holds the characters of patterns, its list of checkpoints is lost, and its last line is torn."""
    before = everything(trained_run)
    copy = shutil.copytree(trained_run, tmp_path / "x[1]*")
    (copy / "checkpoints" / "checkpoint").unlink()
    with (copy / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 9, "st')
    with caplog.at_level(logging.INFO, "bert_tf"):
        call("train", "--config", copy / "config.yaml", "--resume")
    assert "resuming at epoch 9" in caplog.text
    assert "the last line is incomplete" in caplog.text
    assert everything(trained_run) == before
    assert f"output: {copy}\n" in (copy / "config.yaml").read_text()
    assert len((copy / "metrics.jsonl").read_text().splitlines()) == 8
    assert not (copy / "run.lock").exists()
    with pytest.raises(UserError, match="there is already a run"):
        call("train", "--config", copy / "config.yaml")
    with locked(copy), pytest.raises(UserError, match="another process writes this run"):
        call("train", "--config", copy / "config.yaml", "--resume")


def test_what_cannot_be_written_is_one_message(
    trained_run: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "lovely", "label": "good"}\n' * 200)
    for output, reason in ((tmp_path, "Is a directory"), ("/dev/full", "No space left on device")):
        with pytest.raises(UserError, match=rf"^--output {output}: cannot be written \({reason}\)\.$"):
            call("predict", "--run", trained_run, "--data", data, "--output", output)
    with pytest.raises(UserError, match="--output .*data.jsonl: this is also an input"):
        call("predict", "--run", trained_run, "--data", data, "--output", data)
    with open("/dev/full", "w") as full:
        argv = [sys.executable, "-m", "bert_tf.predict", "--run", str(trained_run), "--text", "lovely"]
        users = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
        done = subprocess.run(argv, cwd=REPOSITORY, stdout=full, stderr=subprocess.PIPE, text=True, env=users)
    assert (done.returncode, done.stderr) == (2, "error: the output: cannot be written (No space left on device).\n")

    copy = shutil.copytree(trained_run, tmp_path / "run")
    shutil.rmtree(copy / "evaluation", ignore_errors=True)
    (copy / "evaluation").touch()  # the tests may run as root, who writes into read-only folders
    capsys.readouterr()
    with pytest.raises(UserError, match=r"evaluation/predictions.jsonl: cannot be written \(Not a directory\)"):
        call("evaluate", "--run", copy, "--data", data)
    assert "accuracy" in capsys.readouterr().out
    with pytest.raises(UserError, match="this is also an input"):
        call("vocab", "--data", data, "--output", data)


def training_arguments(output: Path, data: dict[str, Path]) -> list[str]:
    flags = {
        "backbone": "scratch:tiny",
        "output": output,
        "data.train": data["train"],
        "data.validation": data["validation"],
        "data.sequence_length": 32,
        "scratch.vocabulary_size": 300,
        "training.epochs": 3,
        "training.batch_size": 4,
        "training.checkpoint_every": 3,
        "training.tensorboard": "false",
    }
    return [part for key, value in flags.items() for part in (f"--{key}", str(value))]


def test_sigkill_and_resume_end_with_the_same_weights(
    tmp_path: Path, toy_data: dict[str, Path], command: Command
) -> None:
    call("train", *training_arguments(tmp_path / "whole", toy_data))
    argv = [sys.executable, "-m", "bert_tf.train", *training_arguments(tmp_path / "cut", toy_data)]
    process = subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    checkpoints = tmp_path / "cut" / "checkpoints"
    while not list(checkpoints.glob("checkpoint")):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (
        not (tmp_path / "cut" / "metrics.jsonl").exists()
        or len((tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()) < 3
    )

    again = command("train", "--config", tmp_path / "cut" / "config.yaml", "--resume")
    assert again.returncode == 0, again.stderr
    assert "resuming at epoch" in again.stderr
    for name in ("model.weights.h5", "task.weights.h5"):
        whole_weights, cut_weights = (read_weights(tmp_path / run / "model" / name) for run in ("whole", "cut"))
        assert whole_weights
        assert whole_weights.keys() == cut_weights.keys()
        for path, expected in whole_weights.items():
            np.testing.assert_array_equal(expected, cut_weights[path])


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Every array of an HDF5 file by its path."""
    arrays: dict[str, np.ndarray] = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(keep)
    return arrays


def test_ctrl_c_leaves_a_resumable_run(tmp_path: Path, toy_data: dict[str, Path]) -> None:
    arguments = [*training_arguments(tmp_path / "run", toy_data), "--training.epochs", "200"]
    argv = [sys.executable, "-m", "bert_tf.train", *arguments]
    process = subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "run" / "checkpoints").glob("checkpoint")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "--resume" in errors

    with pytest.raises(UserError, match="there is already a run"):
        call("train", *arguments)
