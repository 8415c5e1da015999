"""Multiple choice: lists of different lengths, labels as data sets write them, ten questions learned."""

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
from bert_tf.config import TrainingConfig
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records, Row
from bert_tf.data.sources import open_records
from bert_tf.errors import UserError
from bert_tf.exporting.formats.saved_model import export_saved_model
from bert_tf.inference.predict import answer_records, evaluate_records
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.multiple_choice import ChoiceScorer
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.training.loop import train
from tests.data.small_records import made_records

WORDS = ["red", "blue", "tiny", "round", "long", "天", "黑", "灯", "水", "火"]


def questions(*, asked: bool = False) -> Records:
    """Ten texts; the right choice is the word that the text names. Two to four choices."""
    rows = []
    for number, word in enumerate(WORDS):
        others = [WORDS[(number + step) % 10] for step in range(1, 2 + number % 3)]
        place = number % (len(others) + 1)
        choices = [*others[:place], word, *others[place:]]
        rows.append({"text": word, "choices": choices, "label": place} | ({"question": "long"} if asked else {}))
    return made_records(rows)


def small_scorer(question: bool = False) -> ChoiceScorer:
    keras.utils.set_random_seed(5)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(vocabulary),
        num_layers=2,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=64,
        dropout=0.0,
        max_sequence_length=16,
    )
    loaded = LoadedBackbone(backbone, ExactBertTokenizer(vocabulary, lowercase=True), "two layers")
    task = ChoiceScorer.create(loaded, sequence_length=16, question=question, dropout=0.0)
    assert isinstance(task, ChoiceScorer)
    return task


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> ChoiceScorer:
    task = small_scorer()
    records = questions()
    config = TrainingConfig(epochs=1, batch_size=10, learning_rate=5e-3, tensorboard=False, checkpoint_every=1000)
    again_and_again = Records("ten", lambda: (row for _ in range(150) for row in records))
    batches = TrainingBatches(LabelledRows(again_and_again, task), 10, seed=1, length_bucketing=False)
    train(task, batches, config, RunDirectory(tmp_path_factory.mktemp("choice")))
    return task


def test_overfits_ten_questions(learned: ChoiceScorer) -> None:
    metrics = evaluate_records(learned, questions(), batch_size=3)
    assert metrics["accuracy"] == 1.0
    assert set(ChoiceScorer.score_names) < set(metrics)
    assert metrics["chance"] == pytest.approx((4 / 2 + 3 / 3 + 3 / 4) / 10)
    for row, answer in answer_records(learned, questions(), batch_size=4):
        assert answer["choice"] == row.values["text"]
        assert answer["index"] == row.values["label"]
        assert len(answer["probabilities"]) == len(row.values["choices"])
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_export_answers_what_predict_answers(learned: ChoiceScorer, tmp_path: Path) -> None:
    rows = [{name: row.values[name] for name in ("text", "choices")} for row in questions()]
    version, difference = export_saved_model(learned, tmp_path / "choice", texts=rows)
    assert difference < 1e-5
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    for row, answer in answer_records(learned, made_records(rows[:3]), batch_size=1):
        served = serve(text=tf.constant([row.values["text"]]), choices=tf.constant([row.values["choices"]]))
        assert served["choice"].numpy()[0].decode() == answer["choice"]
        np.testing.assert_allclose(served["probabilities"][0], answer["probabilities"], atol=1e-5)


def test_choices_are_read_beside_the_text_and_the_question() -> None:
    task = small_scorer(question=True)
    columns = {name: tf.constant(value) for name, value in {"text": ["red"], "question": ["long"]}.items()}
    encoded = task.encode({**columns, "choices": tf.constant([["blue", "tiny", ""]])})
    tokenizer = task.preprocessor.tokenizer
    tokens = [[tokenizer.id_to_token(i) for i in choice] for choice in encoded["token_ids"].to_list()[0]]
    assert tokens == [["[CLS]", "red", "[SEP]", "long", word, "[SEP]"] for word in ("blue", "tiny")]
    assert task.input_columns() == ("text", "question", "choices")


