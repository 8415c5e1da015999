"""The translator learns ten examples by heart, writes the same in every way it can be run, and refuses bad input."""

from __future__ import annotations

import math
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
from bert_tf.exporting.formats.saved_model import export_saved_model
from bert_tf.inference.predict import answer_records, evaluate_records
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.schemas.translation import Options
from bert_tf.tasks.translation import Translator
from bert_tf.tokenization import target_tokenizer
from bert_tf.training.loop import train
from tests.data.small_records import made_records

PAIRS = [
    ("Hi.", "嗨。"),
    ("I don't know.", "我不知道。"),
    ("He uses Python.", "他用Python。"),
    ("你好", "Hello, world!"),
    ("不要", "Don't go (now)."),
    ("是的", 'Yes -- it\'s "so".'),
    ("red", "红色"),
    ("blue", "蓝色的"),
    ("good day", "再见，朋友"),
    ("我爱你", "I love you."),
]
RECORDS = made_records({"text": text, "translation": translation} for text, translation in PAIRS)


def small_translator(**options: Any) -> Translator:
    """A tiny encoder and one decoder layer, untrained."""
    given = Options.model_validate({"vocabulary_size": 200, "max_target_length": 16, "decoder_layers": 1, **options})
    keras.utils.set_random_seed(3)
    loaded = load_backbone("scratch:tiny", texts=lambda: [text for text, _ in PAIRS] * 3)
    facts = Translator.learn_from(RECORDS, None, given)
    task = Translator.create(loaded, sequence_length=32, **(given.model_dump() | facts))
    assert isinstance(task, Translator)
    return task


def one_batch(task: Translator) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
    batches = TrainingBatches(LabelledRows(RECORDS, task), 10, seed=1)
    return next(iter(batches.epoch(0)))


@pytest.fixture(scope="module")
def untrained() -> Translator:
    return small_translator(beam_size=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    task = small_translator(dropout=0.0, beam_size=2)
    again_and_again = Records("ten pairs", lambda: (row for _ in range(240) for row in RECORDS))
    recipe = TrainingConfig(epochs=1, batch_size=10, learning_rate=3e-3, tensorboard=False)
    folder = RunDirectory(tmp_path_factory.mktemp("run"))
    train(task, TrainingBatches(LabelledRows(again_and_again, task), 10, seed=1), recipe, folder)
    return task


def test_overfits_ten_examples(trained: Translator) -> None:
    metrics = evaluate_records(trained, RECORDS, batch_size=4)
    assert metrics["bleu"] == pytest.approx(100)
    assert metrics["chrf"] == pytest.approx(100)
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))
    assert metrics["loss"] < 0.5
    assert {name for name, value in metrics.items() if isinstance(value, float)} == set(Translator.score_names)
    assert "tok:zh" in metrics["bleu_signature"]
    answers = [answer for _, answer in answer_records(trained, RECORDS, batch_size=3)]
    assert [answer["translation"] for answer in answers] == [translation for _, translation in PAIRS]
    assert all(answer["score"] < 0 for answer in answers)


def test_preset_round_trip_and_another_search(trained: Translator, tmp_path: Path) -> None:
    trained.save_to_preset(str(tmp_path))
    again = Translator.from_preset(str(tmp_path), beam_size=1)
    assert again.options == trained.options.model_copy(update={"beam_size": 1})
    columns = {"text": tf.constant([text for text, _ in PAIRS])}
    greedy, beams = again.answer_texts(columns), trained.answer_texts(columns)
    assert greedy["translation"].numpy().tolist() == beams["translation"].numpy().tolist()
    np.testing.assert_allclose(greedy["score"], beams["score"], atol=1e-4)


def test_export_writes_what_keras_writes(trained: Translator, tmp_path: Path) -> None:
    texts = [{"text": text} for text, _ in PAIRS[:4]]
    version, difference = export_saved_model(trained, tmp_path / "mt", texts=texts)
    assert difference < 1e-4
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    served = serve(text=tf.constant([text for text, _ in PAIRS]))
    assert [text.decode() for text in served["translation"].numpy()] == [translation for _, translation in PAIRS]
    assert served["score"].shape == (10,)


def test_the_cache_writes_what_the_whole_decoder_would(untrained: Translator) -> None:
    """Greedy search by hand, with the whole decoder run anew for every token."""
    greedy = untrained
    features = greedy.pad(greedy.encode({"text": tf.constant(["Hi.", "我爱你", ""])}))
    ids = np.full((3, 1), target_tokenizer.START, np.int32)
    for _ in range(greedy.options.max_target_length):
        logits = greedy({**features, "decoder_token_ids": tf.constant(ids)}, training=False)[:, -1].numpy()
        logits[
            :, [target_tokenizer.PAD, target_tokenizer.UNKNOWN, target_tokenizer.START, target_tokenizer.MASK]
        ] = -1e9
        ids = np.concatenate([ids, logits.argmax(-1)[:, None].astype(np.int32)], 1)
    for row in ids:
        row[1:][np.cumsum(row[1:] == target_tokenizer.END) > 0] = 0
    expected = greedy._target_tokenizer.detokenize(tf.constant(ids))
    assert greedy.answer_features(features)["translation"].numpy().tolist() == expected.numpy().tolist()


