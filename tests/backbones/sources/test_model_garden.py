"""Encoders of the TensorFlow Model Garden: outputs equal the garden's own, and every flaw has its message."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError
from bert_tf.pretraining.pretrainer import BertPretrainer
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS

TINY = Path(__file__).with_name("tiny_model_garden_bert")
REFERENCE = json.loads(Path(__file__).with_name("model_garden_reference.json").read_text(encoding="utf-8"))


def assert_equals_garden(spec: str, expected: dict[str, Any], heads: bool) -> None:
    loaded = load_backbone(spec)
    features = {name: np.array(REFERENCE[name]) for name in ("token_ids", "segment_ids", "padding_mask")}
    outputs = loaded.backbone(features)
    np.testing.assert_allclose(outputs["sequence_output"], expected["sequence"], atol=1e-5)
    np.testing.assert_allclose(outputs["pooled_output"], expected["pooled"], atol=1e-5)
    assert bool(loaded.pretraining_heads) == heads
    if heads:
        task = BertPretrainer(loaded.backbone, None)
        assert task.load_heads(loaded.pretraining_heads) == "masked tokens loaded, pairs random"
        outputs = task({**features, "mask_positions": np.array(REFERENCE["mask_positions"])})
        np.testing.assert_allclose(outputs["tokens"], expected["tokens"], atol=2e-5)


def test_tiny_model_equals_the_garden() -> None:
    assert_equals_garden(str(TINY), REFERENCE, heads=True)


# The second encoder is a layer, not a functional model.
@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("bert", "functional"),
        *((kind, form) for kind in ("bert", "bert_v2") for form in ("model", "encoder", "items", "whole")),
    ],
)
def test_live_garden(tmp_path: Path, kind: str, form: str) -> None:
    pytest.importorskip("official")
    from tests.backbones.sources import make_model_garden_reference as garden

    model = garden.build_pretrainer(kind, seed=11)
    garden.write_directory(tmp_path, model, kind, form)
    assert_equals_garden(str(tmp_path), garden.outputs_of(model), heads=form in ("items", "whole"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "garden"))


def test_bert_config_json_will_do(directory: Path) -> None:
    (directory / "params.yaml").unlink()
    (directory / "bert_config.json").write_text('{"hidden_size": 16, "hidden_act": "gelu", "hidden_dropout_prob": 0.3}')
    assert_equals_garden(str(directory), REFERENCE, heads=True)
    assert load_backbone(str(directory)).backbone.dropout == 0.3


def test_without_any_config_the_defaults_are_said(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    (directory / "params.yaml").unlink()
    with caplog.at_level(logging.INFO, "bert_tf"):
        assert_equals_garden(str(directory), REFERENCE, heads=True)
    assert "GELU and a dropout of 0.1 are assumed" in caplog.text


def test_activation_and_dropout_come_from_the_params(directory: Path) -> None:
    replace("hidden_activation: gelu", "hidden_activation: relu")(directory)
    backbone = load_backbone(str(directory)).backbone
    assert (backbone.hidden_act, backbone.dropout) == ("relu", 0.2)


def replace(old: str, new: str) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        path = directory / "params.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).unlink()


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("vocab.txt"), "vocab.txt: the vocabulary cannot be read"),
        (write("vocab.txt", "\n".join([*RESERVED_TOKENS, *map(str, range(19))])), "24 tokens, but the model has 23"),
        (remove("ckpt-1.index"), "the checkpoint's index is missing, such as bert_model.ckpt.index"),
        (write("ckpt-1.index", "<html>"), "ckpt-1.index: not a readable checkpoint"),
        (remove("ckpt-1.data-00000-of-00001"), "ckpt-1: the data files are missing or broken"),
        (write("ckpt-1.data-00000-of-00001", "cut"), "ckpt-1: the data files are missing or broken"),
        (write("params.yaml", "task: ["), "params.yaml: cannot be read"),
        (write("params.yaml", "task: {}"), "params.yaml: it describes no encoder"),
        (replace("type: bert_v2", "type: albert"), "the encoder is of type 'albert'; only 'bert' and 'bert_v2' are"),
        (replace("hidden_size: 16", "hidden_size: 32"), "params.yaml: hidden_size is 32, but the checkpoint's is 16"),
        (replace("num_layers: 2", "num_layers: 3"), "num_hidden_layers is 3, but the checkpoint's is 2"),
        (replace("attention_heads: 4", "attention_heads: 2"), "num_attention_heads is 2, but the checkpoint's is 4"),
        (replace("norm_first: false", "norm_first: true"), "norm_first encoders"),
        (replace("embedding_size: null", "embedding_size: 8"), "embeddings narrower than the encoder"),
        (replace("hidden_activation: gelu", "hidden_activation: mish"), "the activation 'mish' is not known"),
    ],
)
def test_flaws_are_named(directory: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(directory)
    with pytest.raises(UserError) as caught:
        load_backbone(str(directory))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_something_else(directory: Path) -> None:
    import tensorflow as tf

    for path in directory.glob("ckpt*"):
        path.unlink()
    tf.train.Checkpoint(step=tf.Variable(3)).save(str(directory / "ckpt"))
    with pytest.raises(UserError, match="the checkpoint holds no BERT encoder of the TensorFlow Model Garden"):
        load_backbone(str(directory))
