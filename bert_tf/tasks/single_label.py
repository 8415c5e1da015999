"""What the tasks whose answer is exactly one label have in common. No task itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.data.labels import counts_of, label_names, label_of, short_list
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.evaluation.baselines import majority_baseline, tfidf_baseline
from bert_tf.evaluation.classification_metrics import classification_metrics
from bert_tf.losses.cross_entropy import balanced_weights
from bert_tf.tasks.task import TextTask


class SingleLabelTask(TextTask):
    """Labels, targets, answers and metrics of a classifier; its outputs are one logit per label, ``(batch, labels)``.

    A subclass sets :attr:`labels` and :attr:`pair` in its constructor and brings the model and the loss.

    Attributes:
        labels: label names by class index.
    """

    best_metric: ClassVar[tuple[str, bool]] = ("accuracy", True)
    labels: list[str]

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        counts: Counter[str] = Counter()
        pair = False
        for row in records:
            pair = pair or "text_pair" in row.values
            counts[label_of(row)] += 1
        if not counts:
            raise UserError(f"{records.name}: there is no row to train on.")
        names = label_names(counts, labels, records.name)
        return {"labels": names, "pair": pair, **cls.learn_from_counts(counts_of(names, counts), options)}

    @classmethod
    def learn_from_counts(cls, counts: Sequence[int], options: BaseModel | None) -> dict[str, Any]:
        """The constructor arguments that the number of examples of each label decides."""
        balanced = getattr(options, "class_weights", "none") == "balanced"
        return {"class_weights": balanced_weights(counts)} if balanced else {}

    def target(self, row: Row) -> int | None:
        return self._class_index.get(label_of(row))

    def unknown_target(self, row: Row) -> str:
        return f'label "{label_of(row)}" is not one of {short_list(self.labels)} (from the training data)'

    def finish(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = tf.nn.softmax(tf.cast(outputs, tf.float32), axis=-1)
        return {
            "label": tf.gather(tf.constant(self.labels), tf.argmax(probabilities, axis=-1)),
            "score": tf.reduce_max(probabilities, axis=-1),
            "probabilities": probabilities,
        }

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [
            {
                "label": label.decode("utf-8"),
                "score": float(score),
                "probabilities": dict(zip(self.labels, map(float, probabilities), strict=True)),
            }
            for label, score, probabilities in zip(
                finished["label"], finished["score"], finished["probabilities"], strict=True
            )
        ]

    def evaluate_outputs(
        self, targets: Sequence[int], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        return classification_metrics(np.array(targets), finished["probabilities"], self.labels)

    def baselines(self, train: Iterable[tuple[Row, Any]], test: Iterable[tuple[Row, Any]]) -> dict[str, dict[str, Any]]:
        def read(pairs: Iterable[tuple[Row, Any]]) -> tuple[list[str], np.ndarray]:
            read = [(" \n ".join(row.values[name] for name in self.input_columns()), target) for row, target in pairs]
            return [text for text, _ in read], np.array([target for _, target in read])

        train_texts, train_targets = read(train)
        test_texts, test_targets = read(test)
        return {
            "majority class": majority_baseline(train_targets, test_targets, self.labels),
            "TF-IDF + LR": tfidf_baseline(train_texts, train_targets, test_texts, test_targets, self.labels),
        }

    def label_names(self) -> list[str]:
        return self.labels

    @cached_property
    def _class_index(self) -> dict[str, int]:
        return {label: index for index, label in enumerate(self.labels)}
