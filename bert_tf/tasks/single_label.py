"""What the tasks whose answer is exactly one label have in common. No task itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.data.binary_labels import positive_label
from bert_tf.data.labels import class_index, counts_of, label_names, label_of, short_list
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.metrics.baselines import majority_baseline, tfidf_baseline
from bert_tf.metrics.classification_metrics import classification_metrics
from bert_tf.metrics.thresholds import best_f1_threshold
from bert_tf.modeling.losses.cross_entropy import balanced_weights
from bert_tf.tasks.mistakes import Mistake, different
from bert_tf.tasks.task import TextTask


class SingleLabelTask(TextTask):
    """Labels, targets, answers and metrics of a classifier; its outputs are one logit per label, ``(batch, labels)``.

    A subclass sets :attr:`labels` and :attr:`pair` in its constructor and brings the model and the loss. One with the
    options of :class:`bert_tf.data.binary_labels.BinaryOptions` then calls :meth:`set_decision`.

    Attributes:
        labels: label names by class index.
        threshold: see :data:`bert_tf.data.binary_labels.Threshold`.
        threshold_value: of two labels, the probability from which on the positive one is answered; ``None``: the
            likelier one is. A variable: graphs that were traced before it was tuned follow it.
    """

    monitor: ClassVar[str] = "accuracy"
    takes_keras_loss: ClassVar[bool] = True
    learned_in_fit: ClassVar[tuple[str, ...]] = ("pair",)
    labels: list[str]
    threshold: Literal["none", "auto"] | float = "none"
    threshold_value: Any = None
    _positive_label: str | None = None

    @property
    def positive_label(self) -> str | None:
        """Of two labels, the one that ``f1_positive`` and the threshold mean."""
        return positive_label(self.labels, self._positive_label)

    def set_decision(
        self, positive: str | None, threshold: Literal["none", "auto"] | float, value: float | None
    ) -> None:
        """Takes the constructor's arguments ``positive_label``, ``threshold`` and ``threshold_value``.

        Raises:
            UserError: the positive label is none of the labels, or there are not two.
        """
        positive_label(self.labels, positive, threshold)
        self._positive_label = positive
        self.threshold = threshold
        if threshold == "none":
            return
        start = value if value is not None else 0.5 if threshold == "auto" else threshold
        self.threshold_value = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(start),
            trainable=False,
            dtype="float32",
            name="threshold_value",
        )

    def decision_config(self) -> dict[str, Any]:
        """The arguments of the constructor that :meth:`set_decision` took."""
        value = None if self.threshold_value is None else float(self.threshold_value.numpy())
        return {"positive_label": self.positive_label, "threshold": self.threshold, "threshold_value": value}

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
        positive_label(names, getattr(options, "positive_label", None), getattr(options, "threshold", "none"))
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

    def counted(self, row: Row, target: int) -> list[str]:
        return [self.labels[target]]

    def metric_names(self, counted: Collection[str | float]) -> list[str]:
        if self.threshold == "auto" and self.positive_label not in counted:
            raise UserError(
                f"--head.threshold auto: no validation record has the label {self.positive_label!r}, "
                "whose F1 chooses it."
            )
        return [name for name in self.score_names if name != "f1_positive" or len(self.labels) == 2]

    def remarks(self) -> list[str]:
        """Which label ``f1_positive`` is of, and how it is answered."""
        if self.positive_label is None:
            return []
        positive = f"positive label: {self.positive_label} (f1_positive is its F1"
        decision = {
            "none": "",
            "auto": "; answered from the probability of its best F1 on the validation data on",
        }.get(str(self.threshold), f"; answered from a probability of {self.threshold} on")
        return [f"{positive}{decision}; --head.positive_label chooses)"]

    @property
    def num_classes(self) -> int:
        """Number of labels, by KerasHub's name."""
        return len(self.labels)

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.SparseCategoricalAccuracy("accuracy")]

    def postprocess(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """``label``, its ``score`` (probability), and ``probabilities`` of all labels."""
        probabilities = tf.nn.softmax(tf.cast(outputs, tf.float32), axis=-1)
        if self.threshold_value is None:
            answered = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        else:
            positive = self._positive_index
            answered = tf.where(probabilities[:, positive] >= self.threshold_value.value, positive, 1 - positive)
        return {
            "label": tf.gather(tf.constant(self.labels), answered),
            "score": tf.gather(probabilities, answered, batch_dims=1),
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
        probabilities = finished["probabilities"]
        if self.threshold_value is None:
            return classification_metrics(np.array(targets), probabilities, self.labels, positive=self.positive_label)
        threshold = self.threshold_value.numpy()  # which may just have been tuned
        positive = self._positive_index
        predicted = np.where(probabilities[:, positive] >= threshold, positive, 1 - positive)
        metrics = classification_metrics(
            np.array(targets), probabilities, self.labels, predicted, positive=self.positive_label
        )
        return {**metrics, "threshold": float(threshold)}

    def tune(self, targets: Sequence[int], finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> None:
        """Sets the threshold that gives the best F1 of the positive label, where it is ``auto``."""
        if self.threshold == "auto":
            positive = self._positive_index
            truth, probabilities = np.array(targets) == positive, finished["probabilities"][:, positive]
            self.threshold_value.assign(best_f1_threshold(truth, probabilities))

    def mistake(self, row: Row, target: int, answer: Mapping[str, Any]) -> Mistake | None:
        return different(self.labels[target], answer["label"], answer["score"])

    def baselines(self, train: Iterable[tuple[Row, Any]], test: Iterable[tuple[Row, Any]]) -> dict[str, dict[str, Any]]:
        def read(pairs: Iterable[tuple[Row, Any]]) -> tuple[list[str], np.ndarray]:
            read = [(" \n ".join(row.values[name] for name in self.input_columns()), target) for row, target in pairs]
            return [text for text, _ in read], np.array([target for _, target in read])

        train_texts, train_targets = read(train)
        test_texts, test_targets = read(test)
        return {
            "majority class": majority_baseline(train_targets, test_targets, self.labels, self.positive_label),
            "TF-IDF + LR": tfidf_baseline(
                train_texts, train_targets, test_texts, test_targets, self.labels, self.positive_label
            ),
        }

    def label_names(self) -> list[str]:
        return self.labels

    @cached_property
    def _class_index(self) -> dict[str, int]:
        return class_index(self.labels)

    @property
    def _positive_index(self) -> int:
        assert self.positive_label is not None
        return self._class_index[self.positive_label]
