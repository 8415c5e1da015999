"""A whole pre-training run on text that can be learned: its loss, its files, its end after a kill."""

from __future__ import annotations

import json
import logging
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError
from bert_tf.pretraining.pretrainer import BertPretrainer
from bert_tf.pretraining.pretraining_config import PretrainingConfig
from bert_tf.pretraining.pretraining_experiment import run_pretraining
from bert_tf.runs.run_directory import RunDirectory
from tests.conftest import REPOSITORY
from tests.test_atomic_file import largest_file

LETTERS = "abcdefghijklmnopqrst"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Letters in the order of the alphabet from a random start: neighbours tell every one of them."""
    choose = random.Random(5)
    documents = []
    for _ in range(300):
        start = choose.randrange(20)
        sentences = [" ".join(LETTERS[(start + i + 8 * k) % 20] for i in range(8)) for k in range(4)]
        documents.append("\n".join(sentences))
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


def config(text: Path, output: Path, **changes: Any) -> PretrainingConfig:
    training = {"epochs": 4, "batch_size": 16, "learning_rate": 2e-3, "tensorboard": False, "checkpoint_every": 10}
    values = {
        "backbone": "scratch:tiny",
        "data": str(text),
        "output": str(output),
        "sequence_length": 24,
        "validation_ratio": 0.1,
        "scratch": {"vocabulary_size": 200, "start": "neighbours"},
        "corpus": {"objective": "sop", "shards": 2},
    }
    return PretrainingConfig(**(values | changes | {"training": training | changes.get("training", {})}))


@pytest.fixture(scope="session")
def pretrained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return run_pretraining(config(corpus, tmp_path_factory.mktemp("runs") / "pretrained"))


def test_loss_falls_below_the_entropy_of_the_unigrams(pretrained: RunDirectory, corpus: Path) -> None:
    counts = Counter(corpus.read_text().split())
    shares = np.array(list(counts.values())) / sum(counts.values())
    entropy = -np.sum(shares * np.log(shares))
    last = pretrained.metrics()[-1]
    assert last["val_mlm_loss"] < 0.5 * entropy
    assert last["val_perplexity"] == pytest.approx(np.exp(last["val_mlm_loss"]))
    assert last["val_mlm_accuracy"] > 0.5
    assert 0 <= last["val_pair_accuracy"] <= 1


def test_the_model_is_the_backbone_of_the_next_run(
    pretrained: RunDirectory, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load_backbone(str(pretrained.model))
    task = BertPretrainer.from_preset(str(pretrained.model))
    for a, b in zip(loaded.backbone.get_weights(), task.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with caplog.at_level(logging.INFO, "bert_tf"):
        further = run_pretraining(
            config(corpus, tmp_path / "further", backbone=str(pretrained.model), training={"epochs": 1})
        )
    # Encoder and heads go on: it begins about where the other run ended.
    assert "pre-training heads: masked tokens loaded, pairs loaded" in caplog.text
    assert further.metrics()[0]["val_mlm_loss"] < 1.2 * pretrained.metrics()[-1]["val_mlm_loss"]


def test_held_out_documents_are_in_no_training_example(pretrained: RunDirectory) -> None:
    found = {
        name: json.loads((pretrained.path / "examples" / name / "description.json").read_text())
        for name in ("train", "validation")
    }
    assert found["train"]["examples"] > 5 * found["validation"]["examples"] > 0
    assert found["train"]["made_from"]["held_out"] is False


@pytest.mark.parametrize(
    "changes",
    [
        {"corpus": {"objective": "mlm"}, "masking": {"unit": "span"}},
        {"corpus": {"objective": "nsp", "duplicates": 2}, "masking": {"unit": "word"}, "validation_ratio": 0.0},
    ],
)
def test_other_objectives_train(corpus: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    run = run_pretraining(config(corpus, tmp_path / "run", **changes, training={"epochs": 1, "batch_size": 64}))
    (line,) = run.metrics()
    assert ("val_mlm_loss" in line) == ("validation_ratio" not in changes)
    assert "val_pair_accuracy" not in line
    assert np.isfinite(line["loss"])


def test_sigkill_full_disk_and_resume_end_with_the_same_weights(corpus: Path, tmp_path: Path) -> None:
    whole, cut = (config(corpus, tmp_path / name, training={"epochs": 2}) for name in ("whole", "cut"))
    file = tmp_path / "cut.yaml"
    file.write_text(cut.to_yaml())
    argv = [sys.executable, "-m", "bert_tf.pretrain", "--config", str(file)]
    checkpoints = tmp_path / "cut" / "checkpoints"
    with subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        while not (checkpoints / "checkpoint").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    last = tf.train.latest_checkpoint(checkpoints)
    with largest_file(1_000_000), pytest.raises(UserError, match=f"cannot be written.*The last good one is {last};"):
        run_pretraining(cut, resume=True)
    assert tf.train.latest_checkpoint(checkpoints) == last
    resumed = run_pretraining(cut, resume=True)
    assert [line["epoch"] for line in resumed.metrics()] == [1, 2]
    assert len(list(checkpoints.glob("*.index"))) == cut.training.max_to_keep
    run_pretraining(whole)
    expected, found = (BertPretrainer.from_preset(str(tmp_path / name / "model")) for name in ("whole", "cut"))
    for a, b in zip(expected.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_cannot_be_written_leaves_the_one_before(pretrained: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    task = BertPretrainer.from_preset(str(pretrained.model))
    run.save_model(task)
    before = (run.model / "model.weights.h5").read_bytes()
    message = r"model: cannot be written \(File too large\)\. The model before is kept"
    with largest_file(500_000), pytest.raises(UserError, match=message):
        run.save_model(task)
    assert (run.model / "model.weights.h5").read_bytes() == before


def test_heads_are_those_of_bert(pretrained: RunDirectory) -> None:
    """The masked-token head reads the token embedding backwards: no second matrix."""
    task = BertPretrainer.from_preset(str(pretrained.model))
    shapes = [tuple(variable.shape) for variable in task.trainable_variables]
    size = task.backbone.vocabulary_size
    assert shapes.count((size, 128)) == 1
    assert (size,) in shapes
    keras.utils.clear_session()


def test_mistakes_are_named(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(UserError, match="the texts are empty"):
        run_pretraining(config(tmp_path / "empty.txt", tmp_path / "a"))
    with pytest.raises(UserError, match=r"nothing\.txt: there is no such file"):
        run_pretraining(config(tmp_path / "nothing.txt", tmp_path / "b"))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "config.yaml").write_text("x")
    with pytest.raises(UserError, match="this folder is not empty and holds no run: config.yaml"):
        run_pretraining(config(corpus, tmp_path / "c"))


def test_nothing_to_validate_on_is_said_before_training(corpus: Path, tmp_path: Path) -> None:
    for number, text in enumerate(("", "\n\n", "   \n")):
        (tmp_path / f"{number}.txt").write_text(text)
        with pytest.raises(UserError, match="--validation .*: there is no text"):
            run_pretraining(config(corpus, tmp_path / "run", validation=str(tmp_path / f"{number}.txt")))
    assert not (tmp_path / "run").exists()
