"""``zh_mini``: small enough to ship, loaded by name wherever a backbone is named, and it has learned some Chinese."""

from __future__ import annotations

import fnmatch
import tomllib

import h5py
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.backbones.loading import load_backbone
from bert_tf.backbones.shipped_presets import shipped_preset
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tasks.fill import MaskedTokenFiller
from bert_tf.tasks.task import TextTask
from tests.conftest import REPOSITORY

ZH_MINI = shipped_preset("zh_mini")


def test_it_is_small_and_in_half_precision() -> None:
    assert ZH_MINI is not None
    assert sum(path.stat().st_size for path in ZH_MINI.rglob("*") if path.is_file()) < 12e6
    kinds = set()
    with h5py.File(ZH_MINI / "model.weights.h5") as file:
        file.visititems(lambda name, item: kinds.add(str(item.dtype)) if isinstance(item, h5py.Dataset) else None)
    assert kinds == {"float16"}


def test_every_file_of_it_is_packaged() -> None:
    assert ZH_MINI is not None
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    globs = settings["package-data"]["bert_tf"]
    for path in ZH_MINI.rglob("*"):
        name = path.relative_to(REPOSITORY / "bert_tf").as_posix()
        found = [glob for glob in globs if fnmatch.fnmatch(name, glob) and name.count("/") == glob.count("/")]
        assert path.is_dir() or found, name


def test_it_computes_in_float32_and_is_the_name_of_a_backbone() -> None:
    loaded = load_backbone("zh_mini", sequence_length=128)
    assert "zh_mini (BertEncoder, 2." in loaded.source
    assert {str(weight.dtype) for weight in loaded.backbone.trainable_weights} == {"float32"}
    classifier = TextClassifier.from_preset("zh_mini", labels=["no", "yes"], pooling="mean")
    np.testing.assert_array_equal(classifier.backbone.get_weights()[0], loaded.backbone.get_weights()[0])
    assert classifier.predict(["我非常喜欢这本书。"], verbose=0).shape == (1, 2)


@pytest.fixture(scope="module")
def filler() -> TextTask:
    return MaskedTokenFiller.from_preset("zh_mini")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [("我非常[MASK]欢这本书。", "喜"), ("房间很干[MASK]，服务也好。", "净"), ("这本[MASK]写得很好。", "书")],
)
def test_it_fills_what_anyone_would(filler: TextTask, text: str, hidden: str) -> None:
    tokens = filler.answer_texts({"text": tf.constant([text])})["tokens"]
    assert hidden in [token.decode() for token in tokens.numpy()[0, 0]]
