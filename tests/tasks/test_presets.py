"""Presets of every task: what is kept, in which precision it is read, and what a new head needs."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from bert_tf.errors import UserError
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tasks.regression import TextRegressor
from tests.tasks.given_data import GIVEN, LABELS, TEXTS, TRAINED, small
from tests.training.small_model import small_classifier


@pytest.mark.parametrize("name", TRAINED)
def test_a_preset_keeps_the_task_and_takes_a_dtype(name: str, tmp_path: Path) -> None:
    task = small(name)
    task.save_to_preset(str(tmp_path))
    again = type(task).from_preset(str(tmp_path), dtype="bfloat16")
    assert again.backbone.compute_dtype == "bfloat16"
    assert {layer.compute_dtype for layer in again.layers if layer.weights} <= {"bfloat16", "float32"}
    same = type(task).from_preset(str(tmp_path))
    for old, new in zip(task.weights, same.weights, strict=True):
        np.testing.assert_array_equal(old.numpy(), new.numpy())
    without = {key: value for key, value in task.get_config().items() if key not in ("backbone", "preprocessor")}
    assert without == {key: value for key, value in same.get_config().items() if key in without}


def test_a_new_model_takes_from_its_data_what_it_was_not_told(tmp_path: Path) -> None:
    small_classifier().save_to_preset(str(tmp_path))  # of it, only the encoder is taken
    regressor = TextRegressor.from_preset(str(tmp_path), sequence_length=24, dtype="float32")
    regressor.compile(run_eagerly=True)
    regressor.fit(TEXTS, GIVEN["regression"].y, batch_size=10, verbose=0)
    assert regressor.mean == pytest.approx(np.mean(GIVEN["regression"].y))
    told = TextRegressor.from_preset(str(tmp_path), sequence_length=24, mean=3.0)
    told.compile(run_eagerly=True)
    told.fit(TEXTS, GIVEN["regression"].y, batch_size=10, verbose=0)
    assert told.mean == 3.0
    counted = TextClassifier.from_preset(str(tmp_path), num_classes=3)
    assert counted.labels == ["0", "1", "2"]
    with pytest.raises(UserError, match='was trained with \\["bad", "good"\\]: leave labels out'):
        TextClassifier.from_preset(str(tmp_path), labels=["x", "y"])
    learned = TextClassifier.from_data(str(tmp_path), TEXTS, LABELS, class_weights="balanced")
    assert learned.labels == ["bad", "good"]
    assert learned.softmax_loss.class_weights == [1.0, 1.0]


def test_what_a_new_model_lacks_is_named() -> None:
    with pytest.raises(
        UserError, match=r'labels: a new TextClassifier needs it: from_preset\(…, labels=\["…", "…"\]\)'
    ):
        TextClassifier.from_preset("zh_mini")
    with pytest.raises(UserError, match="zh_mini"):
        TextClassifier.from_preset("zh_mni", labels=["a", "b"])


def test_arguments_of_earlier_versions_are_read() -> None:
    for name, old, new in (
        ("tagging", "label_pieces", "label_wordpieces"),
        ("question_answering", "doc_stride", "stride"),
    ):
        task = small(name)
        config = task.get_config()
        holder = config if new in config else config["preprocessor"]["config"]
        holder[old] = holder.pop(new)
        again = type(task).from_config(config)
        read = again if hasattr(again, new) else again.preprocessor
        assert getattr(read, new) == holder[old]


def test_attributes_have_the_names_of_keras_hub() -> None:
    """Those of ``keras_hub.models.TextClassifier``, and arguments by name only."""
    task = small("classification", dropout=0.2)
    assert (task.num_classes, task.dropout) == (2, 0.2)
    assert isinstance(task.output_dropout, keras.layers.Dropout)
    assert isinstance(task.output_dense, keras.layers.Dense)
    with pytest.raises(TypeError, match="positional"):
        TextClassifier(task.backbone, task.preprocessor, ["bad", "good"])
