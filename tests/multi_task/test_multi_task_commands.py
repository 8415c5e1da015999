"""Several tasks by the commands: trained together, evaluated, answered one by one, killed and resumed, served."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml
from tensorflow_serving.apis import prediction_log_pb2

from bert_tf.errors import UserError
from bert_tf.evaluate import main as evaluate
from bert_tf.export import main as export
from bert_tf.multi_task.multi_task_config import MultiTaskConfig
from bert_tf.multi_task.multi_task_experiment import run_multi_task
from bert_tf.predict import main as predict
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.serving.client import GrpcClient, RestClient
from bert_tf.serving.server import ModelServer
from tests.conftest import REPOSITORY, Command
from tests.test_commands import read_weights

PEOPLE = ["Anna", "Ben", "Dora", "Otto"]
PLACES = ["Rome", "Oslo", "Berne"]


pytestmark = pytest.mark.usefixtures("no_logging")


@pytest.fixture(scope="module")
def names_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person and a place in each of twelve texts, six times over: fewer epochs, and fewer starts of the pipeline."""
    lines = []
    for number in range(6 * 12):
        person, place = PEOPLE[number % 4], PLACES[number // 4 % 3]
        text = f"{person} is in {place}"
        spans = [(0, len(person), "person"), (len(text) - len(place), len(text), "place")]
        spans = [dict(zip(("start", "end", "label"), span, strict=True)) for span in spans]
        lines.append(json.dumps({"text": text, "spans": spans}) + "\n")
    path = tmp_path_factory.mktemp("names") / "names.jsonl"
    path.write_text("".join(lines))
    return path


def values(output: Path, sentiment: Path, names: Path, **training: Any) -> dict[str, Any]:
    return {
        "backbone": "scratch:tiny",
        "output": str(output),
        "tasks": {
            "sentiment": {"data": {"train": str(sentiment), "validation": str(sentiment), "sequence_length": 32}},
            "names": {
                "task": "tagging",
                "data": {"train": str(names), "validation": str(names), "sequence_length": 24},
                "head": {"overlap": 4},
            },
        },
        "scratch": {"vocabulary_size": 300},
        "training": {"epochs": 5, "batch_size": 4, "learning_rate": 1e-3, "tensorboard": False} | training,
    }


@pytest.fixture(scope="module")
def run(toy_data: dict[str, Path], names_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A classifier and a tagger that share a backbone and have learned their few rows by heart. Read only."""
    output = tmp_path_factory.mktemp("runs") / "two"
    return run_multi_task(MultiTaskConfig(**values(output, toy_data["train"], names_data)))


def test_both_tasks_overfit_in_one_run(run: RunDirectory) -> None:
    best = max(run.metrics(), key=lambda line: line["val_mean_score"])
    assert best["val_sentiment_accuracy"] == 1.0
    assert best["val_names_f1"] == 1.0
    assert best["val_mean_score"] == 1.0


def test_evaluate_scores_each_task(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(["--run", str(run.path)])
    metrics = json.loads((run.evaluation / "metrics.json").read_text())
    assert list(metrics) == ["sentiment", "names"]
    assert metrics["sentiment"]["accuracy"] == metrics["names"]["f1"] == 1.0
    printed = capsys.readouterr().out
    assert "== sentiment ==" in printed
    assert "boundary_f1" in printed
    assert (run.path / "tasks" / "names" / "evaluation" / "predictions.jsonl").exists()
    with pytest.raises(UserError, match="--data is of one task: give --run .*/tasks/NAME, one of sentiment, names"):
        evaluate(["--run", str(run.path), "--data", "x.tsv"])


def test_predict_is_of_one_task(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="this run has several tasks; give one: .*tasks/sentiment, .*tasks/names"):
        predict(["--run", str(run.path), "--text", "lovely"])
    predict(["--run", str(run.path / "tasks" / "names"), "--text", "Otto is in Oslo"])
    found = json.loads(capsys.readouterr().out)["prediction"]["entities"]
    assert [(one["text"], one["label"]) for one in found] == [("Otto", "person"), ("Oslo", "place")]


def test_a_moved_run_keeps_its_models(run: RunDirectory, tmp_path: Path) -> None:
    run.path.rename(tmp_path / "moved")
    try:
        assert RunDirectory.open(tmp_path / "moved" / "tasks" / "names").config().task == "tagging"
    finally:
        (tmp_path / "moved").rename(run.path)


def test_between_two_models_a_task_answers_by_the_one_before(run: RunDirectory) -> None:
    run.model.rename(run.path / ".model.old")
    try:
        assert RunDirectory.open(run.path / "tasks" / "names").load_model().labels == ["person", "place"]
    finally:
        (run.path / ".model.old").rename(run.model)


@pytest.fixture(scope="module")
def exported(run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base path of the exported run."""
    output = tmp_path_factory.mktemp("exported") / "two"
    export(["-q", "--run", str(run.path), "--output", str(output)])
    return output


def test_export_stores_the_backbone_once_and_warms_up_every_signature(run: RunDirectory, exported: Path) -> None:
    version = exported / "1"
    assert (version / "assets" / "labels_sentiment.txt").read_text() == "bad\ngood\n"
    assert (version / "assets" / "labels_names.txt").read_text() == "person\nplace\n"
    task = RunDirectory.open(run.path / "tasks" / "sentiment").load_model()
    once = sum(variable.numpy().nbytes for variable in task.backbone.variables)
    assert (version / "variables" / "variables.data-00000-of-00001").stat().st_size < 1.2 * once
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    requests = [prediction_log_pb2.PredictionLog.FromString(r).predict_log.request for r in records.as_numpy_iterator()]
    warmed = {request.model_spec.signature_name for request in requests}
    assert warmed == {"serving_default", "sentiment", "names"}


def test_each_signature_answers_as_its_task(run: RunDirectory, exported: Path) -> None:
    tasks = {name: RunDirectory.open(path).load_model() for name, path in run.tasks().items()}
    texts = ["Anna is in Berne", "this book is excellent"]
    with ModelServer({"two": exported}, port=0, rest_api_port=0) as server:
        with RestClient(f"http://127.0.0.1:{server.rest_api_port}") as rest:
            over_rest = {name: rest.predict("two", {"text": texts}, signature_name=name) for name in tasks}
            default = rest.predict("two", {"text": texts})
        with GrpcClient(f"127.0.0.1:{server.port}") as grpc:
            over_grpc = {name: grpc.predict("two", {"text": texts}, signature_name=name) for name in tasks}
    for name, task in tasks.items():
        answers = task.answer_texts({"text": tf.constant(texts)})
        for key in ("probabilities",) if name == "sentiment" else ("scores", "starts", "ends", "mask"):
            np.testing.assert_allclose(np.array(over_rest[name][key]), answers[key], atol=1e-5)
            np.testing.assert_allclose(np.array(over_grpc[name][key]), answers[key], atol=1e-5)
    np.testing.assert_allclose(default["probabilities"], over_rest["sentiment"]["probabilities"], atol=1e-6)


def test_sigkill_and_resume_end_with_the_same_weights(
    tmp_path: Path, toy_data: dict[str, Path], names_data: Path, command: Command
) -> None:
    """The tagger is the second task; the run is killed at its first checkpoint."""
    config = tmp_path / "several.yaml"
    recipe = values(tmp_path / "cut", toy_data["validation"], names_data, epochs=2, batch_size=12, checkpoint_every=3)
    config.write_text(yaml.safe_dump({**recipe, "loss_weighting": "uncertainty"}, sort_keys=False))
    argv = [sys.executable, "-m", "bert_tf.train", "--config", str(config)]
    whole = subprocess.Popen([*argv, "--output", str(tmp_path / "whole")], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    process = subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    while not (tmp_path / "cut" / "checkpoints" / "checkpoint").exists():
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = command("train", "--config", tmp_path / "cut" / "config.yaml", "--resume")
    assert again.returncode == 0, again.stderr
    assert "resuming at epoch" in again.stderr
    assert whole.wait(240) == 0
    for name in ("sentiment", "names"):
        for file in ("model.weights.h5", "task.weights.h5"):
            expected, found = (read_weights(tmp_path / run / "model" / name / file) for run in ("whole", "cut"))
            assert expected.keys() == found.keys()
            for path, value in expected.items():
                np.testing.assert_array_equal(value, found[path])
