"""Tasks that cut records into windows, whose targets differ in length, or that read lists of texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.inference_windows import InferenceWindows, concatenate
from bert_tf.data.records import Row
from tests.data.small_records import made_records

WINDOW = 3


class Windows:
    """Cuts the words of a text into windows of three; a word's id is its length, its target its value in ``target``."""

    target_signature: ClassVar[tf.TypeSpec] = tf.RaggedTensorSpec([None, None], tf.int32, 1)
    windowed: ClassVar[bool] = True

    def input_specs(self) -> dict[str, tf.TensorSpec]:
        return {"text": tf.TensorSpec([None], tf.string)}

    def training_specs(self) -> dict[str, tf.TensorSpec]:
        return self.input_specs()

    evaluation_specs = training_specs

    def target(self, row: Row) -> list[int]:
        return row.values["target"]

    def unknown_target(self, row: Row) -> str:
        return "unknown"

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        return {"token_ids": self._cut(tf.strings.length(tf.strings.split(columns["text"])))}

    def encode_training(self, columns: Mapping[str, tf.Tensor], targets: Any) -> tuple[Any, Any]:
        return self.encode(columns), self._cut(targets)

    def pad(self, encoded: Mapping[str, tf.RaggedTensor], multiple_of: int = 1) -> dict[str, tf.Tensor]:
        return {name: rows.to_tensor(shape=[None, WINDOW]) for name, rows in encoded.items()}

    def pad_training(self, encoded: Any, targets: Any, multiple_of: int = 1) -> tuple[Any, Any]:
        return self.pad(encoded), targets.to_tensor(-1, shape=[None, WINDOW])

    @staticmethod
    def _cut(rows: tf.RaggedTensor) -> tf.RaggedTensor:
        lengths = rows.row_lengths()
        counts = -(-lengths // WINDOW)
        number = tf.ragged.range(counts).flat_values
        rest = tf.repeat(lengths, counts) - number * WINDOW
        return tf.RaggedTensor.from_row_lengths(rows.flat_values, tf.minimum(rest, WINDOW))


TEXTS = ["a bb ccc dddd", "a", "bb a bb a bb a a", "ccc ccc", "dddd a bb"] * 3


def records() -> Any:
    return made_records({"text": text, "target": [len(w) * 10 for w in text.split()]} for text in TEXTS)


def test_windows_are_the_rows_of_training_batches() -> None:
    batches = TrainingBatches(LabelledRows(records(), Windows()), 4, seed=1)
    windows = 3 * (2 + 1 + 3 + 1 + 1)
    assert (batches.examples, batches.steps_per_epoch) == (windows, windows // 4)
    seen = 0.0
    for features, targets, weights in batches.epoch(0).as_numpy_iterator():
        assert features["token_ids"].shape == targets.shape == (4, WINDOW)
        # A word's target goes with it into its window.
        np.testing.assert_array_equal(np.where(targets >= 0, targets, 0), features["token_ids"] * 10)
        seen += weights.sum()
    assert seen == windows


def test_a_windowed_task_gets_its_texts_and_answers_of_any_length_are_joined() -> None:
    def predict(texts: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
        words = tf.strings.split(texts["text"])
        return {"words": words.to_tensor().numpy(), "lengths": tf.strings.length(words).to_tensor().numpy()}

    found = list(InferenceWindows(records(), Windows(), 2).run(predict))
    assert [row.values["text"] for rows, _, _ in found for row in rows] == TEXTS
    _, _, finished = found[0]
    assert [b" ".join(w for w in words if w).decode() for words in finished["words"]] == TEXTS
    assert finished["lengths"][1].tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_concatenate_fills_up() -> None:
    joined = concatenate([np.ones((1, 2), np.float32), np.ones((2, 1), np.float32)])
    assert joined.tolist() == [[1, 1], [1, 0], [1, 0]]
    assert concatenate([np.array([b"a"], object), np.array([b"b"], object)]).tolist() == [b"a", b"b"]


class Choices(Windows):
    """Reads a list of texts a record; the target is a number of rank 0, as an encoder that cuts nothing has it."""

    target_signature: ClassVar[tf.TypeSpec] = tf.TensorSpec([None], tf.int32)
    windowed: ClassVar[bool] = False

    def input_specs(self) -> dict[str, tf.TensorSpec]:
        return {"text": tf.TensorSpec([None], tf.string), "choices": tf.TensorSpec([None, None], tf.string)}

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        choices = tf.strings.length(columns["choices"])
        return {"token_ids": tf.RaggedTensor.from_tensor(choices, padding=0)}

    def encode_training(self, columns: Mapping[str, tf.Tensor], targets: Any) -> tuple[Any, Any]:
        return self.encode(columns), targets

    def pad(self, encoded: Mapping[str, tf.RaggedTensor], multiple_of: int = 1) -> dict[str, tf.Tensor]:
        return {name: rows.to_tensor() for name, rows in encoded.items()}

    def pad_training(self, encoded: Any, targets: Any, multiple_of: int = 1) -> tuple[Any, Any]:
        return self.pad(encoded), targets


@pytest.mark.parametrize("batch_size", [1, 4])
def test_lists_of_texts(batch_size: int) -> None:
    lists = [["a"], ["a", "bb", "ccc"], ["dddd", "a"], ["a", "a", "a", "a", "a"]]
    made = made_records({"text": "x", "choices": c, "target": len(c)} for c in lists)
    batches = TrainingBatches(LabelledRows(made, Choices()), batch_size, seed=1)
    for features, targets, weights in batches.epoch(0).as_numpy_iterator():
        counted = (features["token_ids"] > 0).sum(1)
        np.testing.assert_array_equal(counted, targets)
        assert weights.all()
    out = [f["n"] for _, _, f in InferenceWindows(made, Choices(), 2).run(lambda b: {"n": b["token_ids"].numpy()})]
    assert (np.concatenate(out) > 0).sum(1).tolist() == [1, 3, 2, 5]