def test_other_records_of_a_batch_change_nothing() -> None:
    task = small_scorer()
    alone = task.answer_texts({"text": tf.constant(["red"]), "choices": tf.constant([["blue", "red"]])})
    columns = {
        "text": tf.constant(["red", "火", ""]),
        "choices": tf.constant([["blue", "red", ""], ["水"] * 3, [""] * 3]),
    }
    together = task.answer_texts(columns)
    np.testing.assert_allclose(together["probabilities"][0, :2], alone["probabilities"][0], atol=1e-5)
    assert float(together["probabilities"][0, 2]) == 0
    assert together["choice"].numpy()[2] == b""


def test_preset_round_trip(tmp_path: Path) -> None:
    task = small_scorer(question=True)
    task.save_to_preset(str(tmp_path))
    again = ChoiceScorer.from_preset(str(tmp_path))
    assert again.question
    columns = {"text": tf.constant(["red"]), "question": tf.constant(["水"]), "choices": tf.constant([["a", "blue"]])}
    np.testing.assert_array_equal(
        again.answer_texts(columns)["probabilities"], task.answer_texts(columns)["probabilities"]
    )


@pytest.mark.parametrize(
    ("choices", "label", "index"),
    [
        (["a", "b"], 1, 1),
        (["a", "b"], "1", 1),
        (["a", "b"], 1.0, 1),
        (["a", "b"], "B", 1),
        (["x", "y"], "b", 1),
        (["开灯", "游泳"], "游泳", 1),
        (["2", "0"], "0", 1),
        (["2", "0"], 0, 0),
    ],
)
def test_labels_as_data_sets_write_them(choices: list[str], label: Any, index: int) -> None:
    task = small_scorer()
    assert task.target(Row("x", 1, {"text": "t", "choices": choices, "label": label})) == index


def test_files(tmp_path: Path) -> None:
    """SWAG's columns in CSV, with fewer choices in one row, and C3's list in JSON lines."""
    csv = tmp_path / "swag.csv"
    csv.write_text("text,ending0,ending1,ending2,label\nA man,runs,sleeps,,0\nB,x,y,z,2\n", encoding="utf-8")
    jsonl = tmp_path / "c3.jsonl"
    line = {"text": "天黑了", "question": "他做什么？", "choices": ["开灯", "游泳"], "label": "开灯"}
    jsonl.write_text(json.dumps(line, ensure_ascii=False) + "\n", encoding="utf-8")
    found = [open_records(str(path), prepare=ChoiceScorer.prepare) for path in (csv, jsonl)]
    assert [row.values["choices"] for row in found[0]] == [["runs", "sleeps"], ["x", "y", "z"]]
    assert [row.values["choices"] for row in found[1]] == [["开灯", "游泳"]]
    assert ChoiceScorer.learn_from(found[1], None) == {"question": True}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": "a"}, "x.tsv line 2: there are no choices. Give a list"),
        ({"text": "a", "choices": "b"}, "must hold a list of texts, not 'b'"),
        ({"text": "a", "choices": ["b"]}, "there is 1 choice; two at least"),
        ({"text": "a", "choices": ["b", "c"], "label": 2}, "the label 2 is none of the 2 choices"),
        ({"text": "a", "choices": ["b", "c"], "label": "dd"}, "the label 'dd' is none of the 2 choices"),
        ({"text": "a", "choices": ["b", "c"], "label": ""}, "the label is empty"),
    ],
)
def test_mistakes_are_named(values: dict[str, Any], message: str) -> None:
    task = small_scorer()
    with pytest.raises(UserError) as caught:
        task.target(task.prepare(Row("x.tsv", 2, values)))
    assert message in str(caught.value)
