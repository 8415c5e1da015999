"""What AdamW does to weights that not every update reaches."""

from __future__ import annotations

import keras
import numpy as np

from bert_tf.config import TrainingConfig
from bert_tf.keras_internals import reduced
from bert_tf.optimization.build_optimizer import build_optimizer
from bert_tf.optimization.groups import Group
from bert_tf.optimization.own_update_counts import with_own_update_counts

OwnAdamW = with_own_update_counts(reduced(keras.optimizers.AdamW))
GRADIENTS = [np.array(g, np.float32) for g in ([1.0, -2.0], [0.5, 0.1], [-3.0, 0.2], [0.1, 1.0], [2.0, 0.3])]


def variable(name: str) -> keras.Variable:
    return keras.Variable(np.array([1.0, 2.0], np.float32), name=name)


def test_a_weight_that_is_updated_seldom_moves_as_in_an_adam_of_its_own() -> None:
    always, seldom, alone = variable("always"), variable("seldom"), variable("alone")
    ours = OwnAdamW(0.01, weight_decay=0.1, epsilon=1e-8)
    ours.build([always, seldom])
    keras_own = keras.optimizers.AdamW(0.01, weight_decay=0.1, epsilon=1e-8)
    for step in range(200):
        gradient = GRADIENTS[step % 5]
        if step % 40 == 39:
            ours.apply([gradient, gradient], [always, seldom])
            keras_own.apply([gradient], [alone])
        else:
            before = seldom.numpy()
            ours.apply([gradient], [always])
            np.testing.assert_array_equal(seldom.numpy(), before)
    np.testing.assert_allclose(seldom.numpy(), alone.numpy(), rtol=1e-5)


def test_equals_adamw_where_every_update_reaches_every_weight() -> None:
    a, b = variable("a"), variable("b")
    ours, keras_own = OwnAdamW(0.01, weight_decay=0.1), keras.optimizers.AdamW(0.01, weight_decay=0.1)
    for gradient in GRADIENTS:
        ours.apply([gradient], [a])
        keras_own.apply([gradient], [b])
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_log_variances_have_a_rate_of_their_own_and_no_decay() -> None:
    recipe = TrainingConfig(learning_rate=1e-3, weight_decay=0.5, warmup_ratio=0.0, schedule="constant")
    kernel, variance = variable("kernel"), variable("log_variance_rte")
    optimizer = build_optimizer(recipe, 10, groups=[Group("log_variance", learning_rate=20.0)], partial_updates=True)
    optimizer.build([kernel, variance])
    zero = np.zeros(2, np.float32)
    optimizer.apply([zero, zero], [kernel, variance])
    np.testing.assert_allclose(kernel.numpy(), [1.0 - 5e-4, 2.0 - 1e-3], rtol=1e-6)
    np.testing.assert_array_equal(variance.numpy(), [1.0, 2.0])
    one = np.ones(2, np.float32)
    before = variance.numpy()
    optimizer.apply([one, one], [kernel, variance])
    # Adam's second step after a gradient of 0: m = 0.1 / (1 - 0.9²), v = 0.001 / (1 - 0.999²), for any gradient.
    step = (0.1 / 0.19) / np.sqrt(0.001 / (1 - 0.999**2))
    np.testing.assert_allclose(before - variance.numpy(), 20e-3 * step, rtol=1e-4)
