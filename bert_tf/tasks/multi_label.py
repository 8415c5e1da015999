"""Multi-label classification: any number of labels, none included, for a text or a pair of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.data.labels import class_index, counts_of, label_names, labels_of, short_list
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.metrics.multi_label_metrics import multi_label_metrics
from bert_tf.metrics.thresholds import best_f1_threshold
from bert_tf.modeling.layers.pooling import pool
from bert_tf.modeling.layers.pooling_kinds import Pooling
from bert_tf.modeling.losses.cross_entropy import balanced_weights, sigmoid_cross_entropy
from bert_tf.tasks.mistakes import Mistake, different_items
from bert_tf.tasks.schemas.multi_label import MultiLabelSchema
from bert_tf.tasks.task import TextTask


@keras.saving.register_keras_serializable(package="bert_tf")
class MultiLabelClassifier(MultiLabelSchema, TextTask):
    """A backbone, dropout, and a dense layer whose logits are each a yes-or-no question.

    Args:
        backbone: a KerasHub text encoder.
        preprocessor: turns strings into the backbone's inputs.
        labels: label names by column.
        pair: whether the model reads ``text_pair`` beside ``text``.
        separator: parts the labels of a record that has them as one string.
        thresholds: which thresholds :meth:`tune` chooses.
        threshold_values: the probability from which on each label is answered; default 0.5.
        pooling: which vector stands for the text, see :data:`bert_tf.modeling.layers.pooling_kinds.Pooling`.
        dropout: share of the pooled features dropped in training.
        focal_gamma: see :func:`bert_tf.modeling.losses.cross_entropy.sigmoid_cross_entropy`.
        class_weights: for each label the factors where it is wrong and where it is right, or ``none``.
        label_shares: of the training texts, the share that has each label. A new model begins by answering it to every
            text, so that the first updates need not find it (Lin et al. 2017, section 4.1). Balanced labels begin at a
            half.
    """

    monitor: ClassVar[str] = "micro_f1"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "hamming_loss"})
    target_signature: ClassVar[tf.TypeSpec] = tf.TensorSpec([None, None], tf.float32)
    takes_keras_loss: ClassVar[bool] = True
    learned_in_fit: ClassVar[tuple[str, ...]] = ("pair",)

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None = None,
        *,
        labels: Sequence[str],
        pair: bool = False,
        separator: str = ",",
        thresholds: Literal["fixed", "global", "per_label"] = "global",
        threshold_values: Sequence[float] | None = None,
        pooling: Pooling = "cls",
        dropout: float = 0.1,
        focal_gamma: float = 0.0,
        class_weights: Sequence[Sequence[float]] | Literal["none"] = "none",
        label_shares: Sequence[float] | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.output_dropout = keras.layers.Dropout(dropout, dtype=dtype, name="classifier_dropout")
        shares = np.array(label_shares if label_shares and class_weights == "none" else [0.5] * len(labels))
        self.output_dense = keras.layers.Dense(
            len(labels),
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            bias_initializer=keras.initializers.Constant(np.log(shares / (1 - shares))),
            dtype=dtype,
            name="logits",
        )

        # === Functional Model ===
        inputs = backbone.input
        outputs = self.output_dense(self.output_dropout(pool(backbone, inputs, pooling, dtype)))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.labels = [str(label) for label in labels]
        self.pair = pair
        self.separator = separator
        self.thresholds = thresholds
        # A variable: graphs that were traced before the thresholds were tuned follow them.
        self.threshold_values = self.add_weight(
            shape=(len(labels),),
            initializer=keras.initializers.Constant(0.5),
            trainable=False,
            dtype="float32",
            name="threshold_values",
        )
        if threshold_values is not None:
            self.threshold_values.assign(threshold_values)
        self.pooling = pooling
        self.dropout = dropout
        self.focal_gamma = focal_gamma
        self.class_weights = None if isinstance(class_weights, str) else [list(pair) for pair in class_weights]
        self.label_shares = None if label_shares is None else [float(share) for share in label_shares]
        self._class_index = class_index(self.labels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "labels": list(self.labels),
            "pair": self.pair,
            "separator": self.separator,
            "thresholds": self.thresholds,
            "threshold_values": [float(value) for value in self.threshold_values.numpy()],
            "pooling": self.pooling,
            "dropout": self.dropout,
            "focal_gamma": self.focal_gamma,
            "class_weights": "none" if self.class_weights is None else [list(pair) for pair in self.class_weights],
            "label_shares": self.label_shares,
        }

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        separator = getattr(options, "separator", ",")
        counts: Counter[str] = Counter()
        pair, examples = False, 0
        for row in records:
            pair = pair or "text_pair" in row.values
            counts.update(labels_of(row, separator))
            examples += 1
        if not examples:
            raise UserError(f"{records.name}: there is no row to train on.")
        names = label_names(counts, labels, records.name, fewest=1)
        found = counts_of(names, counts)
        # Half a text more, for labels that no text or every text has.
        shares = [(n + 0.5) / (examples + 1) for n in found]
        facts: dict[str, Any] = {"labels": names, "pair": pair, "label_shares": shares}
        if getattr(options, "class_weights", "none") == "balanced":
            facts["class_weights"] = [balanced_weights([examples - n, n]) for n in found]
        return facts

    def target(self, row: Row) -> np.ndarray | None:
        found = labels_of(row, self.separator)
        if any(label not in self._class_index for label in found):
            return None
        target = np.zeros(len(self.labels), np.float32)
        target[[self._class_index[label] for label in found]] = 1.0
        return target

    def unknown_target(self, row: Row) -> str:
        unknown = next(label for label in labels_of(row, self.separator) if label not in self._class_index)
        return f'label "{unknown}" is not one of {short_list(self.labels)} (from the training data)'

    def counted(self, row: Row, target: np.ndarray) -> list[str]:
        return [self.labels[index] for index in np.flatnonzero(target)]

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return sigmoid_cross_entropy(targets, outputs, focal_gamma=self.focal_gamma, class_weights=self.class_weights)

    @property
    def num_classes(self) -> int:
        """Number of labels, by KerasHub's name."""
        return len(self.labels)

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.BinaryAccuracy("binary_accuracy")]

    def metric_pair(self, targets: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Zeros and ones, and probabilities, ``(batch, labels)``."""
        return targets, tf.nn.sigmoid(tf.cast(outputs, tf.float32))

    def postprocess(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """``labels`` and ``scores`` ``(batch, most)``: where ``mask`` is true the answered set, the surest label first.

        ``most`` is the largest set of the batch; ``probabilities`` ``(batch, labels)`` is of every label.
        """
        probabilities = tf.nn.sigmoid(tf.cast(outputs, tf.float32))
        answered = probabilities >= self.threshold_values.value
        order = tf.argsort(tf.where(answered, probabilities, -1.0), direction="DESCENDING", stable=True)
        sizes = tf.reduce_sum(tf.cast(answered, tf.int32), -1)
        most = tf.maximum(tf.reduce_max(tf.concat([sizes, [1]], 0)), 1)
        order = order[:, :most]
        mask = tf.sequence_mask(sizes, most)
        return {
            "labels": tf.where(mask, tf.gather(tf.constant(self.labels), order), ""),
            "scores": tf.where(mask, tf.gather(probabilities, order, batch_dims=1), 0.0),
            "mask": mask,
            "probabilities": probabilities,
        }

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [
            {
                "labels": [label.decode("utf-8") for label in labels[mask]],
                "scores": [float(score) for score in scores[mask]],
                "probabilities": dict(zip(self.labels, map(float, probabilities), strict=True)),
            }
            for labels, scores, mask, probabilities in zip(
                finished["labels"], finished["scores"], finished["mask"], finished["probabilities"], strict=True
            )
        ]

    def mistake(self, row: Row, target: np.ndarray, answer: Mapping[str, Any]) -> Mistake | None:
        """By the thresholds as they are now; a label is as surely wrong as its probability lies beyond them."""
        expected = [label for label, value in zip(self.labels, target, strict=True) if value > 0.5]
        return different_items(expected, dict(zip(answer["labels"], answer["scores"], strict=True)))

    def evaluate_outputs(
        self, targets: Sequence[np.ndarray], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        probabilities = finished["probabilities"]
        predicted = probabilities >= self.threshold_values.numpy()  # which may just have been tuned
        return multi_label_metrics(np.array(targets) > 0.5, probabilities, predicted, self.labels)

    def tune(self, targets: Sequence[np.ndarray], finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> None:
        truth, probabilities = np.array(targets) > 0.5, finished["probabilities"]
        if self.thresholds == "global":
            best = best_f1_threshold(truth.ravel(), probabilities.ravel())
            self.threshold_values.assign(np.full(len(self.labels), best, np.float32))
        elif self.thresholds == "per_label":
            columns = range(len(self.labels))
            self.threshold_values.assign([best_f1_threshold(truth[:, i], probabilities[:, i]) for i in columns])

    def label_names(self) -> list[str]:
        return self.labels


TASK = MultiLabelClassifier
