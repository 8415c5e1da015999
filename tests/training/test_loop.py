"""The promises of the training loop, each by training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.errors import UserError
from bert_tf.inference.predict import evaluate_records
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tasks.monitor import Monitor
from bert_tf.training.loop import train
from bert_tf.training.update import build_update
from tests.conftest import free_port
from tests.training.small_model import (
    small_batches,
    small_classifier,
    small_token_batches,
    ten_examples_again_and_again,
    toy_records,
)


def recipe(**changes: Any) -> TrainingConfig:
    base = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "tensorboard": False, "checkpoint_every": 1000}
    return TrainingConfig(**(base | changes))


def weights(task: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in task.trainable_variables]


def trained(folder: Path, dropout: float = 0.0, **changes: Any) -> TextClassifier:
    task = small_classifier(dropout)
    config = recipe(**changes)
    train(task, small_batches(task, config.batch_size), config, RunDirectory(folder))
    return task


def assert_equal(a: TextClassifier, b: TextClassifier, atol: float) -> None:
    for x, y in zip(weights(a), weights(b), strict=True):
        np.testing.assert_allclose(x, y, atol=atol, rtol=0)


def test_overfits_ten_examples(tmp_path: Path) -> None:
    task = small_classifier()
    batches = TrainingBatches(LabelledRows(ten_examples_again_and_again(), task), 2, seed=1)
    train(task, batches, recipe(epochs=5, learning_rate=5e-3, batch_size=2), RunDirectory(tmp_path))
    metrics = evaluate_records(task, toy_records(0, 10), batch_size=4)
    assert metrics["accuracy"] == 1.0
    assert metrics["loss"] < 0.05


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> TextClassifier:
    """The small training by the recipe as it is; tests read it only."""
    return trained(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def with_dropout(tmp_path_factory: pytest.TempPathFactory) -> tuple[TextClassifier, RunDirectory]:
    """The same with dropout."""
    folder = tmp_path_factory.mktemp("with_dropout")
    return trained(folder, dropout=0.1), RunDirectory(folder)


def test_equal_seeds_give_equal_runs(tmp_path: Path, with_dropout: tuple[TextClassifier, RunDirectory]) -> None:
    assert_equal(with_dropout[0], trained(tmp_path, dropout=0.1), atol=0)


@pytest.mark.parametrize("pieces", [2, 4])
def test_accumulation_equals_the_large_batch(tmp_path: Path, plain: TextClassifier, pieces: int) -> None:
    assert_equal(plain, trained(tmp_path, gradient_accumulation_steps=pieces), atol=1e-5)


@pytest.mark.parametrize("pieces", [1, 2])
def test_tokens_count_alike_where_the_task_counts_them(pieces: int) -> None:
    """Two rows of 1 and 3 tokens, and a filled-up one: the gradient is that of the mean over the four tokens."""

    class Tokens:
        """Loss of a token: its number times the weight."""

        def __init__(self) -> None:
            self.weight = keras.Variable(1.0)
            self.trainable_variables = [self.weight]
            self.losses: list[Any] = []

        def __call__(self, features: Any, training: bool = False) -> Any:
            return features["numbers"] * self.weight

        def loss_per_example(self, targets: Any, outputs: Any) -> Any:
            return tf.reduce_sum(outputs, 1) / targets

        def loss_weights(self, targets: Any) -> Any:
            return targets

    task = Tokens()
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build(task.trainable_variables)
    config = recipe(gradient_accumulation_steps=pieces, global_clipnorm=None)
    numbers = tf.constant([[1.0, 0, 0], [2, 3, 4], [9, 9, 9], [9, 9, 9]])
    batch = ({"numbers": numbers}, tf.constant([1.0, 3, 3, 3]), tf.constant([1.0, 1, 0, 0]))
    data = tf.data.Dataset.from_tensors(batch)
    update = build_update(task, optimizer, config, tf.distribute.get_strategy())
    loss, tokens = update(iter(data), tf.constant(1))
    assert (float(loss), float(tokens)) == pytest.approx((10, 4))
    assert float(task.weight) == pytest.approx(1 - 10 / 4)


def test_several_steps_per_call_equal_one(tmp_path: Path, plain: TextClassifier) -> None:
    assert_equal(plain, trained(tmp_path, steps_per_execution=2), atol=1e-7)


def test_xla_equals_no_xla(tmp_path: Path, plain: TextClassifier) -> None:
    assert_equal(plain, trained(tmp_path, jit_compile=True), atol=1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns(tmp_path: Path, precision: str) -> None:
    task = small_classifier(dtype=f"mixed_{precision}")
    batches = TrainingBatches(LabelledRows(ten_examples_again_and_again(), task), 2, seed=1)
    config = recipe(epochs=5, learning_rate=5e-3, batch_size=2, mixed_precision=precision)
    train(task, batches, config, RunDirectory(tmp_path))
    assert evaluate_records(task, toy_records(0, 10), batch_size=4)["accuracy"] == 1.0
    assert {variable.dtype for variable in task.trainable_variables} == {"float32"}


def test_gradient_is_clipped_by_its_global_norm(tmp_path: Path) -> None:
    """AdamW hides a gradient's scale, but for one so small that its epsilon decides."""
    task = small_classifier()
    before = weights(task)
    config = recipe(
        global_clipnorm=1e-11, learning_rate=1.0, schedule="constant", warmup_ratio=0.0, weight_decay=0.0, epochs=1
    )
    train(task, TrainingBatches(LabelledRows(toy_records(0, 16), task), 16, seed=1), config, RunDirectory(tmp_path))
    moved = np.concatenate([(a - b).ravel() for a, b in zip(before, weights(task), strict=True)])
    # Kingma and Ba 2014, end of section 2: of the first step, epsilon is divided by sqrt(1 - beta_2).
    assert np.linalg.norm(moved) == pytest.approx(1e-11 / 1e-8 * np.sqrt(1 - 0.999), rel=1e-3)


