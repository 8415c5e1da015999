"""Masks, counted over more than 100,000 tokens."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.pretraining.masking import NO_TARGET, Masker
from bert_tf.pretraining.pretraining_config import MaskingConfig

PAD, UNK, CLS, SEP, MASK = range(5)
VOCABULARY = 500
ROWS, LENGTH = 1200, 128


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Rows of random tokens, some short; words have one to four tokens."""
    choose = np.random.default_rng(1)
    ids = choose.integers(5, VOCABULARY, (ROWS, LENGTH)).astype(np.int32)
    continues = choose.random((ROWS, LENGTH)) < 0.4
    for row in range(ROWS):
        end = LENGTH - (row % 5) * 10
        ids[row, 0], ids[row, end // 2], ids[row, end - 1], ids[row, end:] = CLS, SEP, SEP, PAD
        for special in (0, end // 2, end - 1):
            continues[row, special : special + 2] = False
        continues[row, end:] = False
    return ids, continues


IDS, CONTINUES = batch()


def masker(unit: str, **options: float) -> Masker:
    config = MaskingConfig(unit=unit, **options)
    return Masker(config, LENGTH, MASK, PAD, (PAD, UNK, CLS, SEP, MASK), VOCABULARY)


def masked(unit: str, seed: int = 7, **options: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``(masked ids, chosen (rows, length) bool, targets)``."""
    work = tf.function(masker(unit, **options).mask)
    new, positions, targets = (
        value.numpy() for value in work(tf.constant(IDS), tf.constant(CONTINUES), tf.constant([seed, 0]))
    )
    chosen = np.zeros(IDS.shape, bool)
    for row in range(ROWS):
        real = positions[row][targets[row] != NO_TARGET]
        assert len(set(real)) == len(real)
        chosen[row, real] = True
        assert IDS[row, real].tolist() == targets[row][targets[row] != NO_TARGET].tolist()
    assert np.array_equal(new[~chosen], IDS[~chosen])
    return new, chosen, targets


UNITS = ["token", "word", "ngram", "span"]


@pytest.mark.parametrize("unit", UNITS)
def test_fifteen_percent_and_80_10_10(unit: str) -> None:
    new, chosen, _ = masked(unit)
    maskable = IDS > MASK
    assert maskable.sum() > 100_000
    assert not chosen[~maskable].any()
    assert chosen.sum() / maskable.sum() == pytest.approx(0.15, abs=0.004)
    original, seen = IDS[chosen], new[chosen]
    tolerance = 0.02 if unit == "span" else 0.01  # a span has one fate: fewer draws
    assert np.mean(seen == MASK) == pytest.approx(0.8, abs=tolerance)
    kept = np.mean(seen == original)
    assert kept == pytest.approx(0.1, abs=tolerance)
    others = seen[(seen != MASK) & (seen != original)]
    assert len(others) / len(seen) == pytest.approx(0.1, abs=tolerance)
    assert others.min() > MASK
    assert len(set(others.tolist())) > 0.9 * (VOCABULARY - 5)


def words(row: int) -> np.ndarray:
    """The number of each token's word; -1 for special tokens."""
    maskable = IDS[row] > MASK
    begins = maskable & ~CONTINUES[row]
    return np.where(maskable, np.cumsum(begins), -1)


@pytest.mark.parametrize("unit", ["word", "ngram", "span"])
def test_whole_words_are_whole(unit: str) -> None:
    _, chosen, _ = masked(unit)
    for row in range(ROWS):
        numbers = words(row)
        for number in set(numbers[chosen[row]].tolist()):
            assert chosen[row][numbers == number].all()


def runs_of_words(unit: str) -> np.ndarray:
    """Lengths in words of the unbroken runs of masked words."""
    _, chosen, _ = masked(unit)
    lengths = []
    for row in range(ROWS):
        hit = np.unique(words(row)[chosen[row]])
        lengths += [len(run) for run in np.split(hit, np.flatnonzero(np.diff(hit) > 1) + 1) if len(run)]
    return np.array(lengths)


def test_ngrams_and_spans_hide_longer_runs() -> None:
    word, ngram, span = (runs_of_words(unit).mean() for unit in ("word", "ngram", "span"))
    assert 1.0 <= word < 1.4
    assert 1.6 < ngram < 2.6
    assert span > ngram + 0.5


def test_a_span_has_one_fate() -> None:
    new, chosen, _ = masked("span", rate=0.05)
    mixed = total = 0
    for row in range(ROWS):
        places = np.flatnonzero(chosen[row])
        for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
            if len(run) > 1:
                total += 1
                mixed += len({bool(new[row, i] == MASK) for i in run}) > 1
    assert total > 500
    assert mixed / total < 0.15  # two spans that touch


@pytest.mark.parametrize("unit", UNITS)
def test_seeds_decide(unit: str) -> None:
    assert np.array_equal(masked(unit)[0], masked(unit)[0])
    assert not np.array_equal(masked(unit)[0], masked(unit, seed=8)[0])


def test_rate_and_ratios_can_be_chosen() -> None:
    new, chosen, _ = masked("token", rate=0.4, mask_ratio=1.0, random_ratio=0.0)
    assert chosen.sum() / (IDS > MASK).sum() == pytest.approx(0.4, abs=0.01)
    assert (new[chosen] == MASK).all()


def test_nothing_to_mask() -> None:
    ids = tf.constant([[CLS, SEP, PAD], [CLS, 7, SEP]])
    new, _, targets = masker("word").mask(ids, tf.zeros_like(ids, tf.bool), tf.constant([1, 2]))
    assert new[0].numpy().tolist() == [CLS, SEP, PAD]
    assert set(targets[0].numpy().tolist()) == {NO_TARGET}
