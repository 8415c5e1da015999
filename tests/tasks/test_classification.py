"""The classifier: it learns singles and pairs, keeps its promises as a KerasHub task, and reads labels of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.backbones.loading import load_backbone
from bert_tf.config import TrainingConfig
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records
from bert_tf.errors import UserError
from bert_tf.exporting.huggingface_heads import huggingface_head
from bert_tf.inference.predict import answer_records, build_predict, evaluate_records
from bert_tf.insight.reports.metrics_text import metrics_table
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks import find_task
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tokenization.text_preprocessor import TextPreprocessor
from bert_tf.training.loop import train
from tests.backbones.sources.test_huggingface_directory import TINY
from tests.data.small_records import made_records
from tests.tasks.small_tasks import small_task
from tests.training.small_model import small_classifier

TEXTS = ["我喜欢这本书", "很差", ""]
COLOURS = ["red", "blue", "tiny", "round", "long"]


def pair_records() -> Any:
    """Whether two texts are equal: no single text tells it."""
    rows = [
        {"text": a, "text_pair": b, "label": "same" if a == b else "other"}
        for a in COLOURS[:4]
        for b in (a, COLOURS[(COLOURS.index(a) + 1) % 4])
    ]
    rows += [
        {"text": "long", "text_pair": "long", "label": "same"},
        {"text": "long", "text_pair": "red", "label": "other"},
    ]
    return made_records(rows)


def test_overfits_ten_pairs(tmp_path: Path) -> None:
    records = pair_records()
    keras.utils.set_random_seed(3)
    loaded = load_backbone("scratch:tiny", texts=lambda: COLOURS * 3)
    task = TextClassifier.create(loaded, sequence_length=32, dropout=0.0, **TextClassifier.learn_from(records, None))
    assert task.pair
    config = TrainingConfig(epochs=4, batch_size=5, learning_rate=1e-3, tensorboard=False)
    again_and_again = Records("ten pairs", lambda: (row for _ in range(20) for row in records))
    train(task, TrainingBatches(LabelledRows(again_and_again, task), 5, seed=1), config, RunDirectory(tmp_path))
    metrics = evaluate_records(task, records, batch_size=4)
    assert metrics["accuracy"] == 1.0
    answers = [answer["label"] for _, answer in answer_records(task, records, batch_size=3)]
    assert answers == [row.values["label"] for row in records]


def test_answers_are_what_the_numbers_say() -> None:
    task = small_classifier()
    logits = np.array([[0.0, 0.0], [-1.0, 2.0]], np.float32)
    finished = {name: value.numpy() for name, value in task.postprocess(tf.constant(logits)).items()}
    rows = list(made_records([{"text": "a"}, {"text": "b"}]))
    first, second = task.answers(finished, rows)
    assert first == {"label": "bad", "score": 0.5, "probabilities": {"bad": 0.5, "good": 0.5}}
    assert second["label"] == "good"
    assert second["score"] == second["probabilities"]["good"] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-6)


def test_is_a_keras_model_on_strings() -> None:
    """``compile``, ``fit``, ``evaluate`` and ``predict`` as of any KerasHub task."""
    task = small_classifier()
    task.compile(
        optimizer=keras.optimizers.Adam(5e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    texts, labels = np.array(["good one", "bad one"] * 8), np.array([1, 0] * 8)
    task.fit(texts, labels, epochs=12, batch_size=4, verbose=0)
    assert task.evaluate(texts, labels, verbose=0, return_dict=True)["accuracy"] == 1.0
    logits = task.predict(texts[:2], verbose=0)
    assert logits.shape == (2, 2)
    assert logits.argmax(-1).tolist() == [1, 0]


def test_string_graph_equals_predict() -> None:
    task = small_classifier()
    finished = tf.function(task.answer_texts)({"text": tf.constant(TEXTS)})
    expected = tf.nn.softmax(task.predict(tf.constant(TEXTS), verbose=0))
    np.testing.assert_allclose(finished["probabilities"], expected, atol=1e-6)


def test_preset_round_trip(tmp_path: Path) -> None:
    task = small_classifier()
    task.save_to_preset(str(tmp_path))
    again = TextClassifier.from_preset(str(tmp_path))
    assert (again.labels, again.pair, again.dropout) == (task.labels, False, 0.0)
    np.testing.assert_array_equal(again.predict(TEXTS, verbose=0), task.predict(TEXTS, verbose=0))


def test_half_precision_is_saved_as_float32(tmp_path: Path) -> None:
    task = small_classifier(dtype="mixed_bfloat16")
    task.save_to_preset(str(tmp_path))
    again = TextClassifier.from_preset(str(tmp_path))
    assert {layer.compute_dtype for layer in (again.backbone.transformer_layers[0], again.output_dense)} == {"float32"}
    np.testing.assert_array_equal(again.backbone.get_weights()[0], task.backbone.get_weights()[0])


def test_from_preset_takes_any_backbone() -> None:
    classifier = TextClassifier.from_preset(str(TINY), labels=["negative", "positive"], sequence_length=32)
    assert classifier.predict(TEXTS, verbose=0).shape == (3, 2)
    assert classifier.preprocessor.sequence_length == 32


def test_backbones_without_a_pooler_give_their_first_token() -> None:
    import keras_hub

    backbone = keras_hub.models.DistilBertBackbone(
        vocabulary_size=20, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=16, max_sequence_length=16
    )
    task = TextClassifier(backbone, None, labels=["a", "b"], dropout=0.0)
    features = {"token_ids": np.array([[2, 5, 3, 0]]), "padding_mask": np.array([[1, 1, 1, 0]])}
    np.testing.assert_allclose(task(features), task.output_dense(backbone(features)[:, 0]), atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["good", "bad", "good"], ["bad", "good"]),
        ([10, 2, 2], ["2", "10"]),
        ([1.0, 0.0, 1.0], ["0", "1"]),
        (["10", "9", "x"], ["9", "10", "x"]),
        ([True, False, True], ["False", "True"]),
        (["好", "坏", "好"], ["坏", "好"]),
    ],
)
def test_labels_are_learned(labels: list[Any], names: list[str]) -> None:
    records = made_records({"text": "a", "label": label} for label in labels)
    learned = TextClassifier.learn_from(records, None)
    assert learned == {"labels": names, "pair": False}


def test_labels_can_be_given_in_their_order() -> None:
    records = made_records({"text": "a", "label": label} for label in ("b", "a"))
    assert TextClassifier.learn_from(records, ["b", "a", "c"])["labels"] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        ([], None, "there is no row to train on"),
        (["a", "a"], None, "every row has the label 'a'; a classifier needs at least two labels"),
        (["a", ""], None, "line 3: the label is empty. Fill it in or remove the row."),
        (["a", "b"], ["a", "b", "a"], "--data.labels: duplicate label 'a' in 'a', 'b', 'a'"),
        (list(range(10_001)), None, "10,001 different labels were found, such as '0': is --data.columns.label"),
    ],
)
def test_labels_that_cannot_be_learned(labels: list[Any], given: list[str] | None, message: str) -> None:
    with pytest.raises(UserError) as caught:
        TextClassifier.learn_from(made_records({"text": "a", "label": label} for label in labels), given)
    assert message in str(caught.value)


def test_balanced_class_weights_are_counted() -> None:
    records = made_records({"text": "a", "label": label} for label in "aaab")
    facts = TextClassifier.learn_from(records, None, TextClassifier.Options(class_weights="balanced"))
    assert facts["class_weights"] == [4 / 6, 2.0]


def test_head_options_are_in_the_loss_and_in_the_config() -> None:
    base = small_classifier()
    options = {"label_smoothing": 0.2, "focal_gamma": 1.0, "class_weights": [1.0, 3.0], "pooling": "mean"}
    task = TextClassifier(base.backbone, base.preprocessor, labels=["a", "b"], **options)
    assert {name: task.get_config()[name] for name in options} == options
    logits = tf.constant([[2.0, -1.0]])
    plain = base.loss_per_example(tf.constant([1]), logits)
    assert abs(float(task.loss_per_example(tf.constant([1]), logits)[0]) - float(plain[0])) > 0.1


def test_unknown_labels_are_named_or_skipped() -> None:
    task = small_classifier()
    records = made_records([{"text": "a", "label": "good"}, {"text": "b", "label": "ugly"}])
    with pytest.raises(UserError, match='line 3: label "ugly" is not one of \\["bad", "good"\\]'):
        evaluate_records(task, records, batch_size=2)
    assert evaluate_records(task, records, batch_size=2, on_unknown_label="skip")["examples"] == 1


def test_there_is_no_such_task() -> None:
    assert find_task("classification") is TextClassifier
    with pytest.raises(UserError, match="--task nix: there is no such task; there are: classification"):
        find_task("nix")


def test_preprocessor_makes_pairs_as_keras_users_write_them() -> None:
    loaded = load_backbone(str(TINY))
    preprocessor = TextPreprocessor(loaded.tokenizer, sequence_length=32)
    as_tuple = preprocessor(x=(["很好", "a"], ["差", "b"]))
    as_mapping = preprocessor({"text": ["很好", "a"], "text_pair": ["差", "b"]})
    for name, value in as_tuple.items():
        np.testing.assert_array_equal(value, as_mapping[name])
    assert as_tuple["segment_ids"].numpy()[0].tolist() == [0, 0, 0, 0, 1, 1]


BINARY: dict[str, dict[str, Any]] = {
    "classification": {},
    "document_classification": {"strategy": "windows"},
}


def binary_task(name: str, **head: Any) -> Any:
    rows = [{"text": text, "label": label} for text, label in (("good", "好评"), ("bad", "差评"))]
    return small_task(name, made_records(rows), **BINARY[name], **head)


@pytest.mark.parametrize("name", BINARY)
def test_decision_threshold_is_chosen_on_validation_data(name: str) -> None:
    """The threshold of the positive label's best F1; the probabilities stay as they are."""
    task = binary_task(name, positive_label="好评", threshold="auto")
    assert (task.labels, task.positive_label) == (["好评", "差评"], "好评")
    truth = np.array([0, 0, 1, 1, 1])
    positive = np.array([0.4, 0.3, 0.2, 0.1, 0.1], np.float32)  # no text is answered 好评 by the likelier label
    finished = {"probabilities": np.stack([positive, 1 - positive], 1)}
    before = task.evaluate_outputs(truth, finished, [])
    assert (before["f1_positive"], before["positive_label"], before["threshold"]) == (0.0, "好评", 0.5)
    task.tune(truth, finished, [])
    tuned = task.evaluate_outputs(truth, finished, [])
    assert tuned["f1_positive"] == tuned["accuracy"] == 1.0
    assert tuned["threshold"] == pytest.approx(0.25)
    assert tuned["loss"] == before["loss"]


