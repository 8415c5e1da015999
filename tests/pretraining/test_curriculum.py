"""Lengths one after the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from bert_tf.pretraining.pretraining_config import PretrainingConfig
from bert_tf.pretraining.pretraining_experiment import run_pretraining


def config(tmp_path: Path, **changes: object) -> PretrainingConfig:
    text = tmp_path / "corpus.txt"
    text.write_text("\n\n".join(" ".join("abcdefghij"[i % 10 :]) for i in range(60)), encoding="utf-8")
    values: dict[str, object] = {
        "backbone": "scratch:tiny",
        "data": str(text),
        "output": str(tmp_path / "run"),
        "validation_ratio": 0.1,
        "scratch": {"vocabulary_size": 200},
        "corpus": {"objective": "mlm", "shards": 1},
        "training": {"batch_size": 4, "tensorboard": False},
    }
    return PretrainingConfig(**(values | changes))


def test_short_examples_first_then_long_ones(tmp_path: Path) -> None:
    made = config(tmp_path, curriculum=["12:2", "40:1"])
    assert (made.sequence_length, made.training.epochs) == (40, 3)
    run = run_pretraining(made)
    examples = {
        part: json.loads((run.path / "examples" / part / "description.json").read_text())
        for part in ("train-12", "train-40", "validation-40")
    }
    batches = {name: -(-description["examples"] // 4) for name, description in examples.items()}
    assert batches["train-12"] > 2 * batches["train-40"]
    assert [line["step"] for line in run.metrics()] == [
        batches["train-12"],
        2 * batches["train-12"],
        2 * batches["train-12"] + batches["train-40"],
    ]
    assert run.config_file.read_text().count("40:1") == 1


@pytest.mark.parametrize("stages", [["128"], ["4:1"], ["128:0"], ["a:b"], []])
def test_stages_that_are_none(tmp_path: Path, stages: list[str]) -> None:
    with pytest.raises(ValidationError, match="LENGTH:EPOCHS"):
        config(tmp_path, curriculum=stages)
