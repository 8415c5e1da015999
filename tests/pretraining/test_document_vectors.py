"""The places of texts in a latent semantic analysis, and an encoder that learns to tell them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError
from bert_tf.pretraining.batches import PretrainingBatches
from bert_tf.pretraining.config import MaskingConfig, PretrainingConfig
from bert_tf.pretraining.document_vectors import latent_vectors
from bert_tf.pretraining.example_files import write_examples
from bert_tf.pretraining.examples import NO_PAIR, Example
from bert_tf.pretraining.experiment import run_pretraining
from bert_tf.pretraining.masking import Masker
from bert_tf.pretraining.pretrainer import BertPretrainer


def example(*tokens: int) -> Example:
    ids = np.array([2, *tokens, 3])
    return Example(ids, np.zeros(len(ids), bool), len(ids), NO_PAIR)


def topics(count: int) -> list[Example]:
    """Every other text is of tokens 10 to 19, the others of 30 to 39; of 4 to 62 tokens."""
    choose = np.random.default_rng(3)
    return [
        example(*choose.integers(10 + 20 * (i % 2), 20 + 20 * (i % 2), choose.integers(4, 63))) for i in range(count)
    ]


def test_texts_of_like_wording_are_near() -> None:
    vectors = latent_vectors(topics(60), 8, seed=1)
    assert vectors.shape == (60, 8)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    cosines = vectors @ vectors.T
    same = np.arange(60)[:, None] % 2 == np.arange(60) % 2
    assert cosines[same].mean() > 0.3 + cosines[~same].mean()


def test_copies_change_nothing_and_have_one_place() -> None:
    texts = topics(40)
    once, twice = latent_vectors(texts, 4, seed=1), latent_vectors([*texts, *texts], 4, seed=1)
    np.testing.assert_allclose(np.concatenate([once, once]), twice, atol=1e-5)
    with pytest.raises(UserError, match="there are only 40 examples"):
        latent_vectors(texts * 3, 40, seed=1)


def test_batches_hold_texts_of_like_length_and_every_text_once(tmp_path: Path) -> None:
    texts = topics(301)
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


def test_an_encoder_learns_the_places(tmp_path: Path) -> None:
    choose = np.random.default_rng(3)
    words = [["apple", "pear", "plum", "fig", "melon", "grape"], ["bolt", "nut", "screw", "nail", "rivet", "hinge"]]
    lines = [" ".join(choose.choice(words[i % 2], 10)) for i in range(300)]
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(lines) + "\n")
    values = {
        "backbone": "scratch:tiny",
        "data": str(text),
        "output": str(tmp_path / "run"),
        "sequence_length": 24,
        "validation_ratio": 0.0,
        "corpus": {"objective": "mlm", "packing": False, "shards": 1},
        "document_vectors": {"dimensions": 4, "weight": 5.0},
        "scratch": {"vocabulary_size": 200},
        "training": {"epochs": 3, "batch_size": 16, "learning_rate": 1e-3, "tensorboard": False},
    }
    run = run_pretraining(PretrainingConfig(**values))
    task = BertPretrainer.from_preset(str(run.model))
    assert (task.vector_size, task.vector_weight) == (4, 5.0)
    loaded = load_backbone(str(run.model))
    assert not [name for name in loaded.pretraining_heads if name.startswith("cls.seq_relationship")]
    encoded = task.preprocessor.pad(task.preprocessor.pack(tf.constant(lines[:40]), None))
    inputs = {**encoded, "mask_positions": tf.zeros([40, 1], tf.int32)}
    vectors = task(inputs, training=False)["vector"].numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    same = np.arange(40)[:, None] % 2 == np.arange(40) % 2
    assert (vectors @ vectors.T)[same].mean() > 0.3 + (vectors @ vectors.T)[~same].mean()
    with pytest.raises(ValueError, match="needs corpus.objective mlm and corpus.packing false"):
        PretrainingConfig(**{**values, "corpus": {"objective": "mlm"}})
