"""A Hugging Face directory that is written reads back bit for bit, and transformers answers from it what Keras does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras_hub
import numpy as np
import pytest
from safetensors.numpy import load_file

from bert_tf import export
from bert_tf.backbones.loading import LoadedBackbone, load_backbone
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable
from bert_tf.exporting.huggingface_heads import huggingface_head
from bert_tf.exporting.publish import publish
from bert_tf.pretraining.pretrainer import BertPretrainer
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tasks.embedding import SentenceEncoder
from bert_tf.tasks.multi_label import MultiLabelClassifier
from bert_tf.tasks.multiple_choice import ChoiceScorer
from bert_tf.tasks.question_answering import QuestionAnswerer
from bert_tf.tasks.regression import TextRegressor
from bert_tf.tasks.tagging import SequenceTagger
from bert_tf.tasks.task import TextTask
from tests.backbones.sources.test_huggingface_directory import TINY
from tests.training.small_model import small_classifier

TEXTS = ["a very good film", "这本书 很差 so so", ""]


def random_classifier(**options: Any) -> TextClassifier:
    """Weights larger than usual, so that a wrong activation or a matrix the wrong way round shows."""
    small = small_classifier()
    task = TextClassifier(small.backbone, small.preprocessor, labels=["bad", "good", "很差"], dropout=0.3, **options)
    for variable in task.weights:
        variable.assign(np.random.default_rng(1).normal(scale=0.5, size=variable.shape))
    return task


def pretrained(pair: bool) -> LoadedBackbone:
    task = random_classifier()
    heads = BertPretrainer(task.backbone, None, pair=pair)
    for each in heads.head_variables():
        each.variable.assign(np.random.default_rng(2).normal(scale=0.5, size=each.variable.shape))
    weights = {each.name: each.variable.numpy() for each in heads.head_variables()}
    return LoadedBackbone(task.backbone, task.preprocessor.tokenizer, "", weights)


def assert_equal_encoders(a: LoadedBackbone | TextClassifier, b: LoadedBackbone) -> None:
    for x, y in zip(a.backbone.get_weights(), b.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)
    tokenizer = a.tokenizer if isinstance(a, LoadedBackbone) else a.preprocessor.tokenizer
    assert tokenizer.get_vocabulary() == b.tokenizer.get_vocabulary()
    assert (tokenizer.lowercase, tokenizer.strip_accents) == (b.tokenizer.lowercase, b.tokenizer.strip_accents)


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_what_transformers_wrote_is_written_again(tmp_path: Path) -> None:
    output = publish("huggingface", Exportable.of_backbone(load_backbone(str(TINY))), tmp_path / "hf").path
    ours, theirs = load_file(output / "model.safetensors"), load_file(TINY / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value)
    ours, theirs = read_json(output / "config.json"), read_json(TINY / "config.json")
    shared = ours.keys() & theirs.keys() - {"initializer_range"}
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
    assert (output / "vocab.txt").read_bytes() == (TINY / "vocab.txt").read_bytes()
    assert_equal_encoders(load_backbone(str(TINY)), load_backbone(str(output)))


def test_a_classifier(tmp_path: Path) -> None:
    task = random_classifier()
    output = publish("huggingface", Exportable.of_task(task), tmp_path / "hf").path
    assert_equal_encoders(task, load_backbone(str(output)))
    config = read_json(output / "config.json")
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["id2label"] == {"0": "bad", "1": "good", "2": "很差"}
    assert (config["hidden_act"], config["classifier_dropout"]) == ("gelu_new", 0.3)
    tensors = load_file(output / "model.safetensors")
    np.testing.assert_array_equal(tensors["classifier.weight"], task.output_dense.kernel.numpy().T)
    assert sorted(path.name for path in output.iterdir()) == [
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize(("pair", "architecture"), [(True, "BertForPreTraining"), (False, "BertForMaskedLM")])
def test_pretraining_heads(tmp_path: Path, pair: bool, architecture: str) -> None:
    loaded = pretrained(pair)
    output = publish("huggingface", Exportable.of_backbone(loaded), tmp_path / "hf").path
    again = load_backbone(str(output))
    assert read_json(output / "config.json")["architectures"] == [architecture]
    assert_equal_encoders(loaded, again)
    assert again.pretraining_heads.keys() == loaded.pretraining_heads.keys()
    for name, value in loaded.pretraining_heads.items():
        np.testing.assert_array_equal(again.pretraining_heads[name], value)


def test_other_heads_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    output = publish("huggingface", Exportable.of_task(random_classifier(pooling="mean")), tmp_path / "hf").path
    assert "its encoder alone is written" in caplog.text
    assert read_json(output / "config.json")["architectures"] == ["BertModel"]
    assert not any(name.startswith(("bert.", "classifier")) for name in load_file(output / "model.safetensors"))


def shaken(task: TextTask) -> TextTask:
    """With weights larger than usual."""
    for variable in task.trainable_variables:
        variable.assign(np.random.default_rng(1).normal(scale=0.5, size=variable.shape))
    return task


def test_heads_of_other_tasks() -> None:
    small = small_classifier()
    common: dict[str, Any] = {"backbone": small.backbone, "preprocessor": small.preprocessor}
    tagger = SequenceTagger(**common, labels=["a", "b"])
    tasks = [
        (MultiLabelClassifier(**common, labels=["a", "b"]), "SequenceClassification", "classifier", 2),
        (TextRegressor(**common, mean=3.0, standard_deviation=2.0), "SequenceClassification", "classifier", 1),
        (tagger, "TokenClassification", "classifier", 5),
        (QuestionAnswerer(**common), "QuestionAnswering", "qa_outputs", 2),
        (ChoiceScorer(**common), "MultipleChoice", "classifier", 1),
    ]
    for task, architecture, name, outputs in tasks:
        head = huggingface_head(shaken(task))
        assert head is not None
        assert head.architecture == f"BertFor{architecture}"
        assert {key: value.shape for key, value in head.tensors.items()} == {
            f"{name}.weight": (outputs, small.backbone.hidden_dim),
            f"{name}.bias": (outputs,),
        }
    assert huggingface_head(tagger).config["id2label"] == {"0": "O", "1": "B-a", "2": "I-a", "3": "B-b", "4": "I-b"}
    for without in (
        TextRegressor(**common, bounds=(0, 5)),
        ChoiceScorer(**common, pooling="mean"),
        SequenceTagger(**common, labels=["a"], decoder="crf"),
        SentenceEncoder(**common),
    ):
        assert huggingface_head(without) is None


def test_a_regressors_head_answers_in_the_datas_units() -> None:
    """Without transformers: the head, by hand, on what the encoder pools."""
    small = small_classifier()
    task = shaken(TextRegressor(small.backbone, small.preprocessor, mean=3.0, standard_deviation=2.0))
    before = [weight.numpy() for weight in task.weights]
    tensors = huggingface_head(task).tensors
    for weight, value in zip(task.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)  # the model is left as it was
    features = task.preprocessor(TEXTS)
    pooled = task.backbone(features, training=False)["pooled_output"].numpy()
    by_hand = (pooled @ tensors["classifier.weight"].T + tensors["classifier.bias"])[:, 0]
    scores = task.postprocess(task(features, training=False))["score"]
    np.testing.assert_allclose(by_hand, scores, atol=1e-5)


def test_mistakes_are_named(tmp_path: Path) -> None:
    roberta = keras_hub.models.RobertaBackbone(30, 1, 2, 8, 16, max_sequence_length=16)
    with pytest.raises(UserError, match="only BERT backbones are written so; this is a RobertaBackbone"):
        publish("huggingface", Exportable.of_backbone(LoadedBackbone(roberta, None, "")), tmp_path / "a")
    model = Exportable.of_task(random_classifier())
    with pytest.raises(UserError, match="it exists already, and is never overwritten"):
        publish("huggingface", model, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be written \((Not a directory|File exists)\)"):
        publish("huggingface", model, tmp_path / "file" / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command(trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "hf"
    export.main(["--run", str(trained_run), "--format", "huggingface", "--output", str(output), "-q"])
    assert capsys.readouterr().out == f"{output}  (architecture: BertForSequenceClassification)\n"
    assert_equal_encoders(load_backbone(str(trained_run / "model")), load_backbone(str(output)))
    export.main(["--backbone", str(TINY), "--format", "huggingface", "--output", str(tmp_path / "converted"), "-q"])
    assert capsys.readouterr().out == f"{tmp_path / 'converted'}  (architecture: BertForPreTraining)\n"
    with pytest.raises(UserError, match="--version goes with --format saved_model"):
        export.main(["--run", str(trained_run), "--format", "huggingface", "--output", "x", "--version", "1"])


def test_transformers_classifies_alike(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    task = random_classifier()
    output = publish("huggingface", Exportable.of_task(task), tmp_path / "hf").path
    tokenizer = transformers.AutoTokenizer.from_pretrained(output)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(output).eval()
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True)
    features = task.preprocessor(TEXTS)
    np.testing.assert_array_equal(inputs["input_ids"], features["token_ids"])
    logits = model(**inputs).logits.detach().numpy()
    difference = np.abs(logits - task(features, training=False)).max()
    print(f"largest difference of a logit from transformers: {difference:.2g}")
    assert difference < 1e-5
    assert model.config.id2label == {0: "bad", 1: "good", 2: "很差"}


def test_transformers_answers_other_tasks_alike(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    small = small_classifier()
    common: dict[str, Any] = {"backbone": small.backbone, "preprocessor": small.preprocessor}
    tasks = [
        (MultiLabelClassifier(**common, labels=["a", "b"]), "SequenceClassification"),
        (TextRegressor(**common, mean=3.0, standard_deviation=2.0), "SequenceClassification"),
        (SequenceTagger(**common, labels=["a", "b"]), "TokenClassification"),
        (QuestionAnswerer(**common), "QuestionAnswering"),
        (ChoiceScorer(**common), "MultipleChoice"),
    ]
    features = small.preprocessor(TEXTS)
    mask = features["padding_mask"].numpy() > 0
    for number, (task, architecture) in enumerate(tasks):
        model = Exportable.of_task(shaken(task))
        output = publish("huggingface", model, tmp_path / str(number)).path
        inputs = transformers.AutoTokenizer.from_pretrained(output)(TEXTS, return_tensors="pt", padding=True)
        if architecture == "MultipleChoice":
            inputs = {name: value[None] for name, value in inputs.items()}
        theirs = getattr(transformers, f"AutoModelFor{architecture}").from_pretrained(output).eval()(**inputs)
        ours = task(features, training=False).numpy()
        if architecture == "QuestionAnswering":
            logits = np.stack([theirs.start_logits.detach(), theirs.end_logits.detach()], -1)[mask]
            ours = ours[mask]
        else:
            logits = theirs.logits.detach().numpy()
        if architecture == "TokenClassification":
            logits, ours = logits[mask], ours[mask]
        if isinstance(task, TextRegressor):
            ours = task.postprocess(ours)["score"].numpy()[:, None]
        difference = np.abs(logits.reshape(ours.shape) - ours).max()
        print(f"{type(task).__name__}: largest difference from transformers: {difference:.2g}")
        assert difference < 2e-5


@pytest.mark.parametrize("pair", [True, False])
def test_transformers_fills_masks_alike(tmp_path: Path, pair: bool) -> None:
    transformers = pytest.importorskip("transformers")
    loaded = pretrained(pair)
    output = publish("huggingface", Exportable.of_backbone(loaded), tmp_path / "hf").path
    kind = transformers.AutoModelForPreTraining if pair else transformers.AutoModelForMaskedLM
    model = kind.from_pretrained(output).eval()
    task = BertPretrainer(loaded.backbone, None, pair=pair)
    task.load_heads(loaded.pretraining_heads)
    inputs = transformers.AutoTokenizer.from_pretrained(output)(TEXTS[:1], return_tensors="pt")
    theirs = model(**inputs)
    ids = inputs["input_ids"].numpy()
    features = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    ours = task({**features, "mask_positions": np.arange(ids.shape[1])[None]})
    tokens = (theirs.prediction_logits if pair else theirs.logits).detach().numpy()
    print(f"largest difference of a token's logit from transformers: {np.abs(tokens - ours['tokens']).max():.2g}")
    np.testing.assert_allclose(tokens, ours["tokens"], atol=2e-5)
    if pair:
        np.testing.assert_allclose(theirs.seq_relationship_logits.detach().numpy(), ours["pair"], atol=1e-5)