class Kill(keras.callbacks.Callback):
    """Ends the training as a power cut would, after so many batches."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.left -= 1
        if self.left == 0:
            raise InterruptedError("power cut")


@pytest.mark.parametrize("after", [3, 4, 5])
def test_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, with_dropout: tuple[TextClassifier, RunDirectory], after: int
) -> None:
    """Dropout is on: the random state has to come back too. Cuts fall inside an epoch, at its end and in the next."""
    config = recipe(checkpoint_every=2)
    whole, uncut = with_dropout
    run = RunDirectory(tmp_path)
    task = small_classifier(dropout=0.1)
    with pytest.raises(InterruptedError):
        train(task, small_batches(task, 16), config, run, callbacks=[Kill(after)])
    again = small_classifier(dropout=0.1, seed=99)
    keras.utils.set_random_seed(7)  # as every start of the command does
    end = train(again, small_batches(again, 16), config, run, resume=True)

    assert_equal(whole, again, atol=0)
    assert end.step == 6
    assert [line["epoch"] for line in run.metrics()] == [1, 2]
    assert run.metrics()[1]["loss"] == pytest.approx(uncut.metrics()[1]["loss"], abs=1e-6)


def test_best_epoch_is_kept_and_early_stopping_ends_the_run(tmp_path: Path) -> None:
    scores = iter([0.5, 0.8, 0.7, 0.6, 0.9])
    kept: list[list[np.ndarray]] = []
    task = small_classifier()

    def validate() -> dict[str, float]:
        kept.append(weights(task))
        return {"accuracy": next(scores)}

    run = RunDirectory(tmp_path)
    end = train(task, small_batches(task, 16), recipe(epochs=5, early_stopping_patience=2), run, validate=validate)
    assert (end.best, end.best_epoch, end.epoch) == (0.8, 1, 4)
    saved = TextClassifier.from_preset(str(run.model))
    for expected, found in zip(kept[1], weights(saved), strict=True):
        np.testing.assert_array_equal(expected, found)


def test_unknown_metric_is_named(tmp_path: Path) -> None:
    task = small_classifier()
    config = recipe(epochs=1, monitor="bleu")
    with pytest.raises(UserError, match="--training.monitor bleu: there is no such metric; there are: accuracy"):
        train(task, small_batches(task, 16), config, RunDirectory(tmp_path), validate=lambda: {"accuracy": 1.0})


def test_batch_that_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    task = small_classifier()
    config = recipe(gradient_accumulation_steps=3)
    with pytest.raises(UserError, match="--training.batch_size 16 cannot be cut"):
        train(task, small_batches(task, 16), config, RunDirectory(tmp_path))


def test_keras_callbacks_are_heard(tmp_path: Path) -> None:
    task = small_classifier()
    history = keras.callbacks.History()
    heard: list[float] = []
    listener = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: heard.append(logs["loss"]))
    train(task, small_batches(task, 16), recipe(), RunDirectory(tmp_path), callbacks=[history, listener])
    assert len(heard) == 6
    assert history.epoch == [0, 1]


@pytest.mark.parametrize(
    ("value", "best", "more", "expected"),
    [(1.0, None, True, True), (1.0, 1.0, True, False), (0.9, 1.0, False, True), (float("nan"), 0.5, True, False)],
)
def test_improves(value: float, best: float | None, more: bool, expected: bool) -> None:
    assert Monitor("x", "max" if more else "min").improves(value, best) is expected


def start_small_training(
    folder: Path, strategy: str, *recipes: dict[str, Any], flags: tuple[str, ...] = (), **environment: str
) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("small_training.py")
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), strategy, *map(json.dumps, recipes), *flags],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors.decode()[-3000:]


def written_weights(folder: Path, number: int) -> list[np.ndarray]:
    with np.load(folder / f"{number}.npz") as file:
        return [file[name] for name in file.files]


@pytest.fixture(scope="session")
def one_process_weights(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """What one process on one device makes of the small training, with a global batch of 16."""
    folder = tmp_path_factory.mktemp("one_process")
    return weights(trained(folder, global_clipnorm=0.5))


@pytest.fixture(scope="session")
def token_weights(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """The same with batches of at most 400 tokens."""
    task = small_classifier()
    batches = small_token_batches(task, 400, 1)
    assert len(set(batches.sizes)) > 1
    train(task, batches, recipe(global_clipnorm=0.5), RunDirectory(tmp_path_factory.mktemp("tokens")))
    return weights(task)


TWO_DEVICE_RECIPES = [
    {"gradient_accumulation_steps": 2, "steps_per_execution": 2},
    {"jit_compile": True},
    {"max_tokens_per_batch": 400},
]


@pytest.fixture(scope="session")
def two_devices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the weights that two devices come to, by the number of the recipe."""
    folder = tmp_path_factory.mktemp("two_devices")
    finish(start_small_training(folder, "mirrored", *TWO_DEVICE_RECIPES, flags=("--logical_devices", "2")))
    return folder


