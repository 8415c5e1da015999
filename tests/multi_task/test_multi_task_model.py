"""The weights of the tasks' losses, and what is saved."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.multi_task.multi_task_model import WeightedTask
from bert_tf.optimization.build_optimizer import build_optimizer
from bert_tf.optimization.groups import Group
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tasks.regression import TextRegressor
from tests.multi_task.small_tasks import small_tasks


def task_with_loss(loss: float) -> Any:
    return SimpleNamespace(
        trainable_variables=[], loss_per_example=lambda targets, outputs: tf.constant([loss, loss / 2])
    )


def test_fixed_weight_is_a_factor() -> None:
    found = WeightedTask(task_with_loss(3.0), 0.5).loss_per_example(None, None)
    np.testing.assert_allclose(found, [1.5, 0.75])


def test_tokens_of_a_task_that_counts_them_count() -> None:
    task = SimpleNamespace(loss_weights=lambda targets: 2 * targets)
    assert WeightedTask(task, 0.5).loss_weights(3) == 6


def test_uncertainty_by_hand() -> None:
    """exp(-s) L + s / 2 and its derivative -exp(-s) L + 1 / 2, with L = 1.5 the mean of 2 and 1."""
    variance = keras.Variable(0.3)
    weighted = WeightedTask(task_with_loss(2.0), 1.0, variance)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(weighted.loss_per_example(None, None))
    assert float(loss) == pytest.approx(np.exp(-0.3) * 1.5 + 0.15, rel=1e-6)
    assert float(tape.gradient(loss, variance.value)) == pytest.approx(-np.exp(-0.3) * 1.5 + 0.5, rel=1e-6)
    assert weighted.trainable_variables == [variance]


def test_a_noisy_task_comes_to_weigh_less() -> None:
    """Where L stays, exp(-s) L + s / 2 is least at exp(-s) = 1 / (2 L)."""
    variances = [keras.Variable(0.0, name=f"log_variance_{n}") for n in range(2)]
    tasks = [WeightedTask(task_with_loss(loss), 1.0, v) for loss, v in zip([0.4, 2.0], variances, strict=True)]
    recipe = TrainingConfig(learning_rate=1e-3, weight_decay=0.0, warmup_ratio=0.0, schedule="constant")
    optimizer = build_optimizer(recipe, 200, groups=[Group("log_variance", learning_rate=40.0)], partial_updates=True)
    optimizer.build(variances)
    for _ in range(100):
        for task, variance in zip(tasks, variances, strict=True):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(task.loss_per_example(None, None))
            optimizer.apply([tape.gradient(loss, variance.value)], [variance])
    weights = [float(keras.ops.exp(-variance)) for variance in variances]
    assert weights == pytest.approx([1 / 0.6, 1 / 3.0], rel=0.05)


def test_saved_tasks_share_the_backbones_file_and_answer_alike(tmp_path: Path) -> None:
    model = small_tasks()
    model.save_to_preset(str(tmp_path))
    files = [tmp_path / name / "model.weights.h5" for name in ("sentiment", "length")]
    assert files[0].samefile(files[1])
    text = {"text": tf.constant(["this book, very good"])}
    sentiment = TextClassifier.from_preset(str(tmp_path / "sentiment"))
    length = TextRegressor.from_preset(str(tmp_path / "length"), backbone=sentiment.backbone)
    assert length.backbone is sentiment.backbone
    for name, loaded in (("sentiment", sentiment), ("length", length)):
        expected, found = model.members[name].answer_texts(text), loaded.answer_texts(text)
        for key in ("probabilities",) if name == "sentiment" else ("score",):
            np.testing.assert_allclose(found[key], expected[key], atol=1e-6)


def test_mean_score_takes_each_tasks_main_metric() -> None:
    model = small_tasks()
    assert model.mean_score(
        {"sentiment_accuracy": 0.8, "sentiment_f1": 0.1, "length_pearson_spearman": 0.4}
    ) == pytest.approx(0.6)
    assert model.mean_score({"length_pearson_spearman": 0.4}) == pytest.approx(0.4)
    model.members["length"] = SimpleNamespace(monitor="mae", mode="min")
    assert model.mean_score({"sentiment_accuracy": 0.8, "length_mae": 0.4}) == pytest.approx(0.2)
    assert "sentiment_loss" in small_tasks().lower_is_better
