"""Batches of examples, masked anew in each epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bert_tf.pretraining.example_files import write_examples
from bert_tf.pretraining.examples import NO_PAIR, Example
from bert_tf.pretraining.masking import Masker
from bert_tf.pretraining.pretraining_batches import PretrainingBatches
from bert_tf.pretraining.pretraining_config import MaskingConfig


def example(*tokens: int) -> Example:
    ids = np.array([2, *tokens, 3])
    return Example(ids, np.zeros(len(ids), bool), len(ids), NO_PAIR)


def test_batches_hold_texts_of_like_length_and_every_text_once(tmp_path: Path) -> None:
    choose = np.random.default_rng(3)
    texts = [example(*choose.integers(5, 50, choose.integers(4, 63))) for _ in range(301)]
    write_examples(tmp_path, texts, shards=3, made_from={})
    masker = Masker(MaskingConfig(), 64, mask_id=4, pad_id=0, special_ids=(0, 1, 2, 3, 4), vocabulary_size=50)
    batches = PretrainingBatches(tmp_path, masker, 8, seed=1, length_bucketing=True)
    made = list(batches.epoch(0))
    assert len(made) == batches.steps(0) == 38
    lengths = [length for features, _, weights in made for length in np.sum(features["padding_mask"], 1)[weights == 1]]
    assert sorted(lengths) == sorted(len(text.token_ids) for text in texts)
    real = sum(lengths)
    padded = sum(features["padding_mask"].shape[0] * features["padding_mask"].shape[1] for features, _, _ in made)
    assert real > 0.8 * padded
    first, again, other = (
        [features["token_ids"].numpy().tolist() for features, _, _ in batches.epoch(epoch, skip=2)]
        for epoch in (0, 0, 1)
    )
    assert first == again == [features["token_ids"].numpy().tolist() for features, _, _ in made][2:]
    assert first != other
