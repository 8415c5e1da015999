"""What cleans the training data is a part of the model: dirty texts get the answers of clean ones, wherever asked."""

from __future__ import annotations

import json
import logging
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import CleaningConfig, ExperimentConfig, TextCleaningConfig
from bert_tf.data.splits import open_splits
from bert_tf.exporting.formats import saved_model
from bert_tf.exporting.formats.huggingface import HuggingFaceModel
from bert_tf.exporting.serving_ops import ops_unknown_to_serving
from bert_tf.inference.predict import answer_records
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.runs.run_evaluation import evaluate_run
from bert_tf.serving.server.model_server import ModelServer
from bert_tf.tasks import find_task
from bert_tf.tasks.task import TextTask
from bert_tf.training.experiment import run_experiment
from tests.data.small_records import made_records, write
from tests.tasks.small_tasks import prepared, small_task

CLEANING = CleaningConfig(unicode="NFKC", html=True)
# Clean and dirty, of each member of the family: forms, HTML, control characters, whitespace.
TEXTS = {
    "good film é": "<p>ｇｏｏｄ\u200b \u00a0ﬁlm&nbsp;e\u0301</p>",
    "": "\u200b <br>",
    "so bad & fun": "so\x0bb\u00adad &amp;amp; fun\ufffd",
    "我 很喜欢": "<b>我</b>&#x3000;很喜\u200d欢",
}
ROWS: dict[str, dict[str, Any]] = {
    "classification": {"label": "a"},
    "document_classification": {"label": "a"},
    "multi_label": {"label": ["a"]},
    "ordinal": {"label": 1},
    "regression": {"label": 1.0},
    "embedding": {},
    "translation": {"translation": "ja gut"},
    "multiple_choice": {"label": 0, "question": "so?"},
    "tagging": {"spans": [[0, 1, "x"]]},
    "question_answering": {"answers": "fun"},
}


def columns(task: TextTask, texts: list[str]) -> dict[str, tf.Tensor]:
    """The texts in every column that the task reads."""
    specs = task.input_specs()
    return {
        name: tf.constant(texts if spec.shape.rank == 1 else [[t, "no"] for t in texts]) for name, spec in specs.items()
    }


@pytest.fixture(scope="module")
def tasks() -> dict[str, TextTask]:
    """Untrained, each with the cleaning."""
    made = {}
    for name, values in ROWS.items():
        text = "context" if name == "question_answering" else "text"
        rows = [
            {text: word, "question": "so?", "choices": ["a", "b"], **values} for word in ("good fun o", "bad fun o")
        ]
        if name in ("classification", "document_classification", "multi_label"):
            rows[1]["label"] = "b"
        if name in ("ordinal", "regression"):
            rows[1]["label"] = 2
        keep = (
            {"text", "context", "question", "choices"} if name in ("multiple_choice", "question_answering") else {text}
        )
        rows = [{key: value for key, value in row.items() if key in {*keep, *values}} for row in rows]
        head = {"loss": "simcse"} if name == "embedding" else {}
        head |= {"stride": 4, "max_query_length": 8} if name == "question_answering" else {}
        made[name] = small_task(name, prepared(name, rows), cleaning=CLEANING, **head)
    return made


