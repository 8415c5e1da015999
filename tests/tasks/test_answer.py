"""``answer`` and ``predict`` of a loaded task: what they take, that they compile once, and what they answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.errors import UserError
from bert_tf.inference.predict import answer_records
from bert_tf.tasks import find_schema
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tasks.task import TextTask
from tests.data.small_records import made_records
from tests.tasks.small_tasks import compare, prepared, small_task
from tests.training.small_model import small_classifier

TEXTS = ["good film 喜欢", "bad", "so so " * 30]


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    return small_classifier()


@pytest.fixture(scope="module")
def pair_classifier() -> TextClassifier:
    return small_classifier(pair=True)


def test_one_text_through_python_compiles_once(classifier: TextClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number and the length of the texts: what costs half a second is building the graph."""
    built = 0
    pack = classifier.preprocessor.pack

    def counted(*arguments: Any) -> Any:
        nonlocal built
        built += 1
        return pack(*arguments)

    monkeypatch.setattr(classifier.preprocessor, "pack", counted)
    for texts in (["good"], ["bad film"], ["good", "bad", "so " * 20], ["x"]):
        classifier.predict(texts, verbose=0)
    assert built <= 2  # one length of texts, then any
    built = 0
    for texts in ("good", "bad film", ["good", "bad", "so " * 20], ["x"] * 70):
        classifier.answer(texts)
        list(answer_records(classifier, made_records([{"text": "good"}]), batch_size=4))
    assert built <= 1


def test_predict_is_still_that_of_keras(classifier: TextClassifier, pair_classifier: TextClassifier) -> None:
    whole = classifier.predict(TEXTS, verbose=0)
    expected = classifier(classifier.preprocessor(tf.constant(TEXTS))).numpy()
    assert type(whole) is np.ndarray
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    for x, size in ((np.array(TEXTS), None), (TEXTS, 2), (np.array(TEXTS, object), 3), (tf.constant(TEXTS), None)):
        np.testing.assert_allclose(classifier.predict(x, batch_size=size, verbose=0), expected, atol=1e-5)
    dataset = tf.data.Dataset.from_tensor_slices(TEXTS).batch(2)
    np.testing.assert_allclose(classifier.predict(dataset, verbose=0), expected, atol=1e-5)
    pairs = {"text": TEXTS, "text_pair": TEXTS[::-1]}
    np.testing.assert_allclose(
        pair_classifier.predict(pairs, verbose=0), pair_classifier.predict(pairs, batch_size=2, verbose=0), atol=1e-5
    )
    np.testing.assert_allclose(classifier.predict(TEXTS[0]), expected[:1], atol=1e-5)
    with pytest.raises(UserError, match="reads text; there is no 'text' in sentence"):
        classifier.predict({"sentence": TEXTS})


def test_predict_of_windows_and_choices() -> None:
    """Rows are windows; what batches differ in is filled up."""
    head = {"max_query_length": 8, "stride": 8}
    task = small_task(
        "question_answering", prepared("question_answering", find_schema("question_answering").examples), **head
    )
    texts = {"question": ["what film"] * 3, "context": TEXTS}
    outputs = task.predict(texts, batch_size=1)
    assert outputs.shape[0] > 3
    assert outputs.shape[1:] == (32, 2)
    at_once = task.predict(tf.data.Dataset.from_tensor_slices(texts))
    np.testing.assert_allclose(np.maximum(at_once, -1e4), np.maximum(outputs, -1e4), atol=1e-5)
    with pytest.raises(UserError, match="reads question, context; there is no 'question' in text"):
        task.predict({"text": ["good"]})
    asked = [{"text": text, "choices": ["good", "bad", "so"], "label": 0} for text in TEXTS]
    choices = small_task("multiple_choice", prepared("multiple_choice", asked))
    records = [{"text": "so", "choices": ["good", "bad"]}, {"text": "so", "choices": ["good", "bad", "so"]}]
    outputs = choices.predict(records, batch_size=1)
    assert outputs.shape == (2, 3)
    assert outputs[0, 2] < -1e8


