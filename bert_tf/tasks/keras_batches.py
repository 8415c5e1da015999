"""The training batches of this package as Keras takes them: ``(inputs, targets, weights)``, without filling."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records, Row
from bert_tf.data.training_records import SAMPLE_WEIGHT
from bert_tf.errors import UserError


class KerasBatches:
    """Batches of a task for Keras's ``fit`` and ``evaluate``.

    Args:
        task: a :class:`bert_tf.tasks.task.TextTask`.
        records: what it learns from, or is evaluated on.
        batch_size: examples (or windows) of a batch; the last one may have fewer.
        seed: decides the order, with the epoch.
        shuffle: else the records' order is kept.
        class_weight: how much the examples of each class count, by class number or label name.

    Raises:
        UserError: a record has no target, or there is none.
    """

    def __init__(
        self,
        task: Any,
        records: Records,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        class_weight: Mapping[Any, float] | None = None,
    ) -> None:
        first = next(iter(records), None)
        self.weighted = class_weight is not None or (first is not None and SAMPLE_WEIGHT in first.values)
        rows = LabelledRows(records, task)
        if self.weighted:
            _check_weights(task)
            encoder: Any = _Weighing(task)
            rows = _WeightedRows(records, encoder, class_weights=_by_number(task, class_weight))
        self._batches = TrainingBatches(rows, batch_size, seed=seed, shuffle=shuffle, length_bucketing=shuffle)
        if not self._batches.examples:
            raise UserError(f"{records.name}: there is no example to train or to evaluate on.")
        self.steps = self._batches.steps_per_epoch

    @classmethod
    def whole(cls, task: Any, records: Records, class_weight: Mapping[Any, float] | None = None) -> tuple[Any, ...]:
        """All records as one batch."""
        made = cls(task, records, 1, shuffle=False, class_weight=class_weight)
        made = cls(task, records, made._batches.examples, shuffle=False, class_weight=class_weight)
        return next(iter(made.once()))

    def once(self) -> tf.data.Dataset:
        """The batches of one epoch."""
        dataset = self._epoch(0)
        return dataset.apply(tf.data.experimental.assert_cardinality(self.steps))

    def endless(self, first_epoch: int) -> tf.data.Dataset:
        """The batches of all epochs one behind the other, each epoch in an order of its own."""

        first = self._epoch(first_epoch)

        def batches() -> Iterator[Any]:
            yield from first
            for epoch in itertools.count(first_epoch + 1):
                yield from self._epoch(epoch)

        return tf.data.Dataset.from_generator(batches, output_signature=first.element_spec).prefetch(2)

    def _epoch(self, epoch: int) -> tf.data.Dataset:
        return self._batches.epoch(epoch).map(self._without_filling)

    def _without_filling(self, features: Mapping[str, tf.Tensor], targets: Any, weights: tf.Tensor) -> tuple[Any, ...]:
        count = tf.reduce_sum(tf.cast(weights > 0, tf.int32))
        features, targets = tf.nest.map_structure(lambda value: value[:count], (dict(features), targets))
        if not self.weighted:
            return features, targets
        inputs = {name: value for name, value in features.items() if name != SAMPLE_WEIGHT}
        return inputs, targets, features[SAMPLE_WEIGHT]


@dataclass(frozen=True)
class _WeightedRows(LabelledRows):
    """Rows that hold, as a text, how much they count."""

    class_weights: Mapping[int, float] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[Row, Any]]:
        for row, target in super().__iter__():
            value = row.values.get(SAMPLE_WEIGHT, 1.0)
            try:
                weight = float(value)
            except (TypeError, ValueError):
                raise UserError(f"{row.where()}: the sample_weight {value!r} is not a number.") from None
            weight *= self.class_weights.get(target, 1.0) if self.class_weights else 1.0
            yield row._replace(values={**row.values, SAMPLE_WEIGHT: repr(weight)}), target


class _Weighing:
    """A task whose inputs hold, beside its own, the weight of each example: :class:`bert_tf.data.batching.Encoder`."""

    def __init__(self, task: Any) -> None:
        self._task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def training_specs(self) -> dict[str, tf.TensorSpec]:
        return {**self._task.training_specs(), SAMPLE_WEIGHT: tf.TensorSpec([None], tf.string)}

    def encode_training(self, columns: Mapping[str, tf.Tensor], targets: Any) -> tuple[dict[str, Any], Any]:
        texts = {name: value for name, value in columns.items() if name != SAMPLE_WEIGHT}
        encoded, goals = self._task.encode_training(texts, targets)
        return {**encoded, SAMPLE_WEIGHT: tf.strings.to_number(columns[SAMPLE_WEIGHT])}, goals

    def pad_training(
        self, encoded: Mapping[str, Any], targets: Any, multiple_of: int = 1
    ) -> tuple[dict[str, tf.Tensor], Any]:
        texts = {name: value for name, value in encoded.items() if name != SAMPLE_WEIGHT}
        features, goals = self._task.pad_training(texts, targets, multiple_of=multiple_of)
        return {**features, SAMPLE_WEIGHT: encoded[SAMPLE_WEIGHT]}, goals


def _check_weights(task: Any) -> None:
    if task.windowed:
        raise UserError(
            f"sample_weight: {type(task).__name__} learns from windows of its texts, which have no weights; give a "
            "record that is to count more several times."
        )


def _by_number(task: Any, class_weight: Mapping[Any, float] | None) -> dict[int, float]:
    """Class weights by class number."""
    if class_weight is None:
        return {}
    labels = task.label_names()
    if labels is None or not task.target_signature.is_compatible_with(tf.TensorSpec([None], tf.int32)):
        raise UserError(f"class_weight: an example of {type(task).__name__} is not of one class; use sample_weight.")
    numbers = {label: number for number, label in enumerate(labels)}
    weights = {}
    for key, weight in class_weight.items():
        number = numbers.get(key) if isinstance(key, str) else int(key)
        if number is None or not 0 <= number < len(numbers):
            raise UserError(f"class_weight: {key!r} is no class; the labels are {', '.join(numbers)}.")
        weights[number] = float(weight)
    return weights
