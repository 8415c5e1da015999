"""A run in Python: what it answers is what the commands answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

import bert_tf
from bert_tf.errors import UserError
from tests.conftest import toy_rows


def test_a_loaded_run_answers_evaluates_and_exports(
    trained_run: Path, toy_data: dict[str, Path], tmp_path: Path
) -> None:
    run = bert_tf.load(shutil.copytree(trained_run, tmp_path / "run"))
    texts, labels = zip(*toy_rows(8), strict=True)
    assert [answer["label"] for answer in run.answer(list(texts))] == list(labels)
    scores = run.evaluate([str(toy_data["validation"])])
    assert scores.models["model"]["examples"] == len(toy_data["validation"].read_text().splitlines()) - 1
    assert run.config.task == "classification"
    version = run.export(tmp_path / "exported")
    served = tf.saved_model.load(str(version)).signatures["serving_default"](text=tf.constant(texts))
    assert [label.decode() for label in served["label"].numpy()] == list(labels)


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this is not a run directory"):
        bert_tf.load(tmp_path)
