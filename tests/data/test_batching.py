"""Batches: every row once, similar lengths together, the same order for the same seed, a place found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records
from bert_tf.errors import UserError
from bert_tf.tasks.classification import TextClassifier
from tests.data.small_records import made_records
from tests.training.small_model import small_classifier, toy_records


@pytest.fixture(scope="module")
def task() -> TextClassifier:
    return small_classifier()


def batches(task: TextClassifier, records: Records, size: int = 8, **options: Any) -> TrainingBatches:
    return TrainingBatches(LabelledRows(records, task), size, **({"seed": 3} | options))


def read(dataset: Any) -> list[tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]]:
    return list(dataset.as_numpy_iterator())


def rows_of(batch: tuple[Any, ...]) -> list[tuple[int, ...]]:
    """Token ids of the rows that count, without padding."""
    features, _, weights = batch
    lengths = features["padding_mask"].sum(1)
    return [tuple(ids[:n].tolist()) for ids, n, w in zip(features["token_ids"], lengths, weights, strict=True) if w > 0]


def test_every_row_once_and_the_last_batch_is_filled_up(task: TextClassifier) -> None:
    made = batches(task, toy_records(0, 44))
    found = read(made.epoch(0))
    assert (made.examples, made.steps_per_epoch, len(found)) == (44, 6, 6)
    assert {len(targets) for _, targets, _ in found} == {8}
    assert sum(weights.sum() for _, _, weights in found) == 44
    rows = [row for batch in found for row in rows_of(batch)]
    assert len(set(rows)) == len(rows) == 44


def test_order_depends_on_seed_and_epoch_alone(task: TextClassifier) -> None:
    made = batches(task, toy_records(0, 44))
    order = [rows_of(batch) for batch in read(made.epoch(1))]
    assert order == [rows_of(batch) for batch in read(batches(task, toy_records(0, 44)).epoch(1))]
    assert order != [rows_of(batch) for batch in read(made.epoch(2))]
    assert order != [rows_of(batch) for batch in read(batches(task, toy_records(0, 44), seed=4).epoch(1))]


@pytest.mark.parametrize("skip", [1, 5, 6])
def test_skipping_finds_the_place_again(task: TextClassifier, skip: int) -> None:
    made = batches(task, toy_records(0, 44))
    whole = [rows_of(batch) for batch in read(made.epoch(0))]
    assert [rows_of(batch) for batch in read(made.epoch(0, skip=skip))] == whole[skip:]


def test_short_texts_never_pay_for_long_ones(task: TextClassifier) -> None:
    texts = ["good " * (10 if number % 4 == 0 else 1) for number in range(64)]
    records = made_records({"text": text, "label": "good"} for text in texts)

    def padded(length_bucketing: bool) -> int:
        found = read(batches(task, records, length_bucketing=length_bucketing).epoch(0))
        return sum(features["token_ids"].size for features, _, _ in found)

    assert padded(True) < 0.5 * padded(False)
    lengths = {features["token_ids"].shape[1] for features, _, _ in read(batches(task, records).epoch(0))}
    assert lengths == {8, 48}  # multiples of 8


def test_targets_stay_with_their_texts(task: TextClassifier) -> None:
    by_ids = {}
    for row in toy_records(0, 44):
        ids = task.preprocessor(np.array([row.values["text"]]))["token_ids"].numpy()[0]
        by_ids[tuple(ids.tolist())] = task.labels.index(row.values["label"])
    for features, targets, weights in read(batches(task, toy_records(0, 44)).epoch(0)):
        for ids, target in zip(rows_of((features, targets, weights)), targets, strict=False):
            assert by_ids[ids] == target


def test_unknown_labels_are_left_out_on_request(task: TextClassifier) -> None:
    rows = [{"text": "a", "label": label} for label in ("good", "ugly", "bad")]
    skipping = LabelledRows(made_records(rows), task, "skip")
    assert [target for _, target in skipping] == [1, 0]
    with pytest.raises(UserError, match="x.tsv line 3: .* Fix the row or pass --data.on_unknown_label skip."):
        list(LabelledRows(made_records(rows), task))