@pytest.mark.parametrize("number", range(len(TWO_DEVICE_RECIPES)), ids=["accumulation", "jit_compile", "tokens"])
def test_two_devices_equal_one(
    two_devices: Path, one_process_weights: list[np.ndarray], token_weights: list[np.ndarray], number: int
) -> None:
    """Tolerance 1e-5: the gradient's sums run in another order. XLA fuses and reorders more: 1e-4."""
    recipe = TWO_DEVICE_RECIPES[number]
    atol = 1e-4 if "jit_compile" in recipe else 1e-5
    wanted = token_weights if "max_tokens_per_batch" in recipe else one_process_weights
    for expected, value in zip(wanted, written_weights(two_devices, number), strict=True):
        np.testing.assert_allclose(value, expected, atol=atol, rtol=0)


def test_two_worker_processes_equal_one(tmp_path: Path, one_process_weights: list[np.ndarray]) -> None:
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    folders = [tmp_path / f"worker{index}" for index in range(2)]
    processes = [
        start_small_training(
            folder,
            "multi_worker",
            {},
            TF_CONFIG=json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}),
        )
        for index, folder in enumerate(folders)
    ]
    for process, folder in zip(processes, folders, strict=True):
        finish(process)
        for expected, value in zip(one_process_weights, written_weights(folder, 0), strict=True):
            np.testing.assert_allclose(value, expected, atol=1e-5, rtol=0)
