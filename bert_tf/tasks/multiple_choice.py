"""Multiple choice: which of several answers fits a text, as in SWAG, RACE and C3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.data.labels import label_of, label_text
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.modeling.layers.pooling import pool
from bert_tf.modeling.layers.window_pooling import fold, unfold
from bert_tf.modeling.mask_values import MASKED
from bert_tf.tasks.mistakes import Mistake, different
from bert_tf.tasks.schemas.multiple_choice import MultipleChoiceSchema
from bert_tf.tasks.task import TextTask
from bert_tf.tokenization.text_preprocessor import TextPreprocessor, group


@keras.saving.register_keras_serializable(package="bert_tf")
class ChoiceScorer(MultipleChoiceSchema, TextTask):
    """A backbone that reads the text beside each choice, and a dense layer with one logit; a softmax over the choices.

    A choice is read as ``[CLS] text [SEP] question choice [SEP]`` (Devlin et al. 2018, section 4.4, where there is no
    question). Inputs ``(batch, seq_len)`` give one logit each, ``(batch, 1)``; inputs ``(batch, choices, seq_len)``
    give ``(batch, choices)``, choices that are only padding never being chosen.

    Args:
        backbone: a KerasHub text encoder.
        preprocessor: turns strings into the backbone's inputs.
        question: whether the model reads a ``question`` beside ``text``.
        dropout: share of the pooled features dropped in training.
        pooling: see ``bert_tf.modeling.layers.pooling``.

    Example:
    ```python
    scorer = ChoiceScorer.from_preset("runs/c3/model")
    scorer.answer_texts({"text": ["天黑了。"], "choices": [["开灯", "游泳"]]})["choice"]
    ```
    """

    monitor: ClassVar[str] = "accuracy"
    takes_keras_loss: ClassVar[bool] = True
    learned_in_fit: ClassVar[tuple[str, ...]] = ("question",)

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: TextPreprocessor | None = None,
        *,
        question: bool = False,
        dropout: float = 0.1,
        pooling: Literal["cls", "mean", "attention"] = "cls",
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor: Any = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.output_dropout = keras.layers.Dropout(dropout, dtype=dtype, name="choice_dropout")
        self.output_dense = keras.layers.Dense(
            1, kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02), dtype=dtype, name="logit"
        )

        # === Functional Model ===
        inputs = backbone.input
        pooled = pool(backbone, inputs, pooling, dtype)
        super().__init__(inputs=inputs, outputs=self.output_dense(self.output_dropout(pooled)), **kwargs)
        self.input_spec = None  # of rank 2, or of rank 3: see call

        # === Config ===
        self.pair = False
        self.question = question
        self.dropout = dropout
        self.pooling = pooling

    def get_config(self) -> dict[str, Any]:
        own = {"question": self.question, "dropout": self.dropout, "pooling": self.pooling}
        return {**super().get_config(), **own}

    def call(self, inputs: Mapping[str, Any], training: bool | None = None, mask: Any = None) -> Any:
        if len(inputs["token_ids"].shape) == 2:
            return super().call(inputs, training=training, mask=mask)
        folded = {name: fold(value) for name, value in inputs.items()}
        logits = unfold(super().call(folded, training=training), inputs["padding_mask"])[..., 0]
        is_choice = tf.reduce_any(inputs["padding_mask"] > 0, -1)
        return tf.where(is_choice, tf.cast(logits, tf.float32), MASKED)

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        first = next(iter(records), None)
        if first is None:
            raise UserError(f"{records.name}: there is no row to train on.")
        return {"question": "question" in first.values}

    def target(self, row: Row) -> int:
        """The index of the right choice. The label is its text, its number from 0, or its letter (A is the first)."""
        label, choices = row.values.get("label"), row.values["choices"]
        if isinstance(label, str) and label in choices:
            return choices.index(label)
        text = label_of(row)
        alike = [number for number, choice in enumerate(choices) if _spelled(choice) == text]
        index = None
        if isinstance(label, str) and len(alike) == 1:
            index = alike[0]
        elif text.isdecimal():
            index = int(text)
        elif len(text) == 1 and "A" <= text.upper() <= "Z":
            index = ord(text.upper()) - ord("A")
        if index is None or index >= len(choices):
            raise UserError(
                f"{row.where()}: the label {label!r} is none of the {len(choices)} choices: give the right one's text, "
                "its number from 0, or its letter."
            )
        return index

    def loss_per_example(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, tf.cast(outputs, tf.float32))

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        # One more column, so that there is a choice even where a client sent none.
        choices = tf.pad(columns["choices"], [[0, 0], [0, 1]], constant_values="")
        lengths = tf.maximum(tf.RaggedTensor.from_tensor(choices, padding="").row_lengths(), 1)
        rows = tf.RaggedTensor.from_tensor(choices, lengths=lengths)
        of = rows.value_rowids()
        seconds = rows.flat_values
        if self.question:
            # Each cleaned alone: markup does not begin in the one and end in the other.
            clean = self.preprocessor.clean
            seconds = tf.strings.join([tf.gather(clean(columns["question"]), of), clean(seconds)], separator=" ")
        return group(self.preprocessor.pack(tf.gather(columns["text"], of), seconds), lengths)

    def answer_texts(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds ``choice``, the chosen text, to what :meth:`postprocess` gives."""
        finished = super().answer_texts(columns)
        choices = tf.pad(columns["choices"], [[0, 0], [0, 1]], constant_values="")
        return {"choice": tf.gather(choices, finished["index"], batch_dims=1), **finished}

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.SparseCategoricalAccuracy("accuracy")]

    def postprocess(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """``index``, ``score`` ``(batch,)`` and ``probabilities`` ``(batch, choices)``, 0 where there is no choice."""
        probabilities = tf.nn.softmax(tf.cast(outputs, tf.float32), axis=-1)
        return {
            "index": tf.argmax(probabilities, axis=-1, output_type=tf.int32),
            "score": tf.reduce_max(probabilities, axis=-1),
            "probabilities": probabilities,
        }

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [
            {
                "choice": row.values["choices"][index],
                "index": int(index),
                "score": float(score),
                "probabilities": [float(value) for value in probabilities[: len(row.values["choices"])]],
            }
            for row, index, score, probabilities in zip(
                rows, finished["index"], finished["score"], finished["probabilities"], strict=True
            )
        ]

    def mistake(self, row: Row, target: int, answer: Mapping[str, Any]) -> Mistake | None:
        return different(row.values["choices"][target], answer["choice"], answer["score"])

    def evaluate_outputs(
        self, targets: Sequence[int], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        """``accuracy``, ``loss`` (mean cross-entropy in nats) and ``chance`` (accuracy of guessing)."""
        truth = np.array(targets)
        probability = finished["probabilities"][np.arange(len(truth)), truth]
        return {
            "accuracy": float(np.mean(finished["index"] == truth)),
            "loss": float(-np.log(np.maximum(probability, 1e-30)).mean()),
            "chance": float(np.mean([1 / len(row.values["choices"]) for row in rows])),
            "examples": len(truth),
        }

    def input_columns(self) -> tuple[str, ...]:
        return ("text", "question", "choices") if self.question else ("text", "choices")

    def input_specs(self) -> dict[str, tf.TensorSpec]:
        shapes = {name: [None, None] if name == "choices" else [None] for name in self.input_columns()}
        return {name: tf.TensorSpec(shape, tf.string, name=name) for name, shape in shapes.items()}


TASK = ChoiceScorer


def _spelled(choice: str) -> str | None:
    """A choice in the spelling of labels; ``None`` for what cannot be one, such as a text of several lines."""
    try:
        return label_text(choice, "")
    except UserError:
        return None