def test_decision_threshold_is_chosen_by_validation_and_kept_by_evaluation() -> None:
    task = binary_task("classification", positive_label="好评", threshold="auto")
    records = made_records([{"text": "good", "label": "好评"}, {"text": "bad", "label": "差评"}])
    tuned = evaluate_records(task, records, batch_size=2, tune=True)["threshold"]
    assert tuned == pytest.approx(float(task.threshold_value.numpy()))
    other = made_records([{"text": "bad", "label": "好评"}, {"text": "good", "label": "差评"}])
    assert evaluate_records(task, other, batch_size=2)["threshold"] == tuned


def test_decision_threshold_that_transformers_does_not_keep_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert huggingface_head(binary_task("classification", threshold=0.25)) is not None
    assert "transformers keeps no threshold: answer '差评' yourself, from a probability of 0.2500 on" in caplog.text


def test_decision_threshold_changes_what_was_traced_before() -> None:
    task = binary_task("classification", positive_label="好评", threshold="auto")
    predict = build_predict(task)
    records = made_records([{"text": "good"}, {"text": "bad"}])
    for threshold, expected in ((1e-6, "好评"), (1 - 1e-6, "差评")):
        task.threshold_value.assign(threshold)
        answers = [answer for _, answer in answer_records(task, records, batch_size=2, predict=predict)]
        assert [answer["label"] for answer in answers] == [expected] * 2
        assert all(answer["score"] == answer["probabilities"][expected] for answer in answers)


