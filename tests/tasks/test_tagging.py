"""Sequence tagging end to end: every head learns, its answers cut out of the text, are saved, and are served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.backbones.loading import load_backbone
from bert_tf.config import DataConfig, ExperimentConfig, OnBadSequence, TrainingConfig
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records, Row
from bert_tf.data.sources import open_records
from bert_tf.errors import UserError
from bert_tf.exporting.formats.saved_model import export_saved_model
from bert_tf.inference.predict import answer_records, evaluate_records
from bert_tf.modeling.layers.span_pointer import no_span_yet
from bert_tf.modeling.mask_values import MASKED
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.schemas.tagging import Options
from bert_tf.tasks.tagging import SequenceTagger
from bert_tf.training.loop import train
from bert_tf.training.task_data import TaskData

PERSONS, PLACES = ["江泽民", "李鹏", "Zoe\u0301 X", "ＡＮＮ"], ["北京", "上海", "New York", "Orléans"]
LONG = "。".join(f"{PERSONS[i % 4]}在{PLACES[i % 3]}，😀" for i in range(12))
"""Longer than two windows of the model below."""


def records() -> Records:
    rows = []
    for number in range(10):
        person, place = PERSONS[number % 4], PLACES[number * 3 % 4]
        text = f"{person}在{place}，😀{number}"
        start = len(person) + 1
        spans = [[0, len(person), "person"], [start, start + len(place), "place"]]
        rows.append(SequenceTagger.prepare(Row("ten.jsonl", number + 1, {"text": text, "spans": spans})))
    return Records("ten.jsonl", lambda: iter(rows))


def tagger(data: Records, **options: Any) -> SequenceTagger:
    keras.utils.set_random_seed(3)
    texts = [row.values["text"] for row in data]
    loaded = load_backbone("scratch:tiny", texts=lambda: texts)
    chosen = Options(dropout=0.0, overlap=8, **options)
    facts = SequenceTagger.learn_from(data, None, chosen)
    return SequenceTagger.create(loaded, sequence_length=24, **(chosen.model_dump() | facts))


@pytest.fixture(scope="module", params=["softmax", "crf", "span"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SequenceTagger:
    task = tagger(records(), decoder=request.param)
    repeats = 90 if request.param == "span" else 40  # it has to tell true spans from all others
    again = Records("ten", lambda: (row for _ in range(repeats) for row in records()))
    config = TrainingConfig(
        epochs=1, batch_size=10, learning_rate=2e-3 if request.param == "span" else 5e-3, tensorboard=False
    )
    batches = TrainingBatches(LabelledRows(again, task), 10, seed=1)
    train(task, batches, config, RunDirectory(tmp_path_factory.mktemp("tagging")))
    return task


def entities(task: SequenceTagger, *texts: str) -> list[list[dict[str, Any]]]:
    made = Records("texts", lambda: (Row("texts", n, {"text": text}) for n, text in enumerate(texts, 1)))
    return [answer["entities"] for _, answer in answer_records(task, made, batch_size=4)]


def test_learns_saves_and_serves(trained: SequenceTagger, tmp_path: Path) -> None:
    metrics = evaluate_records(trained, records(), batch_size=4)
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (1.0, 1.0, 1.0)
    assert metrics["per_label"]["person"]["support"] == 10

    found, nothing = entities(trained, LONG, "")
    for entity in found:
        assert LONG[entity["start"] : entity["end"]] == entity["text"]
        assert 0 < entity["score"] <= 1
    assert {entity["text"] for entity in found} >= {"江泽民", "New York"}
    # Of 24, from windows in which some names stand at an edge; a span head has seen names at the start only.
    assert len(found) >= (12 if trained.decoder == "span" else 20)
    assert nothing == []

    trained.save_to_preset(str(tmp_path / "model"))
    again = SequenceTagger.from_preset(str(tmp_path / "model"))
    assert again.get_config().keys() == trained.get_config().keys()
    assert (again.labels, again.decoder, again.scheme) == (trained.labels, trained.decoder, trained.scheme)
    assert entities(again, LONG) == [found]

    if trained.decoder == "softmax":  # its graph is a part of the other's
        return
    version, difference = export_saved_model(again, tmp_path / "names", texts=[{"text": LONG}, {"text": "李鹏"}])
    assert difference < 1e-4
    served = tf.saved_model.load(str(version)).signatures["serving_default"](text=tf.constant([LONG, "无"]))
    assert [name.decode() for name in served["entities"][0].numpy()] == [entity["text"] for entity in found]
    assert served["mask"].numpy().sum(1).tolist() == [len(found), len(entities(again, "无")[0])]


@pytest.mark.parametrize("decoder", ["softmax", "crf"])
def test_a_new_model_answers_how_often_each_tag_occurs(decoder: str) -> None:
    task = tagger(records(), decoder=decoder)
    assert len(task.tag_shares) == 5
    probabilities = tf.nn.softmax(task(task.pad(task.encode({"text": tf.constant([LONG])})), training=False))
    np.testing.assert_allclose(tf.reduce_mean(probabilities, [0, 1]), task.tag_shares, atol=0.05)
    assert task.get_config()["tag_shares"] == task.tag_shares


def test_a_new_span_head_begins_below_the_threshold() -> None:
    task = tagger(records(), decoder="span")
    scores = task(task.pad(task.encode({"text": tf.constant([LONG])})), training=False).numpy()
    windows = scores[scores > MASKED]
    np.testing.assert_allclose(windows, no_span_yet(22), atol=1.0)  # 24 places, two of them [CLS] and [SEP]


def test_only_the_first_pieces_of_words_are_labelled() -> None:
    task = tagger(records())
    for label_wordpieces, ignored in (("first", True), ("all", False)):
        task.label_wordpieces = label_wordpieces
        encoded, tags = task.encode_training(
            {"text": tf.constant(["Orléanszzz"])}, tf.ragged.constant([[[0, 10, 1]]], tf.int32, 1, (3,))
        )
        (row,) = tags.to_list()
        assert row[:2] == [-1, 3]
        assert row[-1] == -1
        assert set(row[2:-1]) == ({-1} if ignored else {4})
        assert len(row) == len(encoded["token_ids"].to_list()[0]) > 3


def test_words_are_the_tokens_where_the_data_has_tokens(tmp_path: Path) -> None:
    """Inside a token, punctuation must not be trained as words of their own: a URL would outweigh the names."""
    data = conll(tmp_path, "See O\nhttp://a.b/c O\nO'Neil B-PER\n. O\n")
    task = tagger(data)
    assert task.words == "spaces"
    (row,) = data
    spans = tf.ragged.constant([task.target(row)], tf.int32, 1, (3,))
    _, tags = task.encode_training({"text": tf.constant([row.values["text"]])}, spans)
    assert [tag for tag in tags.to_list()[0] if tag >= 0] == [0, 0, 1, 0]

    characters = conll(tmp_path, "江 B-PER\n泽 I-PER\n民 I-PER\n- O\nA O\n")
    assert tagger(characters).words == tagger(records()).words == "punctuation"
    assert tagger(data, words="punctuation").words == "punctuation"


def test_the_loss_sees_only_what_is_labelled() -> None:
    task = tagger(records())
    targets = tf.constant([[-1, 1, 2, -1], [-1, 0, -1, -1], [-1, -1, -1, -1]])
    outputs = np.random.default_rng(1).normal(size=(3, 4, 5)).astype(np.float32)
    loss = task.loss_per_example(targets, tf.constant(outputs)).numpy()
    changed = np.where((targets.numpy() < 0)[..., None], 7.0, outputs).astype(np.float32)
    np.testing.assert_allclose(task.loss_per_example(targets, tf.constant(changed)), loss, rtol=1e-6)
    assert loss[2] == 0.0
    np.testing.assert_array_equal(task.loss_weights(targets), [2, 1, 1])
    expected = -tf.nn.log_softmax(outputs[1, 1])[0].numpy()
    assert loss[1] == pytest.approx(expected, rel=1e-5)


def conll(tmp_path: Path, content: str) -> Records:
    path = tmp_path / "train.conll"
    path.write_text(content, encoding="utf-8")
    task = SequenceTagger
    return open_records(
        str(path),
        required=("text", "spans"),
        text_columns=("text",),
        source_columns=task.source_columns,
        prepare=task.prepare,
    )


def bad_sequences(tmp_path: Path, action: OnBadSequence) -> TaskData:
    path = tmp_path / "train.conll"
    path.write_text("Li B-PER\nPeng I-PER\n\nin O\nBei I-LOC\njing I-LOC\n\nRome B-LOC\n", encoding="utf-8")
    data = DataConfig(train=[str(path)], on_bad_sequence=action)
    return TaskData.open(ExperimentConfig(task="tagging", backbone="x", output="x", data=data))


def test_bad_sequences_are_refused_repaired_or_skipped_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="(?s)1 of 3 sentences has .* IOB2 .*train.conll line 5: I-LOC continues"):
        bad_sequences(tmp_path, "error")
    repaired = bad_sequences(tmp_path, "repair")
    task = tagger(repaired.splits.train)
    assert [task.target(row) for row in repaired.splits.train] == [[[0, 7, 1]], [[3, 11, 0]], [[0, 4, 0]]]
    assert [row.values["text"] for row in bad_sequences(tmp_path, "skip").splits.train] == ["Li Peng", "Rome"]


def test_spans_that_tokenisation_cannot_reach_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"text": "北京 is big", "spans": [[0, 2, "place"]]}, {"text": "in annas big", "spans": [[3, 6, "person"]]}]
    data = Records("a.jsonl", lambda: (SequenceTagger.prepare(Row("a.jsonl", 1, values)) for values in rows))
    for decoder in ("softmax", "span"):
        caplog.clear()
        task = tagger(data, decoder=decoder)
        task.report_unreachable(LabelledRows(data, task))
        said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert len(said) == 1
        assert said[0].startswith("1 of 2 spans of the training data begin or end inside a word, so that")
        assert "a.jsonl line 1: 'ann' in 'annas'" in said[0]


def test_spans_longer_than_a_window_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    text = "a " * 60
    rows = [{"text": text, "spans": [[0, 119, "place"], [0, 1, "place"]]}]
    data = Records("a.jsonl", lambda: (SequenceTagger.prepare(Row("a.jsonl", 1, values)) for values in rows))
    task = tagger(data, decoder="span")
    task.report_unreachable(LabelledRows(data, task))
    assert "1 of 2 spans of the training data are longer than a window" in caplog.text


def test_labels_have_one_line_each_in_python_too() -> None:
    loaded = load_backbone("scratch:tiny", texts=lambda: ["a b"])
    with pytest.raises(UserError, match="labels: the label 'a.nb' has a line break in it"):
        SequenceTagger.create(loaded, sequence_length=8, labels=["a\nb", "c"])


def test_overlapping_spans_need_the_span_head() -> None:
    values = {"text": "北京大学", "spans": [[0, 4, "organisation"], [0, 2, "place"]]}
    data = Records("a.jsonl", lambda: iter([SequenceTagger.prepare(Row("a.jsonl", 1, values))]))
    with pytest.raises(UserError, match="a.jsonl line 1: the spans '北京' .place. and '北京大学' .* overlap"):
        LabelledRows(data, tagger(data)).count()
    assert LabelledRows(data, tagger(data, decoder="span")).count() == 1


def test_unknown_labels_and_no_labels() -> None:
    task = tagger(records())
    row = SequenceTagger.prepare(Row("b.jsonl", 1, {"text": "北京", "spans": [[0, 2, "city"]]}))
    assert task.target(row) is None
    assert task.unknown_target(row) == 'label "city" is not one of person, place (from the training data)'
    nothing = Records("b.jsonl", lambda: iter([row._replace(values={"text": "北京", "spans": []})]))
    with pytest.raises(UserError, match="b.jsonl: there is no span in any row"):
        SequenceTagger.learn_from(nothing, None)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ("conll:{}/peopledaily_ner/dev.txt", {"LOC", "ORG", "PER"}),
        ("conll:{}/wnut17/dev.txt", {"corporation", "creative-work", "group", "location", "person", "product"}),
        ("{}/cluener/dev.json", None),
    ],
)
def test_reads_real_data(shared_data: Path, spec: str, labels: set[str] | None) -> None:
    task = SequenceTagger
    data = open_records(
        spec.format(shared_data),
        required=("text", "spans"),
        text_columns=("text",),
        source_columns=task.source_columns,
        prepare=task.prepare,
    )
    facts = task.learn_from(data, None)
    assert len(facts["labels"]) == 10 if labels is None else set(facts["labels"]) == labels
    if spec.startswith("conll"):
        assert facts["scheme"] == "iob2"
