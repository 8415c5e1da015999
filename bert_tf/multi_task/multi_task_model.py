"""The tasks of one backbone as one model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from bert_tf.backbones.model_files import write_checksums
from bert_tf.tasks.task import TextTask


class MultiTaskModel(keras.Model):
    """Tasks that were built on the same backbone, each with a head of its own.

    It is what is trained, checkpointed and saved; its members are what is called.

    Args:
        members: the tasks by name.
        loss_weights: factor of each task's loss; ``None`` to learn them (Kendall et al. 2018).
    """

    def __init__(self, members: Mapping[str, TextTask], loss_weights: Mapping[str, float] | None) -> None:
        super().__init__(name="multi_task")
        self.members = dict(members)
        self.loss_weights = loss_weights
        self.log_variances: dict[str, Any] = {}
        if loss_weights is None:
            for name in members:
                self.log_variances[name] = self.add_weight(
                    shape=(), initializer="zeros", dtype="float32", name=f"log_variance_{name}"
                )
        self.monitor, self.mode = "mean_score", "max"
        self.lower_is_better = frozenset(
            f"{name}_{metric}" for name, member in members.items() for metric in _less_is_better(member)
        )
        self.built = True

    def weighted(self, name: str) -> WeightedTask:
        """A task as a weight update of it sees it."""
        weight = 1.0 if self.loss_weights is None else self.loss_weights[name]
        return WeightedTask(self.members[name], weight, self.log_variances.get(name))

    def mean_score(self, metrics: Mapping[str, Any]) -> float:
        """The mean of the tasks' main metrics, negated where less is better.

        Args:
            metrics: ``NAME_metric`` to value; tasks that have none do not count.
        """
        scores = []
        for name, member in self.members.items():
            value = metrics.get(f"{name}_{member.monitor}")
            if value is not None:
                scores.append(value if member.mode == "max" else -value)
        return float(sum(scores) / len(scores))

    def save_to_preset(self, preset_dir: str) -> None:
        """Saves every task as a KerasHub preset of its own, ``preset_dir/NAME``; the disk holds the backbone once."""
        first, *others = [Path(preset_dir) / name for name in self.members]
        for name, member in self.members.items():
            member.save_to_preset(f"{preset_dir}/{name}")
        for weights in first.glob("model*.weights.*"):  # the head's are in task.weights.h5
            for other in others:
                _link(weights, other / weights.name)
        for other in others:
            write_checksums(other)  # of what the links lead to


class WeightedTask:
    """A task whose loss counts as much as it should beside the others'.

    With a log-variance ``s``, the loss ``L`` becomes ``exp(-s) L + s / 2``: a task whose loss stays large, because its
    answers are noisy, comes to weigh less, and ``s / 2`` keeps the weight from falling to 0.

    Args:
        task: the model.
        weight: factor of its loss.
        log_variance: ``()`` float32, learned with the model; ``None`` for a fixed weight.

    Reference:
        Kendall et al. 2018, equation 7 (and section 3.2: ``s = log σ²`` is what is learned).
    """

    def __init__(self, task: TextTask, weight: float, log_variance: Any = None) -> None:
        self._task = task
        self._weight = weight
        self._log_variance = log_variance

    @property
    def trainable_variables(self) -> list[Any]:
        own = [] if self._log_variance is None else [self._log_variance]
        return [*self._task.trainable_variables, *own]

    @property
    def losses(self) -> list[tf.Tensor]:
        return self._task.losses

    def __call__(self, features: Mapping[str, tf.Tensor], training: bool = False) -> Any:
        return self._task(features, training=training)

    def loss_per_example(self, targets: Any, outputs: Any) -> tf.Tensor:
        loss = self._task.loss_per_example(targets, outputs)
        if self._log_variance is None:
            return self._weight * loss
        variance = tf.convert_to_tensor(self._log_variance.value)
        return tf.exp(-variance) * loss + variance / 2

    def loss_weights(self, targets: Any) -> tf.Tensor | None:
        return self._task.loss_weights(targets)


def _less_is_better(member: TextTask) -> set[str]:
    return set(member.lower_is_better) | ({member.monitor} if member.mode == "min" else set())


def _link(source: Path, target: Path) -> None:
    """Makes an equal file a second name of ``source``; where links are not to be had, it stays a copy."""
    new = target.with_name(f"{target.name}.link")
    try:
        os.link(source, new)
    except OSError:
        return
    os.replace(new, target)