@pytest.fixture(scope="module")
def exported(tasks: dict[str, TextTask], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of tasks that were saved and loaded."""
    folder = tmp_path_factory.mktemp("exported")
    for name in ("classification", "tagging", "question_answering"):
        tasks[name].save_to_preset(str(folder / f"{name}_preset"))
        again = type(tasks[name]).from_preset(str(folder / f"{name}_preset"), dtype="float32")
        (folder / name).mkdir()
        saved_model._write([again], again.signatures(), {}, folder / name / "1")
    return folder


@pytest.mark.parametrize("name", ROWS)
def test_dirty_texts_are_answered_as_clean_ones(name: str, tasks: dict[str, TextTask]) -> None:
    task = tasks[name]
    answer = tf.function(task.answer_texts, input_signature=[task.input_specs()])
    clean, dirty = (answer(columns(task, texts)) for texts in (list(TEXTS), list(TEXTS.values())))
    for key, value in clean.items():
        if value.dtype == tf.float32:
            np.testing.assert_allclose(dirty[key], value, atol=1e-5, err_msg=key)
        elif key in ("labels", "label", "index", "mask", "translation"):
            assert dirty[key].numpy().tolist() == value.numpy().tolist()


@pytest.mark.parametrize("name", ROWS)
def test_training_reads_what_answering_reads(name: str, tasks: dict[str, TextTask]) -> None:
    task = tasks[name]
    for clean, dirty in TEXTS.items():
        encoded = [task.encode(columns(task, [text])) for text in (clean, dirty)]
        for key, rows in encoded[0].items():
            assert rows.to_list() == encoded[1][key].to_list()


def test_entities_are_cut_from_the_text_given(tasks: dict[str, TextTask]) -> None:
    task = tasks["tagging"]
    finished = task.answer_texts(columns(task, list(TEXTS.values())))
    found = 0
    for number, text in enumerate(TEXTS.values()):
        for surface, start, end, mask in zip(
            *(finished[name][number].numpy() for name in ("entities", "starts", "ends", "mask")), strict=True
        ):
            assert not mask or surface.decode() == text[start:end]
            found += mask
    row = next(iter(prepared("tagging", [{"text": "<b>e\u0301x</b>&amp;ｙ", "spans": [[3, 6, "x"], [15, 16, "x"]]}])))
    features, tags = task.encode_training(
        {"text": tf.constant([row.values["text"]])}, tf.ragged.constant([task.target(row)], inner_shape=(3,))
    )
    clean_features, clean_tags = task.encode_training(
        {"text": tf.constant(["éx&y"])}, tf.ragged.constant([[[0, 2, 0], [3, 4, 0]]], inner_shape=(3,))
    )
    assert features["token_ids"].to_list() == clean_features["token_ids"].to_list()
    assert tags.to_list() == clean_tags.to_list()


def test_answers_are_cut_from_the_context_given(tasks: dict[str, TextTask]) -> None:
    task = tasks["question_answering"]
    contexts = [text for text in TEXTS.values() if "br" not in text]
    finished = task.answer_texts({"question": tf.constant(["so?"] * len(contexts)), "context": tf.constant(contexts)})
    for number, context in enumerate(contexts):
        values = (finished[f"n_best_{name}"][number].numpy() for name in ("answers", "starts", "ends"))
        for answer, start, end in zip(*values, strict=True):
            assert answer.decode() == context[start:end]
    assert any(finished["n_best_answers"].numpy()[:, 0])


def test_words_are_those_of_the_cleaned_text(tasks: dict[str, TextTask]) -> None:
    """Markup inside a word does not part it, and what it parts are two."""
    pieces = tasks["tagging"]._pieces(tf.constant(["go<b>o</b>d fun<br>bad"]))
    assert pieces.unit_start.numpy().tolist() == [0, 12, 19]
    assert pieces.unit_end.numpy().tolist() == [11, 15, 22]


@pytest.mark.parametrize("name", ["classification", "tagging", "question_answering"])
def test_saved_exported_and_served_models_clean(name: str, tasks: dict[str, TextTask], exported: Path) -> None:
    assert ops_unknown_to_serving(exported / name / "1") == set()
    expected = tasks[name].answer_texts(columns(tasks[name], list(TEXTS.values())))
    served = tf.saved_model.load(str(exported / name / "1")).signatures["serving_default"]
    for key, value in served(**columns(tasks[name], list(TEXTS.values()))).items():
        if value.dtype == tf.float32:
            np.testing.assert_allclose(value, expected[key], atol=1e-5, err_msg=key)
        else:
            assert value.numpy().tolist() == expected[key].numpy().tolist()


def test_a_preset_without_cleaning_cleans_nothing(exported: Path, tmp_path: Path) -> None:
    """As those of before."""
    preset = tmp_path / "old"
    shutil.copytree(exported / "classification_preset", preset)
    for name in ("preprocessor.json", "task.json"):
        described = json.loads((preset / name).read_text())
        config = described["config"]["preprocessor"]["config"] if name == "task.json" else described["config"]
        assert config.pop("cleaning") == CLEANING.model_dump(include=set(TextCleaningConfig.model_fields))
        (preset / name).write_text(json.dumps(described))
    (preset / "checksums.json").unlink()
    task = find_task("classification").from_preset(str(preset))
    assert task.preprocessor.cleaner is None
    assert task.encode({"text": tf.constant(["<b>a"])})["token_ids"].nrows() == 1


def test_a_hugging_face_model_s_user_is_told_what_to_do(
    tasks: dict[str, TextTask], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "bert_tf"):
        HuggingFaceModel.of_task(tasks["classification"])
    [said] = caplog.messages
    assert "html.unescape" in said
    assert 'unicodedata.normalize("NFKC", text)' in said


# === From the command's side ===


def run_of(folder: Path, rows: list[tuple[str, str]], **options: Any) -> RunDirectory:
    """A tiny classifier that knows a few rows by heart."""
    lines = "".join(f"{text}\t{label}\n" for text, label in [("text", "label"), *rows])
    train = write(folder / "train.tsv", lines)
    config = ExperimentConfig(
        backbone="scratch:tiny",
        output=str(folder / "run"),
        data={"train": [str(train)] * 40, "validation": str(train), "sequence_length": 16, **options.pop("data", {})},
        scratch={"vocabulary_size": 200, **options.pop("scratch", {})},
        training={"epochs": 1, "batch_size": 8, "learning_rate": 3e-3, "tensorboard": False},
    )
    return RunDirectory.open(run_experiment(config).path)


def test_given_data_scores_as_the_same_data_of_the_run(tmp_path: Path) -> None:
    """Full-width letters under NFKC and HTML: evaluate both ways, predict, and over REST."""
    rows = [("ｇｏｏｄ ｎｉｃｅ", "pos"), ("<i>ｂａｄ</i>&nbsp;ｐｏｏｒ", "neg"), ("nice", "pos"), ("poor", "neg")]
    run = run_of(tmp_path, rows, data={"cleaning": {"unicode": "NFKC", "html": True}})
    assert evaluate_run(run).models["model"]["accuracy"] == 1
    given = evaluate_run(run, data=[str(tmp_path / "train.tsv")], baselines=True).models
    assert given["model"]["accuracy"] == 1
    assert given["TF-IDF + LR"]["accuracy"] == 1
    task = run.load_model()
    answers = [
        answer["label"] for _, answer in answer_records(task, made_records({"text": t} for t, _ in rows), batch_size=2)
    ]
    assert answers == [label for _, label in rows]
    (tmp_path / "x").mkdir()
    saved_model._write([task], task.signatures(), {"labels": task.label_names()}, tmp_path / "x" / "1")
    with ModelServer({"x": tmp_path / "x"}, port=0, rest_api_port=0) as server:
        body = json.dumps({"inputs": {"text": [text for text, _ in rows]}}).encode()
        url = f"http://127.0.0.1:{server.rest_api_port}/v1/models/x:predict"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as response:
            assert json.load(response)["outputs"]["label"] == answers


def test_decomposed_accents_of_a_cased_vocabulary_by_default(tmp_path: Path) -> None:
    rows = [("cafe\u0301 e\u0301te\u0301", "pos"), ("cafe ete", "neg")]
    run = run_of(tmp_path, rows, scratch={"lowercase": False})
    task = run.load_model()
    assert task.preprocessor.tokenizer.token_to_id("é") != task.preprocessor.tokenizer.token_to_id("[UNK]")
    assert evaluate_run(run, data=[str(tmp_path / "train.tsv")]).models["model"]["accuracy"] == 1


def test_records_of_tasks_that_point_into_texts_stay_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "x.jsonl", json.dumps({"text": " <b>e\u0301</b>", "spans": [[4, 6, "x"]]}) + "\n")
    config = ExperimentConfig(
        task="tagging",
        data={"train": str(tmp_path / "x.jsonl"), "cleaning": {"html": True}},
        output="",
        backbone="scratch:tiny",
    )
    [row] = open_splits(config.data, find_task("tagging"), options=find_task("tagging").Options(), seed=1).train
    assert row.values["text"] == " <b>e\u0301</b>"
