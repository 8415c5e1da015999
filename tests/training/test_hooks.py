"""Hooks and the model's own losses in the weight update: each at its place, and nothing where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.classification import TextClassifier
from bert_tf.training.hook import Gradient, Hook, Hooks, Objective
from bert_tf.training.hooks.ema import MovingAverage
from bert_tf.training.loop import train
from bert_tf.training.update import build_update
from tests.training.small_model import small_batches, small_classifier
from tests.training.test_loop import Kill, recipe, weights


class Line:
    """The model ``y = w x`` with the loss ``y`` and a penalty on ``w``."""

    def __init__(self, penalty: float = 0.0) -> None:
        self.weight = keras.Variable(2.0, name="w")
        self.trainable_variables = [self.weight]
        self._penalty = penalty

    @property
    def losses(self) -> list[Any]:
        return [self._penalty * tf.square(tf.convert_to_tensor(self.weight.value))] if self._penalty else []

    def __call__(self, features: Any, training: bool = False) -> Any:
        return features["x"] * self.weight

    def loss_per_example(self, targets: Any, outputs: Any) -> Any:
        return outputs

    def loss_weights(self, targets: Any) -> None:
        return None


def one_update(model: Line, pieces: int = 1, hooks: Sequence[Hook] = (), clip: float | None = None) -> float:
    """The weight after a step of SGD at rate 1 on the inputs 1, 2, 3 and 6, whose mean is 3."""
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build(model.trainable_variables)
    chosen = TrainingConfig(gradient_accumulation_steps=pieces, global_clipnorm=clip)
    several = Hooks(hooks)
    several.build(model, optimizer)
    update = build_update(model, optimizer, chosen, tf.distribute.get_strategy(), several)
    batch = ({"x": tf.constant([1.0, 2, 3, 6])}, tf.zeros(4), tf.ones(4))
    update(iter(tf.data.Dataset.from_tensors(batch)), tf.constant(1))
    return float(model.weight)


@pytest.mark.parametrize("pieces", [1, 2, 4])
def test_the_models_own_losses_count_once_in_a_global_batch(pieces: int) -> None:
    assert one_update(Line(), pieces) == pytest.approx(2 - 3)
    assert one_update(Line(penalty=0.5), pieces) == pytest.approx(2 - 3 - 2 * 0.5 * 2)


class Doubled(Hook):
    """Doubles what is named."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def wrap_objective(self, objective: Objective, model: Any) -> Objective:
        return (lambda *batch: 2 * objective(*batch)) if self.what == "objective" else objective

    def wrap_gradient(self, gradient: Gradient, variables: Sequence[Any]) -> Gradient:
        def doubled(*batch: Any) -> Any:
            loss, gradients = gradient(*batch)
            return loss, [2 * value for value in gradients]

        return doubled if self.what == "gradient" else gradient

    def transform_gradients(self, gradients: list[tf.Tensor], variables: Sequence[Any]) -> list[tf.Tensor]:
        return [2 * value for value in gradients] if self.what == "reduced" else gradients

    def after_update(self, variables: Sequence[Any]) -> None:
        if self.what == "weights":
            for variable in variables:
                variable.assign(2 * variable)


@pytest.mark.parametrize(
    ("what", "expected"), [("objective", 2 - 6), ("gradient", 2 - 6), ("reduced", 2 - 6), ("weights", 2 * (2 - 3))]
)
def test_a_hook_changes_its_place(what: str, expected: float) -> None:
    assert one_update(Line(), hooks=[Doubled(what)]) == pytest.approx(expected)


def test_several_hooks_act_in_their_order_and_before_clipping() -> None:
    assert one_update(Line(), hooks=[Doubled("reduced"), Doubled("objective")]) == pytest.approx(2 - 12)
    assert one_update(Line(), hooks=[Doubled("reduced")], clip=1.5) == pytest.approx(2 - 1.5)


def trained(folder: Path, hooks: Sequence[Hook], **changes: Any) -> TextClassifier:
    task = small_classifier(dropout=0.1)
    config = recipe(**changes)
    train(task, small_batches(task, config.batch_size), config, RunDirectory(folder), hooks=Hooks(hooks))
    return task


def test_a_hook_that_changes_nothing_trains_to_the_bit_as_none(tmp_path: Path) -> None:
    for plain, hooked in zip(
        weights(trained(tmp_path / "a", [])), weights(trained(tmp_path / "b", [Hook()])), strict=True
    ):
        np.testing.assert_array_equal(plain, hooked)


def test_the_average_is_evaluated_saved_and_resumed(tmp_path: Path) -> None:
    config = recipe(checkpoint_every=2)
    whole = RunDirectory(tmp_path / "whole")
    average = MovingAverage(0.9)
    task = small_classifier(dropout=0.1)
    train(task, small_batches(task, 16), config, whole, hooks=Hooks([average]))
    kept = weights(TextClassifier.from_preset(str(whole.model)))
    for saved, own, trained_weight in zip(kept, average.variables(), weights(task), strict=True):
        np.testing.assert_array_equal(saved, own.numpy())
        assert not np.array_equal(saved, trained_weight)

    cut = RunDirectory(tmp_path / "cut")
    task = small_classifier(dropout=0.1)
    with pytest.raises(InterruptedError):
        train(task, small_batches(task, 16), config, cut, hooks=Hooks([MovingAverage(0.9)]), callbacks=[Kill(5)])
    task = small_classifier(dropout=0.1, seed=99)
    keras.utils.set_random_seed(7)
    train(task, small_batches(task, 16), config, cut, hooks=Hooks([MovingAverage(0.9)]), resume=True)
    for expected, found in zip(kept, weights(TextClassifier.from_preset(str(cut.model))), strict=True):
        np.testing.assert_array_equal(expected, found)


def test_evaluation_every_n_steps_and_max_steps(tmp_path: Path) -> None:
    scores = iter([0.5, 0.9, 0.6, 0.7])
    task = small_classifier()
    run = RunDirectory(tmp_path)
    end = train(
        task,
        small_batches(task, 16),
        recipe(epochs=9, evaluate_every=2, max_steps=5),
        run,
        validate=lambda: {"accuracy": next(scores)},
    )
    lines = run.metrics()
    assert [(line["step"], line.get("val_accuracy")) for line in lines] == [(2, 0.5), (3, None), (4, 0.9), (5, 0.6)]
    assert (end.step, end.best) == (5, 0.9)
