"""The draw of the tasks: its probabilities, its length, and that it can be repeated."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.multi_task.multi_task_config import SamplingConfig
from bert_tf.multi_task.task_schedule import draw_schedule, probabilities

SIZES = [8000, 1000, 1000]


@pytest.mark.parametrize(
    ("sampling", "epoch", "expected"),
    [
        ({"strategy": "proportional"}, 0, [0.8, 0.1, 0.1]),
        ({"strategy": "uniform"}, 0, [1 / 3, 1 / 3, 1 / 3]),
        ({"strategy": "temperature", "temperature": 1}, 0, [0.8, 0.1, 0.1]),
        ({"strategy": "temperature", "temperature": 3}, 0, [0.5, 0.25, 0.25]),  # the cube roots are as 2 to 1 to 1
        ({"strategy": "temperature", "temperature": 0.001}, 0, [1, 0, 0]),
        ({"strategy": "annealed"}, 0, [0.8, 0.1, 0.1]),
        ({"strategy": "annealed"}, 4, np.array([8**0.2, 1, 1]) / (8**0.2 + 2)),
        ({"strategy": "annealed"}, 2, np.array([8**0.6, 1, 1]) / (8**0.6 + 2)),
    ],
)
def test_probabilities(sampling: dict[str, object], epoch: int, expected: list[float]) -> None:
    found = probabilities(SIZES, SamplingConfig(**sampling), epoch, epochs=5)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_annealing_over_one_epoch_is_proportional() -> None:
    np.testing.assert_allclose(probabilities(SIZES, SamplingConfig(strategy="annealed"), 0, 1), [0.8, 0.1, 0.1])


def test_a_task_that_stopped_is_not_drawn() -> None:
    np.testing.assert_allclose(probabilities([0, 1, 3], SamplingConfig(), 0, 1), [0, 0.25, 0.75])
    for strategy in ("proportional", "uniform"):
        schedule = draw([0, 10, 10], [0, 100, 100], strategy)
        assert len(schedule) == 20
        assert set(schedule) == {1, 2}
        assert len(draw([0, 0, 0], [0, 0, 0], strategy)) == 0


def draw(batches: list[int], examples: list[int], strategy: str, seed: int = 1, epoch: int = 0) -> np.ndarray:
    return draw_schedule(batches, examples, SamplingConfig(strategy=strategy), seed=seed, epoch=epoch, epochs=3)


def test_proportional_is_every_batch_once() -> None:
    schedule = draw([80, 10, 10], SIZES, "proportional")
    assert np.bincount(schedule).tolist() == [80, 10, 10]
    assert len(set(schedule[:20])) > 1, "the tasks are mixed"


@pytest.mark.parametrize("strategy", ["proportional", "temperature", "annealed", "uniform"])
def test_equal_seeds_give_equal_schedules_and_epochs_differ(strategy: str) -> None:
    first = draw([80, 10, 10], SIZES, strategy)
    assert len(first) == 100
    np.testing.assert_array_equal(first, draw([80, 10, 10], SIZES, strategy))
    assert (first != draw([80, 10, 10], SIZES, strategy, epoch=1)).any()
    assert (first != draw([80, 10, 10], SIZES, strategy, seed=2)).any()


def test_draws_follow_the_probabilities() -> None:
    schedule = draw([8000, 1000, 1000], SIZES, "uniform")
    np.testing.assert_allclose(np.bincount(schedule) / 10_000, 1 / 3, atol=0.02)
