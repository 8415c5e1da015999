"""Another package adds a plug-in of each kind, one file each, without an edit of ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import bert_tf
from bert_tf import evaluate, export, train
from bert_tf.data.demos import DEMOS
from bert_tf.data.sources import SOURCES
from bert_tf.errors import UserError
from bert_tf.exporting.formats import FORMATS
from bert_tf.metrics.extra import METRICS
from bert_tf.optimization import OPTIMIZERS, SCHEDULES
from bert_tf.plugins import Registry
from bert_tf.tasks import TASKS
from bert_tf.training.hooks import HOOKS
from tests.conftest import REPOSITORY, toy_rows
from tests.plugins.sample_plugins import PACKAGE, entry_points_of, installed_package

REGISTRIES = {registry.group: registry for registry in (TASKS, SOURCES, OPTIMIZERS, HOOKS, METRICS, FORMATS)}
POINTS = [(group, name) for group, points in entry_points_of(PACKAGE).items() for name in points]


@pytest.fixture(scope="module", autouse=True)
def sample_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed_package(PACKAGE, tmp_path_factory.mktemp("site_packages")):
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, no_logging: None) -> Path:
    folder = tmp_path_factory.mktemp("run")
    for name, rows in {"train": toy_rows(24)[:16], "validation": toy_rows(24)[16:]}.items():
        lines = [f"{'yes' if label == 'good' else 'no'}: {text}\n" for text, label in rows]
        (folder / f"{name}.notes").write_text("".join(lines), encoding="utf-8")
    flags = f"""
        --task yes_no --head.dropout 0 --backbone scratch:tiny --scratch.vocabulary_size 300
        --data.train {folder}/train.notes --data.validation {folder}/validation.notes --data.sequence_length 16
        --training.optimizer adamax --optimizer.beta_2 0.99 --hooks.clip_values.limit 0.5
        --training.metrics brier --training.monitor brier --training.epochs 1 --training.batch_size 8
        --training.tensorboard false --output {folder}/run
    """
    train.main(flags.split())
    return folder / "run"


@pytest.mark.parametrize(("group", "name"), POINTS)
def test_each_kind_is_listed_with_its_package(group: str, name: str) -> None:
    registry = REGISTRIES[group]
    assert name in registry.names()
    assert registry.owner(name) == "bert-tf-sample"
    assert set(REGISTRIES) == set(entry_points_of(PACKAGE))


@pytest.mark.parametrize("registry", [*REGISTRIES.values(), SCHEDULES, DEMOS], ids=lambda registry: registry.group)
def test_a_near_name_is_meant(registry: Registry) -> None:
    name = registry.names()[0]
    with pytest.raises(UserError, match=re.escape(f"{name}x: there is no such {registry.kind}")) as caught:
        registry.module(f"{name}x")
    assert "Did you mean" in str(caught.value)


def test_its_options_are_flags_and_need_no_tensorflow(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path[:0] = [{str(REPOSITORY)!r}]
from pathlib import Path
from tests.plugins.sample_plugins import PACKAGE, installed_package
from bert_tf import export, train
def helps(main, argv):
    try:
        main([*argv, "--help"])
    except SystemExit:
        pass
with installed_package(PACKAGE, Path({str(tmp_path)!r})):
    helps(train.main, ["--task", "yes_no", "--training.optimizer", "adamax"])
    helps(export.main, ["--format", "npz"])
assert not {{"tensorflow", "keras"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    for text in (
        "--head.dropout X dropout before the last layer [0.1]",
        "--optimizer.beta_2 X decay of the largest gradient [0.999]",
        "--hooks.clip_values true|false Limits each number of the gradient.",
        "--hooks.clip_values.limit X largest absolute value [0.1]",
        "balanced_accuracy, brier",
        "--compress true|false compress the file [false]",
        "yes_no",
    ):
        assert text in shown, text


def test_training_uses_them(run: Path) -> None:
    [line] = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"val_accuracy", "val_loss", "val_brier"} <= line.keys()
    assert 0 <= line["val_brier"] <= 1
    config = bert_tf.load(run).config
    assert (config.training.optimizer, config.training.metrics) == ("adamax", ["brier"])


def test_evaluation_gives_the_metric(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.main(["--run", str(run), "-q"])
    assert re.search(r"^brier +0\.\d+", capsys.readouterr().out, re.MULTILINE)
    scores = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert {"accuracy", "brier"} <= scores.keys()
    assert "balanced_accuracy" not in scores
    with pytest.raises(UserError, match="--training.metrics breir: .* Did you mean brier?"):
        evaluate.main(["--run", str(run), "--training.metrics", "breir"])


def test_the_run_answers_and_is_exported(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = bert_tf.load(run)
    [answer] = loaded.answer(["the film was a joy"])
    assert answer["label"] in ("yes", "no")
    export.main(["--run", str(run), "--format", "npz", "--compress", "true", "--output", str(tmp_path / "arrays")])
    count = len(loaded.task.weights)
    assert capsys.readouterr().out == f"{tmp_path / 'arrays'}  (weights: {count})\n"
    with np.load(tmp_path / "arrays" / "weights.npz") as arrays:
        assert len(arrays.files) == count
    with pytest.raises(UserError, match="--compress goes with --format npz"):
        export.main(["--run", str(run), "--compress", "true", "--output", str(tmp_path / "x")])


def test_our_formats_write_its_task(run: Path, tmp_path: Path) -> None:
    version = bert_tf.load(run).export(tmp_path / "served")
    assert (version / "saved_model.pb").exists()
