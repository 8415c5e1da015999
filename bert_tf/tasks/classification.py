"""Text classification: one label for a text or a pair of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict, Field

from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.evaluation.baselines import majority_baseline, tfidf_baseline
from bert_tf.evaluation.classification_metrics import classification_metrics
from bert_tf.tasks.task import TextTask


class Options(BaseModel):
    """``--head.*`` of classification."""

    model_config = ConfigDict(extra="forbid")

    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")


@keras.saving.register_keras_serializable(package="bert_tf")
class TextClassifier(TextTask):
    """A backbone, dropout, and a dense layer with one logit per label (Devlin et al. 2018, section 4.1).

    Args:
        backbone: a KerasHub text encoder. BERT's pooled output is used where there is one, else the first token.
        preprocessor: turns strings into the backbone's inputs.
        labels: label names by class index.
        pair: whether the model reads ``text_pair`` beside ``text``.
        dropout: share of the pooled features dropped in training.

    Example:
    ```python
    classifier = TextClassifier.from_preset("bert_base_zh", labels=["negative", "positive"])
    logits = classifier.predict(["我非常喜欢这本书。", "这本书很差。"])  # (2, 2)
    ```
    """

    Options = Options
    best_metric = ("accuracy", True)

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None,
        labels: Sequence[str],
        pair: bool = False,
        dropout: float = 0.1,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.dropout = keras.layers.Dropout(dropout, dtype=dtype, name="classifier_dropout")
        self.logits = keras.layers.Dense(
            len(labels),
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype=dtype,
            name="logits",
        )

        # === Functional Model ===
        inputs = backbone.input
        features = backbone(inputs)
        if isinstance(features, dict):
            pooled = features["pooled_output"] if "pooled_output" in features else features["sequence_output"][:, 0]
        else:
            pooled = features[:, 0]
        outputs = self.logits(self.dropout(pooled))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.labels = [str(label) for label in labels]
        self.pair = pair
        self.dropout_rate = dropout
        self._class_index = {label: index for index, label in enumerate(self.labels)}

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "labels": list(self.labels), "pair": self.pair, "dropout": self.dropout_rate}

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        found: dict[str, None] = {}
        pair = False
        for row in records:
            pair = pair or "text_pair" in row.values
            if (label := _label_of(row)) not in found:
                found[label] = None
        if not found:
            raise UserError(f"{records.name}: there is no row to train on.")
        names = list(labels) if labels else sorted(found, key=_label_order)
        if len(names) != len(set(names)):
            raise UserError(f"--data.labels: a label stands there twice: {', '.join(names)}.")
        if len(names) < 2:
            raise UserError(
                f"{records.name}: every row has the label {names[0]!r}; a classifier needs at least two labels "
                "(is --data.columns.label the right column?)."
            )
        if len(names) > 10_000:
            raise UserError(
                f"{records.name}: {len(names):,} different labels were found, such as {names[0]!r}: "
                "is --data.columns.label the right column?"
            )
        return {"labels": names, "pair": pair}

    def target(self, row: Row) -> int | None:
        return self._class_index.get(_label_of(row))

    def unknown_target(self, row: Row) -> str:
        return f'label "{_label_of(row)}" is not one of {_short_list(self.labels)} (from the training data)'

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, tf.cast(outputs, tf.float32))

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


TASK = TextClassifier


def _label_of(row: Row) -> str:
    value = row.values.get("label")
    if value is None or value == "":
        raise UserError(f"{row.where()}: the label is empty. Fill it in or remove the row.")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _label_order(label: str) -> tuple[int, int, str]:
    """Numbers in numeric order, before words in alphabetical order."""
    return (0, int(label), "") if label.lstrip("-").isdecimal() else (1, 0, label)


def _short_list(labels: Sequence[str], limit: int = 10) -> str:
    shown = ", ".join(f'"{label}"' for label in labels[:limit])
    return f"[{shown}{f', … {len(labels) - limit} more' if len(labels) > limit else ''}]"
