"""The heads of pre-training go from a checkpoint into the pre-training model and back."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from bert_tf.backbones.bert_weights import MASKED_TOKEN_HEAD, PAIR_HEAD
from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError
from bert_tf.pretraining.pretrainer import BertPretrainer
from tests.backbones.sources.test_huggingface_directory import REFERENCE, TINY
from tests.training.small_model import small_classifier


def test_heads_of_a_hugging_face_directory_answer_as_in_transformers() -> None:
    loaded = load_backbone(str(TINY))
    task = BertPretrainer(loaded.backbone, None)
    assert task.load_heads(loaded.pretraining_heads) == "masked tokens loaded, pairs loaded"
    for inputs, expected in zip(REFERENCE["tiny"], REFERENCE["tiny_heads"], strict=True):
        ids = np.array([inputs["token_ids"]])
        features = {"token_ids": ids, "segment_ids": np.array([inputs["segment_ids"]]), "padding_mask": 0 * ids + 1}
        outputs = task({**features, "mask_positions": np.array([[1]])})
        np.testing.assert_allclose(outputs["tokens"][0, 0, :8], expected["tokens"], atol=2e-5)
        np.testing.assert_allclose(outputs["pair"][0], expected["pair"], atol=1e-5)


@pytest.mark.parametrize("pair", [True, False])
def test_a_run_keeps_its_heads(tmp_path: Path, pair: bool) -> None:
    classifier = small_classifier()
    task = BertPretrainer(classifier.backbone, classifier.preprocessor, pair=pair)
    for variable in task.weights:
        variable.assign(np.random.default_rng(1).normal(size=variable.shape))
    task.save_to_preset(str(tmp_path))
    loaded = load_backbone(str(tmp_path))
    assert set(loaded.pretraining_heads) == {*MASKED_TOKEN_HEAD, *(PAIR_HEAD if pair else ())}
    keras.utils.set_random_seed(2)
    again = BertPretrainer(loaded.backbone, None)
    assert again.load_heads(loaded.pretraining_heads) == f"masked tokens loaded, pairs {'loaded' if pair else 'random'}"
    for a, b in zip(task.head_variables(), again.head_variables(), strict=False):
        np.testing.assert_array_equal(a.variable, b.variable)


def test_a_classifier_has_none(tmp_path: Path) -> None:
    small_classifier().save_to_preset(str(tmp_path))
    loaded = load_backbone(str(tmp_path))
    assert loaded.pretraining_heads == {}
    assert BertPretrainer(loaded.backbone, None).load_heads({}) == "masked tokens random, pairs random"


def test_heads_of_another_model_are_refused() -> None:
    task = BertPretrainer(small_classifier().backbone, None)
    with pytest.raises(UserError, match=r"cls.predictions.bias has shape \(3,\), which the encoder contradicts"):
        task.load_heads({"cls.predictions.bias": np.zeros(3)})