def test_layers_of_the_encoder_are_shown(classifier: TextClassifier) -> None:
    layers = classifier.encode_layers(["good film", "bad"])
    tokens, states, scores = layers
    assert [row[0] for row in tokens] == ["[CLS]", "[CLS]"]
    assert [row[-1] for row in tokens] == ["[SEP]", "[SEP]"]
    rows, length = states.shape[1:3]
    assert states.shape == (3, 2, length, 16)
    assert scores.shape == (2, 2, 2, length, length)
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-5)
    features = classifier.preprocessor(["good film", "bad"])
    np.testing.assert_allclose(classifier.backbone(features)["sequence_output"], states[-1], atol=1e-5)
    assert rows == 2


def test_an_option_that_is_set_afterwards_is_followed() -> None:
    """The compiled graph holds options as constants."""
    task = small_classifier()
    before = task.answer("good film, so so")
    task.labels = ["no", "yes"]
    assert list(task.answer("good film, so so")[0]["probabilities"]) == ["no", "yes"]
    assert task.answer("good film, so so")[0]["label"] in ("no", "yes")
    task.preprocessor.sequence_length = 4
    cut = task.answer("good film, so so")
    assert list(cut[0]["probabilities"].values()) != list(before[0]["probabilities"].values())
    assert cut == task.answer("go")  # the rest of it is cut off


@pytest.mark.parametrize(
    "records",
    [
        [("good", "bad"), ("x", "y")],
        (("good", "bad"), ("x", "y")),
        [["good", "bad"], ["x", "y"]],
        [{"text_pair": "bad", "text": "good"}, {"text": "x", "text_pair": "y"}],
        {"text": ["good", "x"], "text_pair": ["bad", "y"]},
        {"text": np.array(["good", "x"]), "text_pair": tf.constant(["bad", "y"])},
    ],
)
def test_answer_takes_pairs_in_every_form(pair_classifier: TextClassifier, records: Any) -> None:
    expected = pair_classifier.answer({"text": "good", "text_pair": "bad"})
    expected += pair_classifier.answer(("x", "y"))
    compare(pair_classifier.answer(records), expected)


@pytest.mark.parametrize(
    "records",
    [["good", "x"], ("good", "x"), np.array(["good", "x"]), tf.constant(["good", "x"]), {"text": ["good", "x"]}],
)
def test_answer_takes_texts_in_every_form(classifier: TextClassifier, records: Any) -> None:
    compare(classifier.answer(records), classifier.answer("good") + classifier.answer([b"x"]))
    assert classifier.answer([]) == []


def test_what_is_no_record_is_named(classifier: TextClassifier, pair_classifier: TextClassifier) -> None:
    for task, records, message in (
        (classifier, ["good", None], "record 2: text is None, not a text"),
        (classifier, ["good", float("nan")], "record 2: text is nan, not a text"),
        (classifier, [{"words": "good"}], "record 1: text is missing; there are: words."),
        (classifier, [["good"]], "record 1: the column 'text' holds list, not a text"),
        (pair_classifier, "good", "record 1: this model reads text, text_pair: give a mapping with these keys"),
        (pair_classifier, ["good", "bad"], "record 1: this model reads text, text_pair"),
        (
            pair_classifier,
            {"text": ["a", "b"], "text_pair": ["c"]},
            "differ in their number of texts: text 2, text_pair 1",
        ),
    ):
        with pytest.raises(UserError) as caught:
            task.answer(records)
        assert message in str(caught.value)


def test_numbers_are_as_short_as_a_float32(classifier: TextClassifier) -> None:
    """0.9012345 rather than 0.9012345075607300."""
    for value in classifier.answer("good")[0]["probabilities"].values():
        assert len(repr(value)) <= 13
        assert np.float32(value) == np.float32(repr(value))


@pytest.mark.parametrize("text", ["", "  ", "\u3000\n", "\u200b\ufeff"])
def test_an_empty_text_is_told_and_answered(
    classifier: TextClassifier, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(classifier.answer(["good", text])) == 2
    assert caplog.messages == ["record 2: the text is empty; it is answered all the same"]


def test_a_task_is_saved_as_before_it_answered(classifier: TextTask, tmp_path: Any) -> None:
    classifier.answer("good")
    classifier.predict(["good"], verbose=0)
    classifier.save_to_preset(str(tmp_path / "preset"))
    again = TextClassifier.from_preset(str(tmp_path / "preset"), dtype="float32")
    compare(again.answer(TEXTS), classifier.answer(TEXTS))
