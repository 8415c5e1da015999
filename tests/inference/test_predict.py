"""Answers of a stream: its order, its memory, its errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.batching import WINDOW_BATCHES
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.inference.predict import answer_records, build_predict, evaluate_records
from bert_tf.tasks.classification import TextClassifier
from tests.data.small_records import made_records
from tests.training.small_model import small_classifier, toy_records


@pytest.fixture(scope="module")
def task() -> TextClassifier:
    return small_classifier()


def alone(task: TextClassifier, text: str) -> np.ndarray:
    return task.answer_texts({"text": tf.constant([text])})["probabilities"].numpy()[0]


@pytest.mark.parametrize("count", [1, 3, 2 * WINDOW_BATCHES, 2 * WINDOW_BATCHES + 1])
def test_order_is_kept_and_answers_do_not_depend_on_the_batch(task: TextClassifier, count: int) -> None:
    texts = [f"{'so ' * (number * 7 % 11)}good {number}" for number in range(count)]
    records = made_records({"text": text} for text in texts)
    pairs = list(answer_records(task, records, batch_size=2))
    assert [row.values["text"] for row, _ in pairs] == texts
    for index in {0, count // 2, count - 1}:
        np.testing.assert_allclose(
            list(pairs[index][1]["probabilities"].values()), alone(task, texts[index]), atol=1e-6
        )


def test_the_stream_is_read_no_further_than_a_few_windows(task: TextClassifier) -> None:
    """An endless source: whoever collects it first never answers."""
    read = 0

    def endless() -> Iterator[Row]:
        nonlocal read
        while True:
            read += 1
            yield Row("endless", read, {"text": f"good {read}"})

    answers = answer_records(task, Records("endless", endless), batch_size=2)
    for _ in range(5 * WINDOW_BATCHES):
        next(answers)
    assert read <= 2 * WINDOW_BATCHES * 12
    answers.close()


def test_the_sources_own_error_comes_through_after_whole_windows(task: TextClassifier) -> None:
    def broken() -> Iterator[Row]:
        yield from toy_records(0, 20)
        raise UserError("in.jsonl line 21: not valid JSON")

    with pytest.raises(UserError, match="in.jsonl line 21: not valid JSON"):
        list(answer_records(task, Records("broken", broken), batch_size=2))


def test_no_rows(task: TextClassifier) -> None:
    assert list(answer_records(task, made_records([]), batch_size=4)) == []
    with pytest.raises(UserError, match="there is no row to evaluate"):
        evaluate_records(task, made_records([]), batch_size=4)


def test_broken_text_is_answered(task: TextClassifier) -> None:
    """A lone surrogate, which JSON can carry and UTF-8 cannot, control characters, and a very long text."""
    texts = ["a\ud800b", "\x00\x01", "good " * 20_000, ""]
    answers = [answer for _, answer in answer_records(task, made_records({"text": t} for t in texts), batch_size=4)]
    assert np.isfinite([answer["score"] for answer in answers]).tolist() == [True] * len(texts)


def test_several_devices_share_a_batch() -> None:
    """On one device MirroredStrategy takes the same path; two devices are tested with the training loop."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        task = small_classifier()
    shared = evaluate_records(task, toy_records(0, 13), batch_size=4, predict=build_predict(task, strategy))
    assert shared["loss"] == pytest.approx(evaluate_records(task, toy_records(0, 13), batch_size=4)["loss"], abs=1e-6)
