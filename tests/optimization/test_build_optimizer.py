"""AdamW and its schedule against their formulas."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.errors import UserError
from bert_tf.optimization.build_optimizer import build_optimizer
from bert_tf.optimization.groups import Group
from bert_tf.optimization.warmup_decay import WarmupDecay
from tests.training.small_model import small_classifier


@pytest.mark.parametrize(
    ("shape", "step", "expected"),
    [
        ("linear", 0, 0.0),
        ("linear", 5, 0.5),
        ("linear", 10, 1.0),
        ("linear", 55, 0.5),
        ("linear", 100, 0.0),
        ("linear", 150, 0.0),
        ("cosine", 55, 0.5),
        ("cosine", 100, 0.0),
        ("constant", 99, 1.0),
    ],
)
def test_schedule(shape: str, step: int, expected: float) -> None:
    schedule = WarmupDecay(peak=2e-5, total_steps=100, warmup_steps=10, shape=shape)
    assert float(schedule(step)) == pytest.approx(2e-5 * expected, abs=1e-11)


def test_schedule_without_warmup_starts_at_the_peak() -> None:
    assert float(WarmupDecay(peak=1.0, total_steps=10)(0)) == 1.0


def test_schedule_survives_serialisation() -> None:
    schedule = WarmupDecay(peak=2e-5, total_steps=100, warmup_steps=10, shape="cosine")
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert [float(again(step)) for step in (5, 30, 100)] == [float(schedule(step)) for step in (5, 30, 100)]


def test_updates_follow_loshchilov_and_hutter() -> None:
    """Decoupled decay: w ← w − lr·λ·w, then Adam's step, three times, in float64."""
    config = TrainingConfig(learning_rate=0.1, schedule="constant", warmup_ratio=0, weight_decay=0.05)
    optimizer = build_optimizer(config, total_steps=3)
    variable = keras.Variable(np.array([1.0, -2.0, 3.0], np.float32), name="kernel")
    optimizer.build([variable])
    w, m, v = np.array([1.0, -2.0, 3.0]), np.zeros(3), np.zeros(3)
    for step, gradient in enumerate(([0.1, -0.2, 0.3], [0.5, 0.0, -0.1], [-0.3, 0.2, 0.1]), start=1):
        g = np.array(gradient)
        optimizer.apply([tf.constant(g, tf.float32)], [variable])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - 0.1 * 0.05 * w
        w = w - 0.1 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), w, rtol=1e-4)


def test_no_decay_on_biases_and_layer_norms() -> None:
    task = small_classifier()
    config = TrainingConfig(learning_rate=0.1, schedule="constant", warmup_ratio=0, weight_decay=0.5)
    optimizer = build_optimizer(config, total_steps=1)
    optimizer.build(task.trainable_variables)
    for variable in task.trainable_variables:
        variable.assign(tf.ones_like(variable))
    optimizer.apply([tf.zeros_like(variable) for variable in task.trainable_variables], task.trainable_variables)
    after = {variable.path: float(np.unique(variable.numpy())[0]) for variable in task.trainable_variables}
    decayed = {path for path, value in after.items() if value != 1.0}
    exempt = {path for path in after if path.endswith(("bias", "gamma", "beta"))}
    assert decayed == set(after) - exempt
    assert decayed
    assert exempt
    assert all(after[path] == pytest.approx(0.95) for path in decayed)


def applied(groups: list[Group], steps: int = 1) -> dict[str, float]:
    """Two weights of 1 after updates with gradients of 1, at a rate of 0.1 and a decay of 0.5."""
    config = TrainingConfig(learning_rate=0.1, schedule="constant", warmup_ratio=0, weight_decay=0.5)
    optimizer = build_optimizer(config, total_steps=9, groups=groups)
    weights = [keras.Variable(np.ones(1, np.float32), name=name) for name in ("encoder", "head")]
    optimizer.build(weights)
    update = tf.function(lambda: optimizer.apply([tf.ones(1), tf.ones(1)], weights))
    for _ in range(steps):
        update()
    return {weight.name: float(weight.numpy()[0]) for weight in weights}


def test_a_group_has_a_rate_and_a_decay_of_its_own() -> None:
    plain = applied([])
    assert plain["encoder"] == pytest.approx(1 - 0.05 - 0.1)
    grouped = applied([Group("head", learning_rate=3.0, weight_decay=0.1), Group("head", learning_rate=9.0)])
    assert grouped["encoder"] == plain["encoder"]
    assert grouped["head"] == pytest.approx(1 - 0.3 * 0.1 - 0.3, rel=1e-5)


def test_a_frozen_group_starts_later_as_if_training_began_there() -> None:
    frozen = applied([Group("head", frozen_until=2)], steps=2)
    assert frozen["head"] == 1.0
    assert frozen["encoder"] < 1.0
    assert applied([Group("head", frozen_until=2)], steps=3)["head"] < 1.0


def test_an_unknown_optimiser_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"--training.optimizer adamv: .*Did you mean adamw"):
        build_optimizer(TrainingConfig(optimizer="adamv"), total_steps=1)
    with pytest.raises(UserError, match=r"--optimizer.beta_3"):
        build_optimizer(TrainingConfig(), total_steps=1, options={"beta_3": 0.1})
