"""The updates of several tasks: whose weights they reach, that they can be repeated, resumed and distributed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from bert_tf.config import TrainingConfig
from bert_tf.multi_task.multi_task_config import SamplingConfig
from bert_tf.multi_task.multi_task_model import MultiTaskModel
from bert_tf.multi_task.multi_task_progress import MultiTaskProgress, TaskEarlyStopping
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.monitor import Monitor
from bert_tf.training.loop import train
from tests.multi_task.small_tasks import small_tasks, small_updates
from tests.training.test_loop import Kill, weights


def recipe(**changes: Any) -> TrainingConfig:
    base = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-3, "tensorboard": False, "checkpoint_every": 2}
    return TrainingConfig(**(base | changes))


def head(model: MultiTaskModel, name: str) -> list[np.ndarray]:
    shared = {id(variable) for variable in model.members[name].backbone.variables}
    return [v.numpy() for v in model.members[name].trainable_variables if id(v) not in shared]


def backbone(model: MultiTaskModel) -> list[np.ndarray]:
    return [v.numpy() for v in model.members["length"].backbone.trainable_variables]


def same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_an_update_reaches_the_backbone_and_its_own_head_alone() -> None:
    """With momentum in both heads, which the other task's next update must not spend."""
    model = small_tasks(loss_weights=None)
    updates = small_updates(model, recipe(weight_decay=0.5, warmup_ratio=0.0))
    names = list(model.members)
    with_momentum: set[str] = set()
    stayed: set[str] = set()
    for epoch in range(2):
        updates.start(epoch, 0)
        for task in updates.batches.schedule(epoch):
            name, other = names[task], names[1 - task]
            own, others, shared = head(model, name), head(model, other), backbone(model)
            variance = model.log_variances[other].numpy()
            updates(1)
            assert not same(own, head(model, name))
            assert not same(shared, backbone(model))
            assert same(others, head(model, other))
            assert model.log_variances[other].numpy() == variance
            stayed |= {other} & with_momentum
            with_momentum.add(name)
    assert stayed == set(names)


def test_the_place_of_each_task_follows_from_the_schedules() -> None:
    updates = small_updates(small_tasks(), recipe(), sampling=SamplingConfig(strategy="uniform"))
    batches = updates.batches
    both = np.concatenate([batches.schedule(0), batches.schedule(1)])
    assert len(both) == 2 * (3 + 2)
    assert batches.used(1, 3).tolist() == np.bincount(both[:8], minlength=2).tolist()


class StopLength(keras.callbacks.Callback):
    """Stands in for validation: the regressor's metric never improves after the first epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        logs["val_length_pearson_spearman"] = 0.5


def trained(folder: Path, model: MultiTaskModel, *, resume: bool = False, kill: int | None = None) -> MultiTaskProgress:
    """Dropout, a draw by temperature, learned weights, and a task that stops: all that a resumed run has to know."""
    progress = MultiTaskProgress()
    sampling = SamplingConfig(strategy="temperature", temperature=2)
    updates = small_updates(model, recipe(), sampling=sampling, progress=progress)
    metrics = {"sentiment": Monitor("accuracy", "max"), "length": Monitor("pearson_spearman", "max")}
    callbacks = [StopLength(), TaskEarlyStopping({"length": 1}, metrics, progress)]
    callbacks += [] if kill is None else [Kill(kill)]
    train(model, updates, recipe(), RunDirectory(folder), resume=resume, callbacks=callbacks, progress=progress)
    return progress


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[MultiTaskModel, MultiTaskProgress]:
    model = small_tasks(loss_weights=None, dropout=0.1)
    return model, trained(tmp_path_factory.mktemp("whole"), model)


def test_a_task_that_does_not_improve_is_drawn_no_more(
    uninterrupted: tuple[MultiTaskModel, MultiTaskProgress],
) -> None:
    model, progress = uninterrupted
    assert progress.idle_from == {"length": 2}
    assert progress.step == 5 + 5 + 3  # the third epoch has the classifier's batches only
    assert all(abs(float(variance.numpy())) > 0.01 for variance in model.log_variances.values())


@pytest.mark.parametrize("after", [8, 12], ids=["second epoch", "after a task stopped"])
def test_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, uninterrupted: tuple[MultiTaskModel, MultiTaskProgress], after: int
) -> None:
    with pytest.raises(InterruptedError):
        trained(tmp_path, small_tasks(loss_weights=None, dropout=0.1), kill=after)
    again = small_tasks(loss_weights=None, dropout=0.1, seed=99)
    keras.utils.set_random_seed(7)  # as every start of the command does
    progress = trained(tmp_path, again, resume=True)
    whole, expected = uninterrupted
    assert same(weights(whole), weights(again))
    assert progress == expected


def test_two_devices_equal_one(tmp_path: Path) -> None:
    """Tolerance 1e-5: the gradient's sums run in another order."""
    script = Path(__file__).with_name("small_training.py")
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path)], env=os.environ, stderr=subprocess.PIPE)
    model = small_tasks(loss_weights=None)
    config = recipe(epochs=2)
    train(model, small_updates(model, config), config, RunDirectory(tmp_path / "one"))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()[-3000:]
    with np.load(tmp_path / "two.npz") as file:
        for name, expected in zip(file.files, weights(model), strict=True):
            np.testing.assert_allclose(file[name], expected, atol=1e-5, rtol=0)
