"""Sentence embeddings: each loss learns ten examples, and a vector is the same wherever it is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.config import ExperimentConfig, TrainingConfig
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records
from bert_tf.errors import UserError
from bert_tf.exporting.formats.saved_model import export_saved_model
from bert_tf.inference.predict import answer_records, evaluate_records
from bert_tf.predict import main as predict
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.search import main as search
from bert_tf.tasks.embedding import SentenceEncoder
from bert_tf.tasks.schemas.embedding import Options
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.training.experiment import run_experiment
from bert_tf.training.loop import train
from tests.backbones.sources.test_huggingface_directory import TINY
from tests.data.small_records import made_records

QUESTIONS = [
    "red",
    "blue two",
    "green three",
    "old four",
    "new five",
    "big six",
    "small seven",
    "hot 八",
    "冷 九",
    "十",
]
ANSWERS = ["apples", "birds", "leaves", "stones", "books", "houses", "mice", "茶", "雪", "人"]


def pairs(*, negatives: bool = False, scores: bool = False) -> Records:
    """Ten questions with answers that nothing but training can tell."""
    rows: list[dict[str, Any]] = []
    for number, (question, answer) in enumerate(zip(QUESTIONS, ANSWERS, strict=True)):
        other = ANSWERS[(number + 3) % 10]
        row: dict[str, Any] = {"text": question, "text_pair": answer}
        if negatives:
            row["negative"] = other
        if scores:
            row["label"] = "4"
            rows.append({"text": question, "text_pair": other, "label": 1.5})
        rows.append(row)
    return made_records(rows)


def encoder_for(records: Records, dropout: float = 0.0, **options: Any) -> SentenceEncoder:
    """One layer of width 32 is enough for ten examples."""
    keras.utils.set_random_seed(3)
    given = Options(**options)
    words = sorted({word for text in QUESTIONS + ANSWERS for word in text.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(vocabulary),
        num_layers=1,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=32,
        dropout=dropout,
        max_sequence_length=16,
    )
    loaded = LoadedBackbone(backbone, ExactBertTokenizer(vocabulary, lowercase=True), "one layer")
    facts = SentenceEncoder.learn_from(records, None, given)
    task = SentenceEncoder.create(loaded, sequence_length=16, **given.model_dump(), **facts)
    assert isinstance(task, SentenceEncoder)
    return task


def learn(task: SentenceEncoder, records: Records, folder: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=10, learning_rate=1e-2, tensorboard=False, checkpoint_every=1000)
    again_and_again = Records("ten", lambda: (row for _ in range(60) for row in records))
    batches = TrainingBatches(LabelledRows(again_and_again, task), 10, seed=1, length_bucketing=False)
    train(task, batches, config, RunDirectory(folder))


@pytest.mark.parametrize(("loss", "negatives"), [("contrastive", False), ("contrastive", True), ("triplet", True)])
def test_questions_find_their_answers(loss: str, negatives: bool, tmp_path: Path) -> None:
    records = pairs(negatives=negatives)
    task = encoder_for(records, loss=loss)
    learn(task, records, tmp_path)
    metrics = evaluate_records(task, records, batch_size=4)
    if loss == "contrastive":
        assert metrics["recall@1"] == 1.0
    else:  # it has seen one negative for each only
        assert metrics["recall@5"] == 1.0


@pytest.mark.parametrize("loss", ["cosent", "cosine"])
def test_scores_are_learned(loss: str, tmp_path: Path) -> None:
    records = pairs(scores=True)
    task = encoder_for(records, loss=loss)
    assert (task.lowest, task.highest) == (1.5, 4)
    learn(task, records, tmp_path)
    metrics = evaluate_records(task, records, batch_size=7)
    assert metrics["spearman"] > 0.85  # as high as it can be with two scores only
    assert metrics["examples"] == 20


def test_simcse_draws_texts_apart(tmp_path: Path) -> None:
    records = made_records({"text": text} for text in QUESTIONS)
    task = encoder_for(records, loss="simcse", pooling="cls", dropout=0.1)

    def mean_cosine() -> float:
        vectors = task.predict(QUESTIONS, verbose=0)
        return float(np.mean((vectors @ vectors.T)[~np.eye(10, dtype=bool)]))

    before = mean_cosine()
    learn(task, records, tmp_path)
    assert mean_cosine() < min(0.6, before - 0.2)


def test_simcse_encodes_a_text_twice_and_dropout_makes_it_two() -> None:
    records = made_records({"text": text} for text in QUESTIONS)
    task = encoder_for(records, loss="simcse", dropout=0.1)
    (features, targets, _), *_ = TrainingBatches(LabelledRows(records, task), 10, seed=1).epoch(0)
    assert features["token_ids"].shape[:2] == (10, 2)
    np.testing.assert_array_equal(features["token_ids"][:, 0], features["token_ids"][:, 1])
    outputs = task(features, training=True)
    assert np.abs(outputs[:, 0] - outputs[:, 1]).max() > 1e-3
    still = task(features, training=False)
    np.testing.assert_allclose(still[:, 0], still[:, 1], atol=1e-6)
    assert task.loss_per_example(targets, outputs).shape == (10,)


def test_filling_of_the_last_batch_is_no_negative() -> None:
    """A batch of 16 is filled up with six copies of a row; the copies are nobody's negatives but once."""
    task = encoder_for(pairs())
    batches = TrainingBatches(LabelledRows(pairs(), task), 16, seed=1)
    (features, targets, weights), *_ = batches.epoch(0)
    filled = task.loss_per_example(targets, task(features, training=False)).numpy()
    assert weights.numpy().tolist() == [1.0] * 10 + [0.0] * 6
    alone = {name: value[:10] for name, value in features.items()}
    expected = task.loss_per_example(targets[:10], task(alone, training=False)).numpy()
    # To the copied row, its copies are equal texts.
    np.testing.assert_allclose(filled[0], expected[0], rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_pooled_and_of_length_one(pooling: str) -> None:
    task = SentenceEncoder.from_preset(str(TINY), sequence_length=32, pooling=pooling)
    texts = ["我喜欢这本书", "很差", ""]
    vectors = task.predict(texts, verbose=0)
    features = task.preprocessor(texts)
    tokens = task.backbone(features)["sequence_output"].numpy()
    lengths = features["padding_mask"].numpy().sum(1)
    expected = [row[0] if pooling == "cls" else row[:n].mean(0) for row, n in zip(tokens, lengths, strict=True)]
    expected = [vector / np.linalg.norm(vector) for vector in expected]
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    answers = [answer["embedding"] for _, answer in answer_records(task, texts_as_records(texts), batch_size=2)]
    np.testing.assert_allclose(answers, vectors, atol=1e-5)


def texts_as_records(texts: list[str]) -> Records:
    return made_records({"text": text} for text in texts)


def test_preset_round_trip(tmp_path: Path) -> None:
    task = encoder_for(pairs(negatives=True), temperature=0.1, pooling="cls")
    task.save_to_preset(str(tmp_path))
    again = SentenceEncoder.from_preset(str(tmp_path))
    assert again.get_config() | {"name": ""} == task.get_config() | {"name": ""}
    assert again.trained_columns == ("text", "text_pair", "negative")
    np.testing.assert_array_equal(again.predict(QUESTIONS, verbose=0), task.predict(QUESTIONS, verbose=0))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run of the train command's own path: scored pairs under other names, and validation."""
    folder = tmp_path_factory.mktemp("embedding")
    lines = [f"{row.values['text']}\t{row.values['text_pair']}\t{row.values['label']}" for row in pairs(scores=True)]
    data = folder / "pairs.tsv"
    data.write_text("a\tb\tscore\n" + "\n".join(lines) + "\n", encoding="utf-8")
    config = ExperimentConfig(
        task="embedding",
        backbone="scratch:tiny",
        output=str(folder / "run"),
        data={
            "train": str(data),
            "validation": str(data),
            "columns": {"text": "a", "text_pair": "b", "label": "score"},
            "sequence_length": 16,
        },
        head={"loss": "cosent"},
        scratch={"vocabulary_size": 200},
        training={"epochs": 1, "batch_size": 8, "tensorboard": False},
    )
    return run_experiment(config)


def test_export_answers_what_predict_answers(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {"val_score", "val_spearman"} <= run.metrics()[-1].keys()
    version, difference = export_saved_model(
        RunDirectory.open(run.path).load_model(), tmp_path / "vectors", texts=run.examples()
    )
    assert difference < 1e-5
    signatures = tf.saved_model.load(str(version)).signatures
    assert set(signatures) == {"serving_default", "embeddings"}
    capsys.readouterr()
    predict(["--run", str(run.path), "--text", "red"])
    found = json.loads(capsys.readouterr().out)["prediction"]["embedding"]
    for signature in signatures.values():
        np.testing.assert_allclose(signature(text=tf.constant(["red"]))["embedding"][0], found, atol=1e-5)


def test_search_finds_the_text_itself_with_and_without_an_index(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n\n".join(QUESTIONS + ANSWERS) + "\n", encoding="utf-8")
    index = tmp_path / "corpus.npy"
    flags = ["-q", "--run", str(run.path), "--data", str(corpus), "--query", "birds", "冷 九", "--top_k", "3"]
    outputs = []
    for more in ([], ["--index", str(index)], ["--index", str(index)]):
        capsys.readouterr()
        search([*flags, *more])
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] == outputs[2]
    hits = [json.loads(line) for line in outputs[0].splitlines()]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 1, 2, 3]
    assert [hit["text"] for hit in hits if hit["rank"] == 1] == ["birds", "冷 九"]
    assert hits[0]["score"] == pytest.approx(1, abs=1e-5)
    assert np.load(index).shape == (20, 128)

    corpus.write_text("something else\n", encoding="utf-8")
    with pytest.raises(UserError, match="made by another model or of another corpus"):
        search([*flags, "--index", str(index)])
    corpus.write_text(f"{QUESTIONS[0]}\n", encoding="utf-8")
    with pytest.raises(UserError, match="it holds 20 records, the corpus has another number"):
        search([*flags, "--index", str(index)])
    corpus.write_text("\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"corpus\.txt: there is no text to search"):
        search(flags)


@pytest.mark.parametrize(
    ("loss", "rows", "message"),
    [
        ("contrastive", [{"text": "a"}], "learns from text, text_pair; there is no 'text_pair'. Name the right column"),
        ("triplet", [{"text": "a", "text_pair": "b"}], "there is no 'negative'"),
        ("cosent", [{"text": "a", "text_pair": "b"}], "x.tsv line 2: --head.loss cosent learns from scores"),
        ("cosine", [{"text": "a", "text_pair": "b", "label": "good"}], "line 2: the label 'good' is not a number"),
        ("cosine", [{"text": "a", "text_pair": "b", "label": 1}] * 2, "every pair has the score 1.0"),
        (
            "contrastive",
            [{"text": "a", "text_pair": "b", "label": n} for n in (0, 1)],
            "contrastive takes every pair for a match, but their labels differ",
        ),
        ("simcse", [], "there is no row to train on"),
    ],
)
def test_mistakes_are_named(loss: str, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError) as caught:
        SentenceEncoder.learn_from(made_records(rows), None, Options(loss=loss))
    assert message in str(caught.value)