def test_training_features_are_shifted_targets(untrained: Translator) -> None:
    features, targets, _ = one_batch(untrained)
    read = features["decoder_token_ids"].numpy()
    assert set(read[:, 0].tolist()) == {target_tokenizer.START}
    for row, goal in zip(read, targets.numpy(), strict=True):
        length = int((goal != 0).sum())
        assert goal[length - 1] == target_tokenizer.END
        assert row[1:length].tolist() == goal[: length - 1].tolist()
        assert not row[length:].any()


def test_the_mean_loss_of_an_epoch_is_one_per_token() -> None:
    task = small_translator(label_smoothing=0.0)
    features, targets, weights = one_batch(task)
    losses = task.loss_per_example(targets, task(features, training=False))
    _, references = zip(*PAIRS, strict=True)
    per_token = task._loss_per_token([text for text, _ in PAIRS], references, batch_size=3)
    counts = weights * task.loss_weights(targets)
    assert float(tf.reduce_sum(losses * counts) / tf.reduce_sum(counts)) == pytest.approx(per_token, rel=1e-5)


def test_label_smoothing_is_that_of_keras(untrained: Translator) -> None:
    features, targets, _ = one_batch(untrained)
    outputs = untrained(features, training=False)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, reduction="none")
    expected = loss(tf.one_hot(targets, outputs.shape[-1]), outputs) * tf.cast(targets != 0, tf.float32)
    expected = tf.reduce_sum(expected, 1) / tf.reduce_sum(tf.cast(targets != 0, tf.float32), 1)
    np.testing.assert_allclose(untrained.loss_per_example(targets, outputs), expected, rtol=1e-4)


def test_long_translations_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    task = small_translator(max_target_length=4)
    _, targets, _ = one_batch(task)
    assert targets.shape == (10, 4)
    assert (targets.numpy() == target_tokenizer.END).sum() == 10
    assert "translations have more than --head.max_target_length 4 tokens" in caplog.text


def test_a_frozen_encoder_is_not_trained() -> None:
    task = small_translator(freeze_encoder=True)
    assert {id(v) for v in task.trainable_variables} == {id(v) for v in task.decoder.trainable_variables}
    features, _, _ = one_batch(task)
    task.decoder.dropout.rate = 0.0
    for layer in task.decoder.layers:
        for dropout in layer.dropouts:
            dropout.rate = 0.0
    np.testing.assert_array_equal(task(features, training=True), task(features, training=True))


def test_the_decoder_begins_as_the_encoder() -> None:
    task = small_translator(initialise_decoder=True, decoder_layers=None)
    assert len(task.decoder.layers) == task.backbone.num_layers
    theirs = task.backbone.transformer_layers[1]._feedforward_output_dense.get_weights()
    np.testing.assert_array_equal(task.decoder.layers[1].output_dense.get_weights()[0], theirs[0])
    own, other = task.target_vocabulary, task.preprocessor.tokenizer.get_vocabulary()
    tables = task.decoder.embeddings.token_embedding.embeddings, task.backbone.token_embedding.embeddings
    shared = set(own) & set(other)
    assert len(shared) > 10
    for token in shared:
        np.testing.assert_array_equal(tables[0][own.index(token)], tables[1][other.index(token)])
    np.testing.assert_array_equal(tables[0][own.index("I")], tables[1][other.index("i")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"decoder_hidden_dim": 64},
            "--head.decoder_hidden_dim 64: with --head.initialise_decoder true it is the encoder",
        ),
        ({"decoder_layers": 3}, "--head.decoder_layers 3: with --head.initialise_decoder true it is at most"),
    ],
)
def test_weights_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        small_translator(initialise_decoder=True, **options)
    assert message in str(caught.value)


def test_heads_that_do_not_divide_the_width() -> None:
    with pytest.raises(UserError, match="--head.decoder_heads 3: the decoder's width 128 is no multiple of it"):
        small_translator(decoder_heads=3)


def test_another_size_than_the_encoder_s() -> None:
    task = small_translator(decoder_hidden_dim=32, decoder_heads=4, decoder_layers=1)
    features, targets, _ = one_batch(task)
    assert task(features).shape == (*targets.shape, len(task.target_vocabulary))
    assert len(task.decoder.layers) == 1
    assert task.decoder.embeddings.token_embedding.embeddings.shape == (len(task.target_vocabulary), 32)


def test_bad_records() -> None:
    records = made_records([{"text": "a", "translation": "b"}, {"text": "a", "translation": "  "}])
    with pytest.raises(UserError, match="x.tsv line 3: the translation is empty"):
        Translator.learn_from(records, None, Options())
    numbers = made_records([{"text": "one", "translation": 1}, {"text": "half", "translation": 0.5}])
    assert "1" in Translator.learn_from(numbers, None, Options())["target_vocabulary"]
