"""Which task each batch of an epoch is of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bert_tf.multi_task.multi_task_config import SamplingConfig


def probabilities(examples: Sequence[int], sampling: SamplingConfig, epoch: int, epochs: int) -> np.ndarray:
    """The share of the batches that each task gets.

    Args:
        examples: number of training examples of each task; 0 for a task that is not drawn.
        sampling: how they are drawn.
        epoch: from 0.
        epochs: of the whole training.

    Returns:
        ``(tasks,)`` float64, its sum is 1.

    Reference:
        ``annealed``: Stickland & Murray 2019, section 4.2, with the exponent 1 - 0.8 (e - 1) / (E - 1) in epoch e of E.
    """
    match sampling.strategy:
        case "proportional":
            exponent = 1.0
        case "temperature":
            exponent = 1.0 / sampling.temperature
        case "annealed":
            exponent = 1.0 - 0.8 * epoch / max(1, epochs - 1)
        case "uniform":
            exponent = 0.0
    sizes = np.array(examples, np.float64)
    # By way of the logarithm: N^100, as a temperature of 0.01 has it, is too large for a float.
    logs = np.where(sizes > 0, exponent * np.log(np.maximum(sizes, 1)), -np.inf)
    powers = np.exp(logs - logs.max())
    return powers / powers.sum()


def draw_schedule(
    batches: Sequence[int], examples: Sequence[int], sampling: SamplingConfig, *, seed: int, epoch: int, epochs: int
) -> np.ndarray:
    """The task of each batch of one epoch; equal arguments, equal schedule.

    An epoch is as long as the tasks' epochs together. ``proportional`` is these very batches in a random order (Liu
    et al. 2019, algorithm 1), so that every example comes once; otherwise each task is drawn by its probability.

    Args:
        batches: number of batches in each task's own epoch; 0 for a task that is not drawn.
        examples: see :func:`probabilities`.
        sampling: see :func:`probabilities`.
        seed: decides the order together with the epoch.
        epoch: from 0.
        epochs: of the whole training.

    Returns:
        Indices of tasks, ``(sum of batches,)`` int64.
    """
    random = np.random.default_rng([seed, epoch])
    if sampling.strategy == "proportional" or not any(batches):
        return random.permutation(np.repeat(np.arange(len(batches)), batches))
    shares = probabilities(examples, sampling, epoch, epochs)
    return random.choice(len(batches), size=sum(batches), p=shares)
