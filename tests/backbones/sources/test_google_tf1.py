"""Google's TF1 directories: outputs and heads equal google-research/bert's, and every flaw has its message."""

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
from tests.backbones.sources.google_checkpoint import VOCABULARY, google_outputs, write_directory


def assert_equals_google(directory: Path, ids: list[int], segments: list[int]) -> None:
    loaded = load_backbone(str(directory))
    task = BertPretrainer(loaded.backbone, None)
    assert task.load_heads(loaded.pretraining_heads) == "masked tokens loaded, pairs loaded"
    # Padding must change nothing.
    features = {
        "token_ids": np.array([[*ids, 0, 0]]),
        "segment_ids": np.array([[*segments, 0, 0]]),
        "padding_mask": np.array([[*(1 for _ in ids), 0, 0]]),
    }
    expected = google_outputs(directory, ids, segments)
    outputs = loaded.backbone(features)
    np.testing.assert_allclose(outputs["sequence_output"][0, : len(ids)], expected["sequence"], atol=1e-5)
    np.testing.assert_allclose(outputs["pooled_output"][0], expected["pooled"], atol=1e-5)
    outputs = task({**features, "mask_positions": np.arange(len(ids))[None]})
    np.testing.assert_allclose(outputs["tokens"][0], expected["tokens"], atol=2e-5)
    np.testing.assert_allclose(outputs["pair"][0], expected["pair"], atol=1e-5)


def test_equals_google(directory: Path) -> None:
    assert_equals_google(directory, [2, 5, 14, 21, 3, 22, 6, 3], [0, 0, 0, 0, 0, 1, 1, 1])


@pytest.mark.shared_data
def test_a_checkpoint_that_google_code_wrote(shared_data: Path) -> None:
    directory = shared_data / "checkpoints" / "google_tiny_h4_l2"
    assert_equals_google(directory, [2, 5, 6, 3, 14, 3], [0, 0, 0, 0, 1, 1])
    assert load_backbone(str(directory)).tokenizer("all work and no play").numpy().tolist() == [5, 6, 7, 8, 9]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_directory(tmp_path_factory.mktemp("google"))


@pytest.fixture
def directory(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "bert"))


@pytest.mark.parametrize(("scope", "heads"), [("cls", 0), ("cls/seq", 5), ("cls/predictions", 2)])
def test_releases_without_heads(tmp_path: Path, scope: str, heads: int) -> None:
    loaded = load_backbone(str(write_directory(tmp_path / "bert", drop=scope)))
    assert len(loaded.pretraining_heads) == heads


@pytest.mark.parametrize(
    ("name", "more_tokens", "lowercase", "reason"),
    [
        ("uncased_L-12_H-768_A-12", ["Book"], True, "the directory is called uncased_L-12_H-768_A-12"),
        ("multi_cased_L-12_H-768_A-12", [], False, "the directory is called multi_cased_L-12_H-768_A-12"),
        ("chinese_L-12_H-768_A-12", ["Book"], True, "the directory is called chinese_L-12_H-768_A-12"),
        ("bert", [], True, "vocab.txt has no capital letters"),
        ("bert", ["Book"], False, "vocab.txt has capital letters, as in 'Book'"),
    ],
)
def test_case_is_guessed_and_said(
    directory: Path, name: str, more_tokens: list[str], lowercase: bool, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    named = directory.with_name(name)
    directory.rename(named)
    (named / "vocab.txt").write_text("\n".join([*VOCABULARY[: len(VOCABULARY) - len(more_tokens)], *more_tokens]))
    with caplog.at_level(logging.INFO, "bert_tf"):
        assert load_backbone(str(named)).tokenizer.lowercase is lowercase
    assert f"({reason})" in caplog.text
    (named / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": not lowercase}))
    assert load_backbone(str(named)).tokenizer.lowercase is not lowercase


def test_only_checkpoint_of_another_name(directory: Path) -> None:
    rename_checkpoint("model.ckpt-1000")(directory)
    assert load_backbone(str(directory)).backbone.num_layers == 2


def test_latest_of_several_checkpoints(directory: Path) -> None:
    rename_checkpoint("model.ckpt-1000")(directory)
    (directory / "model.ckpt-0.index").write_bytes(b"no")
    (directory / "checkpoint").write_text('model_checkpoint_path: "/gone/model.ckpt-1000"\n')
    assert load_backbone(str(directory)).backbone.num_layers == 2


def change_config(**values: Any) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        path = directory / "bert_config.json"
        config = json.loads(path.read_text()) | values
        path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).unlink()


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).write_text(text, encoding="utf-8")


def rename_checkpoint(name: str) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        for path in directory.glob("bert_model.ckpt.*"):
            path.rename(directory / path.name.replace("bert_model.ckpt", name))

    return change


def two_checkpoints(directory: Path) -> None:
    rename_checkpoint("model.ckpt-1")(directory)
    shutil.copy(directory / "model.ckpt-1.index", directory / "model.ckpt-2.index")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("bert_config.json"), "bert_config.json: cannot be read"),
        (write("bert_config.json", "[]"), "bert_config.json: cannot be read (it is no JSON mapping)"),
        (remove("vocab.txt"), "vocab.txt: the vocabulary cannot be read"),
        (write("vocab.txt", "\n".join([*RESERVED_TOKENS, *map(str, range(19))])), "24 tokens, but the model has 23"),
        (remove("bert_model.ckpt.index"), "the checkpoint's index is missing, such as bert_model.ckpt.index"),
        (write("bert_model.ckpt.index", "<html>"), "bert_model.ckpt.index: not a readable checkpoint"),
        (remove("bert_model.ckpt.data-00000-of-00001"), "bert_model.ckpt: the data files are missing or broken"),
        (two_checkpoints, "there are several checkpoints (model.ckpt-1, model.ckpt-2)"),
        (change_config(hidden_act="mish"), "bert_config.json: hidden_act 'mish' is not known"),
        (change_config(vocab_size=None), "bert_config.json: vocab_size is missing"),
        (change_config(vocab_size=24), "word_embeddings has shape (23, 8), which bert_config.json contradicts"),
        (change_config(hidden_size=16), "word_embeddings has shape (23, 8), which bert_config.json contradicts"),
        (change_config(num_hidden_layers=3), "bert/encoder/layer_2/attention/self/query/kernel is missing"),
    ],
)
def test_flaws_are_named(directory: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(directory)
    with pytest.raises(UserError) as caught:
        load_backbone(str(directory))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
