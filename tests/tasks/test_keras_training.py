"""``compile``, ``fit`` and ``evaluate`` of every task: the loss of our loop, what they take, what they refuse."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.errors import UserError
from bert_tf.tasks.fill import MaskedTokenFiller
from bert_tf.tasks.keras_batches import KerasBatches
from bert_tf.tasks.task import TextTask
from bert_tf.training.update import objective
from tests.tasks.given_data import GIVEN, LABELS, TEXTS, TRAINED, small
from tests.training.small_model import small_classifier

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in TRAINED),
    ("classification", {"label_smoothing": 0.2, "focal_gamma": 2.0, "class_weights": "balanced"}),
    ("document_classification", {"focal_gamma": 1.0}),
    ("multi_label", {"focal_gamma": 2.0, "class_weights": "balanced"}),
    ("regression", {"bounds": [0, 40]}),
    ("tagging", {"decoder": "crf"}),
    ("tagging", {"decoder": "span"}),
    ("embedding", {"loss": "cosine"}),
    ("translation", {"label_smoothing": 0.3}),
]


def loop_loss(task: TextTask, batch: Any) -> float:
    """The loss of our training step on a batch of Keras."""
    features, targets = batch
    counts = task.loss_weights(targets)
    weights = tf.ones([len(features["token_ids"])]) if counts is None else counts
    return float(objective(task, shares=1)(features, targets, weights, tf.reduce_sum(weights)))


@pytest.mark.parametrize(("name", "head"), OPTIONS, ids=lambda value: value if isinstance(value, str) else str(value))
def test_fit_has_the_loss_of_the_loop(name: str, head: dict[str, Any]) -> None:
    """With the options of the task's loss, and a regulariser; records whole, then as x and y."""
    task = small(name, **head)
    last = task.layers[-1]
    if isinstance(last, keras.layers.Dense):
        last.kernel.regularizer = keras.regularizers.L2(0.5)
        assert task.losses
    given = GIVEN[name]
    batch = KerasBatches.whole(task, task._records(given.records()))
    expected = loop_loss(task, batch)
    task.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    before = [np.array(value) for value in task.trainable_variables]
    history = task.fit(given.x, given.y, batch_size=len(batch[0]["token_ids"]), verbose=0)
    assert history.history["loss"] == pytest.approx([expected], rel=1e-5)
    assert any(np.any(old != value.numpy()) for old, value in zip(before, task.trainable_variables, strict=True))


def batches_of(given: KerasBatches) -> list[list[int]]:
    return [list(map(int, targets)) for _, targets, *_ in given.once()]


def test_sorted_labels_are_shuffled() -> None:
    task = small_classifier()
    rows = sorted(zip(TEXTS, LABELS, strict=True), key=lambda row: row[1]) * 4
    records = task._records(*map(list, zip(*sorted(rows, key=lambda row: row[1]), strict=True)))
    kept = batches_of(KerasBatches(task, records, 10, shuffle=False))
    assert [len(set(batch)) for batch in kept] == [1] * 4
    shuffled = KerasBatches(task, records, 10, seed=3)
    stream = iter(shuffled.endless(0))
    epochs = [[list(map(int, next(stream)[1])) for _ in range(4)] for _ in range(2)]
    assert all(len(set(batch)) == 2 for epoch in epochs for batch in epoch)
    assert epochs[0] != epochs[1]


def test_the_last_batch_has_no_filling() -> None:
    task = small_classifier()
    made = KerasBatches(task, task._records(TEXTS, LABELS), 4)
    assert sorted(map(len, batches_of(made))) == [2, 4, 4]


def test_weights_of_examples_and_classes_count() -> None:
    task = small_classifier()
    task.compile(run_eagerly=True)
    features, targets = KerasBatches.whole(task, task._records(TEXTS, LABELS))
    losses = task.loss_per_example(targets, task(features)).numpy()
    weights = np.linspace(0, 2, len(TEXTS))
    assert task.test_on_batch(TEXTS, LABELS, weights)[0] == pytest.approx(np.mean(weights * losses), rel=1e-5)
    by_class = np.where(targets.numpy() == 1, 3.0, 1.0)
    for given in ({1: 3.0}, {"good": 3.0, 0: 1.0}):
        batch = KerasBatches.whole(task, task._records(TEXTS, LABELS, weights), given)
        np.testing.assert_allclose(batch[2], weights * by_class, rtol=1e-6)
    with pytest.raises(UserError, match="class_weight: 'fine' is no class; the labels are bad, good"):
        task.fit(TEXTS, LABELS, class_weight={"fine": 1.0})


def test_what_a_task_cannot_honour_is_refused() -> None:
    regression, tagging, embedding = small("regression"), small("tagging"), small("embedding")
    crossentropy = keras.losses.SparseCategoricalCrossentropy
    for refused, message in (
        (lambda: regression.compile(loss="mse"), "TextRegressor is trained with its own loss"),
        (lambda: small_classifier().compile(loss="sparse_categorical_crossentropy"), "gives logits"),
        (lambda: small_classifier().compile(loss=crossentropy()), "gives logits"),
        (
            lambda: small("classification", label_smoothing=0.1).compile(loss=crossentropy(from_logits=True)),
            "label_smoothing 0.1 is an option of its own loss",
        ),
        (lambda: embedding.compile(metrics=["accuracy"]), "has no targets that a metric of Keras could compare"),
        (lambda: tagging.compile(weighted_metrics=["accuracy"]), "weighted_metrics"),
        (
            lambda: tagging.fit(GIVEN["tagging"].x, GIVEN["tagging"].y, sample_weight=[1.0] * 10),
            "learns from windows of its texts, which have no weights",
        ),
        (
            lambda: regression.fit(TEXTS, GIVEN["regression"].y, class_weight={0: 1.0}),
            "class_weight: an example of TextRegressor is not of one class",
        ),
        (lambda: small_classifier().fit({"text": TEXTS, "text_pair": TEXTS}, LABELS), "does not read 'text_pair'"),
        (lambda: small_classifier().fit(TEXTS, ["good", "fine"] * 5), 'label "fine" is not one of'),
    ):
        with pytest.raises(UserError) as caught:
            refused()
        assert message in str(caught.value)


def test_a_loss_of_keras_is_honoured() -> None:
    task = small_classifier()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    task.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
    features, targets = KerasBatches.whole(task, task._records(TEXTS, LABELS))
    expected = float(loss(targets, task(features)))
    found = task.evaluate(TEXTS, LABELS, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(expected, rel=1e-5)
    assert 0 <= found["accuracy"] <= 1


def test_fill_is_for_inference_only() -> None:
    base = small_classifier()
    filler = MaskedTokenFiller(base.backbone, base.preprocessor)
    for method in (filler.fit, filler.evaluate, filler.train_on_batch):
        with pytest.raises(UserError, match="MaskedTokenFiller is for inference only"):
            method(TEXTS, LABELS)
    with pytest.raises(UserError, match=r"mask_positions beside texts, which predict cannot make: use answer\(texts\)"):
        filler.predict(TEXTS)


@pytest.mark.parametrize("name", ["classification", "tagging"])
def test_fit_learns_ten_examples(name: str) -> None:
    keras.utils.set_random_seed(1)
    task, given = small(name), GIVEN[name]
    task.compile(keras.optimizers.AdamW(1e-2))
    seen: list[int] = []
    counting = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    history = task.fit(
        given.x * 4, given.y * 4, batch_size=10, epochs=12, verbose=0, callbacks=[counting], validation_split=0.2
    ).history
    assert seen == list(range(12))
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    assert "val_loss" in history
