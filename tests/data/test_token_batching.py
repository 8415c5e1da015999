"""Batches of so many tokens: every row once, none too large, the number of batches known beforehand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from bert_tf.config import DataConfig
from bert_tf.data.batching import LabelledRows
from bert_tf.data.records import Records
from bert_tf.data.token_batching import TokenBatches
from bert_tf.errors import UserError
from bert_tf.tasks.classification import TextClassifier
from tests.data.small_records import made_records
from tests.data.test_batching import read, rows_of
from tests.tasks.test_translation import PAIRS, RECORDS, small_translator
from tests.training.small_model import small_classifier


@pytest.fixture(scope="module")
def task() -> TextClassifier:
    return small_classifier()


def texts(count: int = 100) -> Records:
    """One to thirty words."""
    lengths = np.random.default_rng(1).integers(1, 31, count)
    return made_records(
        {"text": " ".join(["good", "bad"][(number + i) % 2] for i in range(length)), "label": "good"}
        for number, length in enumerate(lengths)
    )


def batches(task: Any, made: Records, tokens: int, multiple: int = 1, seed: int = 3) -> TokenBatches:
    return TokenBatches(LabelledRows(made, task), tokens, multiple, seed=seed)


@pytest.mark.parametrize("multiple", [1, 2, 3])
def test_every_row_once_and_no_batch_too_large(task: TextClassifier, multiple: int) -> None:
    made = batches(task, texts(), 200, multiple)
    assert made.examples == 100
    wanted = Counter(tuple(ids.tolist()) for ids in _token_ids(task, texts()))
    for epoch in range(3):
        found = read(made.epoch(epoch))
        assert len(found) == made.steps(epoch)
        assert Counter(row for batch in found for row in rows_of(batch)) == wanted
        for features, targets, weights in found:
            rows, length = features["token_ids"].shape
            assert rows * length <= 200
            assert rows == len(targets) == len(weights)
            assert rows % multiple == 0
            assert weights.any()
    assert len({len(weights) for _, _, weights in found}) > 2


def test_batches_of_short_rows_have_more_of_them(task: TextClassifier) -> None:
    made = batches(task, texts(), 256)
    assert made.limits == [8, 16, 24, 32, 40, 56, 64]
    assert made.sizes == [32, 16, 8, 8, 6, 4, 4]
    assert batches(task, texts(), 256, 4).sizes == [32, 16, 8, 8, 4, 4, 4]


def test_order_depends_on_seed_and_epoch_and_a_place_is_found_again(task: TextClassifier) -> None:
    order = [rows_of(batch) for batch in read(batches(task, texts(), 200).epoch(1))]
    assert order == [rows_of(batch) for batch in read(batches(task, texts(), 200).epoch(1))]
    assert order[5:] == [rows_of(batch) for batch in read(batches(task, texts(), 200).epoch(1, skip=5))]
    assert order != [rows_of(batch) for batch in read(batches(task, texts(), 200).epoch(2))]
    assert order != [rows_of(batch) for batch in read(batches(task, texts(), 200, seed=4).epoch(1))]


def test_a_row_that_fits_no_batch_is_an_error(task: TextClassifier) -> None:
    with pytest.raises(UserError, match=r"max_tokens_per_batch 60 .*takes 64 tokens.*needs 2 .*use at least 128"):
        batches(task, texts(), 60, multiple=2)


def test_texts_of_unlike_length_cannot_share_a_batch_of_so_many_tokens() -> None:
    with pytest.raises(ValueError, match="max_tokens_per_batch batches texts of similar length"):
        DataConfig(max_tokens_per_batch=100, length_bucketing=False)


def test_of_a_translation_the_longer_side_counts() -> None:
    translator = small_translator()
    made = batches(translator, RECORDS, 64)
    assert made.examples == len(PAIRS)
    for features, targets, weights in read(made.epoch(0)):
        assert len(weights) * max(features["token_ids"].shape[1], targets.shape[1]) <= 64
        assert features["decoder_token_ids"].shape == targets.shape


def _token_ids(task: TextClassifier, made: Records) -> list[np.ndarray]:
    encoded = task.encode({"text": np.array([row.values["text"] for row in made])})
    return [np.array(ids) for ids in encoded["token_ids"].to_list()]