def test_decision_threshold_of_the_config_is_not_tuned() -> None:
    task = binary_task("classification", threshold=0.25)
    task.tune([0, 1], {"probabilities": np.array([[0.2, 0.8], [0.1, 0.9]], np.float32)}, [])
    assert task.threshold_value.numpy() == 0.25


def test_without_a_threshold_a_model_has_no_further_weight() -> None:
    """So that what was saved before there were thresholds can still be loaded."""
    task = binary_task("classification")
    assert not task.non_trainable_variables
    assert task.evaluate_outputs([0, 1], {"probabilities": np.eye(2)}, []).keys().isdisjoint({"threshold"})


@pytest.mark.parametrize("name", BINARY)
def test_preset_keeps_the_decision_threshold(name: str, tmp_path: Path) -> None:
    task = binary_task(name, positive_label="好评", threshold="auto")
    task.threshold_value.assign(0.125)
    task.save_to_preset(str(tmp_path))
    again = type(task).from_preset(str(tmp_path))
    assert (again.positive_label, again.threshold, float(again.threshold_value.numpy())) == ("好评", "auto", 0.125)
    # A new head on the same weights takes it from the config alone.
    assert type(task).from_config(again.get_config()).threshold_value.numpy() == 0.125


def test_positive_label_is_named_in_the_table() -> None:
    task = binary_task("classification", positive_label="好评")
    table = metrics_table({"model": task.evaluate_outputs([0, 1], {"probabilities": np.eye(2)}, [])})
    assert "\nf1_positive (好评)  " in table


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"positive_label": "good"}, "--head.positive_label good: there is no such label"),
        ({"threshold": "auto"}, "--head.threshold auto is for two labels; there are 3"),
    ],
)
def test_decision_options_are_checked_as_soon_as_labels_are_known(
    name: str, head: dict[str, Any], message: str
) -> None:
    records = made_records({"text": "a", "label": label} for label in "abc")
    task_class = find_task(name)
    with pytest.raises(UserError, match=message):
        task_class.learn_from(records, None, task_class.Options(**head))
