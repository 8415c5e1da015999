"""KerasHub presets: local directories are read, and what cannot be had says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras_hub
import numpy as np
import pytest

from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from tests.training.small_model import small_classifier, small_vocabulary


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``keras_hub`` alone would save: its own BERT and its own tokeniser."""
    folder = tmp_path_factory.mktemp("preset")
    vocabulary = small_vocabulary()
    keras_hub.models.BertBackbone(len(vocabulary), 2, 2, 16, 32, max_sequence_length=64).save_to_preset(str(folder))
    keras_hub.models.BertTokenizer(vocabulary, lowercase=True).save_to_preset(str(folder))
    return folder


def test_local_preset(preset: Path) -> None:
    loaded = load_backbone(str(preset))
    expected = keras_hub.models.Backbone.from_preset(str(preset))
    for a, b in zip(loaded.backbone.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert isinstance(loaded.tokenizer, ExactBertTokenizer)
    assert loaded.tokenizer.lowercase
    assert loaded.tokenizer.get_vocabulary() == small_vocabulary()


@pytest.mark.parametrize("own_encoder", [False, True])
def test_saved_task_is_a_backbone_too(tmp_path: Path, own_encoder: bool) -> None:
    """``runs/x/model`` as the backbone of the next run, whatever its own backbone was."""
    task = small_classifier()
    if own_encoder:
        loaded = load_backbone("scratch:tiny", texts=lambda: ["good", "bad"])
        task = TextClassifier.create(loaded, sequence_length=16, labels=["a", "b"])
    task.save_to_preset(str(tmp_path))
    loaded = load_backbone(str(tmp_path))
    assert isinstance(loaded.tokenizer, ExactBertTokenizer)
    assert loaded.tokenizer.get_vocabulary() == task.preprocessor.tokenizer.get_vocabulary()
    assert type(loaded.backbone) is type(task.backbone)
    for a, b in zip(loaded.backbone.get_weights(), task.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_dtype_policy_is_passed_on(preset: Path) -> None:
    assert load_backbone(str(preset), dtype="mixed_bfloat16").backbone.dtype_policy.name == "mixed_bfloat16"


def test_too_short_for_the_sequences(preset: Path) -> None:
    with pytest.raises(UserError, match="--data.sequence_length 128: .* was trained for at most 64 tokens"):
        load_backbone(str(preset), sequence_length=128)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bert_base_cn", "neither a KerasHub preset nor a directory. Near names: bert_base_"),
        ("zh_mni", "nor a directory. Near names: zh_mini"),
        ("zhmini", "nor a directory. Near names: zh_mini"),
        ("scrach:mini", "nor a directory. Near names: scratch:mini"),
        ("scratc:tny", "nor a directory. Near names: scratch:tiny"),
        ("berd", "neither a KerasHub preset nor a directory."),
        ("runs/none/model", "--backbone runs/none/model: there is no such directory"),
        ("s3://bucket/model", "neither a KerasHub preset nor a directory. Give a preset such as"),
    ],
)
def test_wrong_names(spec: str, message: str, unreachable: None) -> None:
    with pytest.raises(UserError) as caught:
        load_backbone(spec)
    assert message in str(caught.value)


def test_a_wrong_path_names_the_directories_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "chinese-bert-wwm").mkdir()
    with pytest.raises(UserError, match="there is no such directory. Near names: .*chinese-bert-wwm"):
        load_backbone(str(tmp_path / "chinese-bert-wmm"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="nor a directory. Near names: chinese-bert-wwm"):
        load_backbone("chinese-bert-wmm")


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network wherever the tests run: a proxy that refuses, and empty caches."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kaggle"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.parametrize(
    ("spec", "cache"),
    [
        ("bert_base_zh", "KAGGLEHUB_CACHE"),
        ("kaggle://keras/bert/keras/bert_tiny_en_uncased", "KAGGLEHUB_CACHE"),
        ("hf://google-bert/bert-base-chinese", "HF_HOME"),
    ],
)
def test_without_a_network(spec: str, cache: str, unreachable: None) -> None:
    with pytest.raises(UserError) as caught:
        load_backbone(spec)
    message = str(caught.value)
    assert message.startswith(f"--backbone {spec}: it cannot be downloaded (")
    assert message.endswith(f"copy the cache of a machine that has it and set {cache}.")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("file", "content"), [("model.weights.h5", b"no"), ("tokenizer.json", b"{"), ("config.json", b"{}")]
)
def test_broken_preset(preset: Path, tmp_path: Path, file: str, content: bytes) -> None:
    broken = Path(shutil.copytree(preset, tmp_path / "broken"))
    (broken / file).write_bytes(content)
    with pytest.raises(UserError, match="the preset cannot be read"):
        load_backbone(str(broken))
