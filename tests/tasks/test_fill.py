"""Masked-token filling: a pre-training run that knows ten sentences by heart, and what stands beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.errors import UserError
from bert_tf.exporting.formats.saved_model import export_saved_model
from bert_tf.inference.predict import answer_records, evaluate_records
from bert_tf.predict import main as predict
from bert_tf.pretraining.pretrainer import BertPretrainer
from bert_tf.pretraining.pretraining_config import PretrainingConfig
from bert_tf.pretraining.pretraining_experiment import run_pretraining
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.fill import MaskedTokenFiller
from tests.data.small_records import made_records

SENTENCES = [
    "red apples grow here",
    "blue birds sing loudly",
    "old men walk slowly",
    "young dogs run fast",
    "今 天 气 好",
    "我 们 爱 书",
    "cold winters bring snow",
    "warm summers bring rain",
    "big ships cross oceans",
    "small boats stay near",
]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    folder = tmp_path_factory.mktemp("fill")
    (folder / "corpus.txt").write_text("\n\n".join(SENTENCES * 120), encoding="utf-8")
    config = PretrainingConfig(
        backbone="scratch:tiny",
        data=str(folder / "corpus.txt"),
        output=str(folder / "run"),
        sequence_length=16,
        validation_ratio=0,
        scratch={"vocabulary_size": 200},
        corpus={"objective": "mlm", "packing": False, "shards": 1},
        masking={"rate": 0.3},
        training={"epochs": 8, "batch_size": 40, "learning_rate": 3e-3, "tensorboard": False},
    )
    return run_pretraining(config)


@pytest.fixture(scope="module")
def filler(pretrained: RunDirectory) -> MaskedTokenFiller:
    task = RunDirectory.open(pretrained.path).load_model()
    assert isinstance(task, MaskedTokenFiller)
    return task


def masked_records() -> Any:
    """Each sentence with another of its words hidden, if that is one token."""
    rows = []
    for number, sentence in enumerate(SENTENCES):
        words = sentence.split()
        hidden = words[number % 4]
        words[number % 4] = "[MASK]"
        rows.append({"text": " ".join(words), "label": hidden})
    return made_records(rows)


def test_ten_sentences_are_known_by_heart(filler: MaskedTokenFiller) -> None:
    metrics = evaluate_records(filler, masked_records(), batch_size=4)
    assert metrics["accuracy"] >= 0.9
    assert metrics["hit@5"] >= metrics["mrr"] >= metrics["accuracy"]
    (_, answer), *_ = answer_records(filler, made_records([{"text": "今[MASK]气好"}]), batch_size=2)
    (candidates,) = answer["masks"]
    assert len(candidates) == 5
    assert candidates[0]["token"] == "天"
    assert candidates[0]["sequence"] == "今天气好"
    scores = [candidate["score"] for candidate in candidates]
    assert scores == sorted(scores, reverse=True)


def test_scores_are_those_of_the_pretrainer(pretrained: RunDirectory, filler: MaskedTokenFiller) -> None:
    """The model of pre-training itself, on ids that were put together by hand."""
    pretrainer = BertPretrainer.from_preset(str(pretrained.model), dtype="float32")
    tokenizer = filler.preprocessor.tokenizer
    ids = [tokenizer.token_to_id(token) for token in ("[CLS]", "cold", "[MASK]", "bring", "[MASK]", "[SEP]")]
    features = {
        "token_ids": np.array([ids]),
        "segment_ids": np.zeros((1, 6), int),
        "padding_mask": np.ones((1, 6), int),
        "mask_positions": np.array([[2, 4]]),
    }
    expected = tf.nn.softmax(pretrainer(features)["tokens"]).numpy()[0]
    found = filler.answer_texts({"text": tf.constant(["cold [MASK] bring [MASK]"])})
    for mask in range(2):
        best = np.argsort(-expected[mask])[:5]
        np.testing.assert_allclose(found["scores"][0, mask], expected[mask][best], atol=1e-5)
        assert found["tokens"][0, mask, 0].numpy().decode() == tokenizer.id_to_token(int(best[0]))


def test_only_mask_is_a_control_token(filler: MaskedTokenFiller) -> None:
    tokenizer = filler.preprocessor.tokenizer
    encoded = filler.encode({"text": tf.constant(["[SEP] red [MASK][MASK]", "", "[mask]"])})["token_ids"]
    control = {tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]", "[MASK]")}
    kept = [[tokenizer.id_to_token(i) for i in row if i in control] for row in encoded.to_list()]
    assert kept == [["[CLS]", "[MASK]", "[MASK]", "[SEP]"], ["[CLS]", "[SEP]"], ["[CLS]", "[SEP]"]]


def test_masks_differ_in_number_and_may_be_cut_off(filler: MaskedTokenFiller) -> None:
    texts = ["red [MASK] [MASK] here", "so " * 40 + "[MASK]", "big [MASK]"]
    records = made_records({"text": text} for text in texts)
    masks = [answer["masks"] for _, answer in answer_records(filler, records, batch_size=8)]
    assert [[len(candidates) for candidates in found] for found in masks] == [[5, 5], [0], [5]]
    assert "[MASK]" in masks[0][0][0]["sequence"]
    assert masks[0][0][0]["sequence"].endswith("[MASK] here")


def test_word_pieces_join_what_stands_before() -> None:
    from bert_tf.tasks.fill import _fill

    tokens = tf.constant([[["##ing", "on"]]])
    assert _fill(tf.constant(["play [MASK] now"]), tokens).numpy().tolist() == [[[b"playing now", b"play on now"]]]


def test_export_answers_what_predict_answers(
    pretrained: RunDirectory, filler: MaskedTokenFiller, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "young [MASK] run [MASK]"
    version, difference = export_saved_model(filler, tmp_path / "fill", texts=[{"text": text}])
    assert difference < 1e-5
    served = tf.saved_model.load(str(version)).signatures["serving_default"](text=tf.constant([text]))
    capsys.readouterr()
    predict(["--run", str(pretrained.path), "--text", text, "--top_k", "2"])
    masks = json.loads(capsys.readouterr().out)["prediction"]["masks"]
    for number, candidates in enumerate(masks):
        assert len(candidates) == 2
        for rank, candidate in enumerate(candidates):
            assert served["tokens"][0, number, rank].numpy().decode() == candidate["token"]
            assert served["sequences"][0, number, rank].numpy().decode() == candidate["sequence"]
            assert float(served["scores"][0, number, rank]) == pytest.approx(candidate["score"], abs=1e-5)


def test_a_backbone_that_carries_the_head_fills(pretrained: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    text = ["--text", "big ships [MASK] oceans"]
    predict(["--run", str(pretrained.path), *text, "--top_k", "3"])
    expected = json.loads(capsys.readouterr().out)["prediction"]["masks"]
    predict(["--backbone", str(pretrained.model), *text, "--head.top_k", "3"])
    assert json.loads(capsys.readouterr().out)["prediction"]["masks"] == expected
    assert expected[0][0]["token"] == "cross"


def test_a_saved_filler_loads_again(filler: MaskedTokenFiller, tmp_path: Path) -> None:
    filler.save_to_preset(str(tmp_path))
    again = MaskedTokenFiller.from_preset(str(tmp_path))
    texts = {"text": tf.constant(["red [MASK] grow here"])}
    np.testing.assert_array_equal(again.answer_texts(texts)["scores"], filler.answer_texts(texts)["scores"])


def test_mistakes_are_named(pretrained: RunDirectory, filler: MaskedTokenFiller) -> None:
    run = str(pretrained.path)
    with pytest.raises(UserError, match=r"--text: the text has no \[MASK\] to fill: 'red'"):
        predict(["--run", run, "--text", "red"])
    with pytest.raises(UserError, match="--top_k: must be at least 1, not 0"):
        predict(["--run", run, "--text", "[MASK]", "--top_k", "0"])
    with pytest.raises(UserError, match="Give either --run DIR, or --backbone SPEC"):
        predict(["--text", "[MASK]"])
    with pytest.raises(UserError, match="--head goes with --backbone"):
        predict(["--run", run, "--text", "[MASK]", "--head.top_k", "3"])
    with pytest.raises(UserError, match="--task classification has to be trained: give --run"):
        predict(["--backbone", run, "--task", "classification", "--text", "[MASK]"])
    with pytest.raises(UserError, match="x.tsv line 2: 1 .*but the label 'a b' has 2 tokens"):
        evaluate_records(filler, made_records([{"text": "[MASK]", "label": "a b"}]), batch_size=1)
    with pytest.raises(UserError, match="pre-training learns it"):
        MaskedTokenFiller.learn_from(made_records([]), None)
    loaded = LoadedBackbone(filler.backbone, filler.preprocessor.tokenizer, "some backbone")
    with pytest.raises(UserError, match="some backbone: it has no masked-token head"):
        MaskedTokenFiller.create(loaded, sequence_length=16)
