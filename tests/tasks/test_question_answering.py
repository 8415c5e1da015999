"""Question answering: it learns, cuts exact strings out of any text, and serves what it predicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_tf import evaluate
from bert_tf.backbones.loading import load_backbone
from bert_tf.config import ExperimentConfig
from bert_tf.data.sources import open_records
from bert_tf.errors import UserError
from bert_tf.exporting.formats.saved_model import export_saved_model
from bert_tf.inference.predict import answer_records, build_predict, evaluate_records
from bert_tf.metrics.question_answering_metrics import squad_2_score
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks import question_answering
from bert_tf.tasks.question_answering import QuestionAnswerer
from bert_tf.tasks.schemas.question_answering import Options
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.question_preprocessor import QuestionPreprocessor
from bert_tf.training.experiment import run_experiment
from tests.data.small_records import made_records, write
from tests.property_tests import examples

COLOURS = {"cat": "Red", "dog": "deep  blue", "house": "綠色", "sky": "Él 😀 grey", "road": "ＢＬＡＣＫ"}


def squad_file(path: Path) -> Path:
    """Ten questions, half of them without an answer; one text has several windows."""
    paragraphs = []
    for name, colour in COLOURS.items():
        context = f"{'so ' * 30 if name == 'dog' else ''}The {name} is {colour} .  It was."
        answer = {"text": colour, "answer_start": context.index(colour)}
        asked = {"id": name, "question": f"which colour is the {name} ?", "answers": [answer], "is_impossible": False}
        unanswered = {"id": f"who {name}", "question": "who ?", "answers": [], "is_impossible": True}
        paragraphs.append({"context": context, "qas": [asked, unanswered]})
    return write(path, json.dumps({"version": "v2.0", "data": [{"paragraphs": paragraphs}]}))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return squad_file(tmp_path_factory.mktemp("squad") / "train.json")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned the ten questions by heart. Read only."""
    config = ExperimentConfig(
        task="question_answering",
        backbone="scratch:tiny",
        output=str(tmp_path_factory.mktemp("runs") / "squad"),
        data={"train": [str(data)] * 120, "validation": str(data), "sequence_length": 32},
        head={"stride": 8, "max_query_length": 10, "max_answer_length": 8, "n_best": 3},
        scratch={"vocabulary_size": 300},
        training={"epochs": 1, "batch_size": 16, "learning_rate": 1e-3, "tensorboard": False},
    )
    run_experiment(config)
    return Path(config.output)


def small_answerer(**options: Any) -> QuestionAnswerer:
    """An untrained model whose vocabulary leaves most characters unknown."""
    keras.utils.set_random_seed(5)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdeé .,", *(f"##{c}" for c in "abcde"), "一", "二"]
    backbone = keras_hub.models.BertBackbone(
        len(vocabulary), num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=16, max_sequence_length=32
    )
    preprocessor = QuestionPreprocessor(
        ExactBertTokenizer(vocabulary, lowercase=True), sequence_length=24, stride=6, max_query_length=5
    )
    return QuestionAnswerer(backbone, preprocessor, **options)


@pytest.fixture(scope="module")
def model(run: Path) -> QuestionAnswerer:
    return RunDirectory.open(run).load_model()


@pytest.fixture(scope="module")
def answer(model: QuestionAnswerer) -> Any:
    """The model's graph, traced once."""
    return build_predict(model)


def test_learns_by_heart(model: QuestionAnswerer, answer: Any, data: Path) -> None:
    assert (model.metric, model.null_answers) == ("squad", True)
    records = open_records(str(data), prepare=QuestionAnswerer.prepare)
    metrics = evaluate_records(model, records, batch_size=4, predict=answer)
    assert (metrics["exact_match"], metrics["f1"], metrics["examples"]) == (1, 1, 10)
    assert metrics["has_answer_f1"] == metrics["no_answer_accuracy"] == 1
    for row, found in answer_records(model, records, batch_size=3, predict=answer):
        expected = row.values["answers"][0] if row.values["answers"] else {"text": "", "answer_start": 0}
        assert (found["answer"], found["start"]) == (expected["text"], expected["answer_start"])
        assert 0 <= found["score"] <= 1
        assert len(found["n_best"]) == 3


@pytest.fixture(autouse=True)
def no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in this process leave its logging alone."""
    monkeypatch.setattr("bert_tf.command_line.start_logging", lambda quiet: None)


def test_evaluate_writes_what_official_scripts_read(run: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.main(["--run", str(run), "--data", str(data), "-q"])
    assert "exact_match" in capsys.readouterr().out
    folder = run / "evaluation"
    predictions, null = (json.loads((folder / name).read_text()) for name in ("predictions.json", "na_probs.json"))
    rows = list(open_records(str(data)))
    for row in rows:
        answers = [answer["text"] for answer in row.values["answers"]]
        assert squad_2_score(predictions[row.values["id"]], answers) == (1, 1)
        assert (null[row.values["id"]] > 0.5) == row.values["is_impossible"]
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["id"]: line["prediction"]["answer"] for line in lines} == predictions


def test_export_answers_what_predict_answers(
    model: QuestionAnswerer, answer: Any, run: Path, data: Path, tmp_path: Path
) -> None:
    examples = RunDirectory.open(run).examples()
    version, difference = export_saved_model(model, tmp_path / "squad", texts=examples)
    assert difference < 1e-4
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    records = open_records(str(data), prepare=QuestionAnswerer.prepare)
    predicted = list(answer_records(model, records, batch_size=4, predict=answer))
    columns = {name: tf.constant([row.values[name] for row, _ in predicted]) for name in ("question", "context")}
    served = {name: value.numpy() for name, value in serve(**columns).items()}
    for number, (_, found) in enumerate(predicted):
        assert served["answer"][number].decode() == found["answer"]
        for name in ("start", "end", "score", "null_score"):
            assert served[name][number] == pytest.approx(found[name], abs=1e-4)
        texts = [text.decode() for text in served["n_best_answers"][number]]
        assert texts == [best["answer"] for best in found["n_best"]]


@pytest.fixture(scope="module")
def answer_any() -> Any:
    task = small_answerer(max_answer_length=6, n_best=4)
    return tf.function(task.answer_texts, input_signature=[task.input_specs()])


# What tokenisers change or drop, beside letters that the vocabulary has.
TEXT = st.text(
    st.one_of(
        st.sampled_from(
            "ab e.一二 \t\n\r\u00a0\u3000éÉÀßİΣǅﬁ①３Ａ｡가각ᄀ़्ชำ😀👩\u200d❤️🇨🇳\u0301\u00ad\u200b\ufeff\x00\x07\ufffd"
        ),
        st.characters(codec="utf-8"),
    ),
    max_size=80,
)


@examples(60)
@given(texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_answers_cut_exact_strings(answer_any: Any, texts: list[tuple[str, str]]) -> None:
    questions, contexts = zip(*texts, strict=True)
    columns = {"question": tf.constant(questions), "context": tf.constant(contexts)}
    found = {name: value.numpy() for name, value in answer_any(columns).items()}
    for number, context in enumerate(contexts):
        start, end = int(found["start"][number]), int(found["end"][number])
        assert context[start:end] == found["answer"][number].decode("utf-8")
        assert np.isfinite(found["score"][number])
        for text, start, end in zip(
            *(found[f"n_best_{name}"][number] for name in ("answers", "starts", "ends")), strict=True
        ):
            assert 0 <= start <= end <= len(context)
            assert context[start:end] == text.decode("utf-8")


def test_bytes_that_are_not_utf_8_are_passed_over(answer_any: Any) -> None:
    broken, whole = b"a\xff b\xc3 c", b"a b c"
    found = answer_any({"question": tf.constant(["a", "a"]), "context": tf.constant([broken, whole])})
    assert found["n_best_answers"][0].numpy().tolist() == found["n_best_answers"][1].numpy().tolist()


def test_long_contexts_pass_through_the_model_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    task = small_answerer(n_best=3, null_answers=True)
    columns = {
        "question": tf.constant(["a b", "", "c"]),
        "context": tf.constant([" ".join("abcde"[n * n % 5] for n in range(200)), "", "a b 一 c"]),
    }
    whole = task.answer_texts(columns)
    assert len(task.encode(columns)["token_ids"].to_list()) > 25
    monkeypatch.setattr(question_answering, "WINDOWS_AT_ONCE", 2)
    parts = task.answer_texts(columns)
    for name, value in whole.items():
        if value.dtype == tf.float32:
            np.testing.assert_allclose(parts[name], value, atol=1e-5)
        else:
            assert parts[name].numpy().tolist() == value.numpy().tolist()


def test_targets_are_the_tokens_of_the_answer() -> None:
    task = small_answerer()
    context = "c. " * 20 + "ae  B, " + "d " * 20
    start = context.index("ae")
    columns = {"question": tf.constant(["a"] * 4), "context": tf.constant([context, context, context, ""])}
    targets = tf.constant([[start, start + 5], [-1, -1], [-2, -2], [-1, -1]])
    encoded, places = task.encode_training(columns, targets)
    windows = task.preprocessor.windows(columns["question"], columns["context"])
    per_record = np.bincount(windows.record)
    assert encoded["token_ids"].nrows() == per_record[0] + per_record[1] + per_record[3]
    ids, places = encoded["token_ids"].to_list(), places.numpy()
    answer = task.preprocessor.tokenizer.token_ids(["ae b"]).to_list()[0]
    spelled = [ids[n][first : last + 1] for n, (first, last) in enumerate(places) if first]
    assert spelled
    assert all(tokens == answer for tokens in spelled)
    shows = [n for n, row in enumerate(ids) if any(row[i : i + len(answer)] == answer for i in range(len(row)))]
    assert [n for n, (first, _) in enumerate(places) if first] == [n for n in shows if n < per_record[0]]


def test_loss_does_not_depend_on_padding() -> None:
    task = small_answerer()
    encoded, places = task.encode_training(
        {"question": tf.constant(["a"]), "context": tf.constant(["a b c"])}, tf.constant([[2, 3]])
    )
    losses = [task.loss_per_example(places, task(task.pad(encoded, multiple_of=size))) for size in (1, 24)]
    np.testing.assert_allclose(*losses, atol=1e-5)


def test_preset_round_trip(tmp_path: Path) -> None:
    task = small_answerer(max_answer_length=7, n_best=2, metric="cmrc", null_answers=True, null_threshold=-1.25)
    task.save_to_preset(str(tmp_path))
    again = QuestionAnswerer.from_preset(str(tmp_path))
    names = ("max_answer_length", "n_best", "metric", "null_answers", "null_threshold")
    assert [getattr(again, name) for name in names] == [7, 2, "cmrc", True, -1.25]
    assert again.preprocessor.get_config()["stride"] == 6
    columns = {"question": tf.constant(["a"]), "context": tf.constant(["a b 一 c " * 9])}
    for name, value in task.answer_texts(columns).items():
        assert again.answer_texts(columns)[name].numpy().tolist() == value.numpy().tolist()


def test_threshold_is_tuned_on_questions_without_answers() -> None:
    task = small_answerer(null_answers=True)
    rows = [
        {"question": "?", "context": "x", "answers": [{"text": "x", "answer_start": 0}] if answered else []}
        for answered in (True, True, False)
    ]
    finished = {
        "n_best_answers": np.array([[b"x"], [b"x"], [b"y"]], object),
        "null_score": np.array([-3.0, 2.0, 4.0], np.float32),
    }
    records = list(made_records(rows))
    assert task.evaluate_outputs([], finished, records)["f1"] == pytest.approx(2 / 3)
    task.tune([], finished, records)
    assert task.null_threshold == 3.0
    assert task.evaluate_outputs([], finished, records)["f1"] == 1
    task.tune([], {name: value[:2] for name, value in finished.items()}, records[:2])
    assert task.null_threshold == 3.0  # nothing is to be learned from answered questions alone
    assert task.evaluation_files([], finished, records)["predictions.json"] == {"2": "x", "3": "x", "4": ""}


def test_questions_with_the_same_id_are_told_apart_and_said(caplog: pytest.LogCaptureFixture) -> None:
    task = small_answerer(null_answers=True)
    ids: list[Any] = ["q", "q", "q#2", "", None, "q"]
    rows = [{"id": one, "question": "?", "context": "x", "answers": []} for one in ids]
    finished = {
        "n_best_answers": np.array([[b"a"], [b"b"], [b"c"], [b"d"], [b"e"], [b"f"]], object),
        "null_score": np.full(6, -3.0, np.float32),
    }
    files = task.evaluation_files([], finished, list(made_records(rows)))
    assert files["predictions.json"] == {"q": "a", "q#3": "b", "q#2": "c", "5": "d", "6": "e", "q#4": "f"}
    assert files["na_probs.json"].keys() == files["predictions.json"].keys()
    assert "2 of 6 questions have the id of another one (such as 'q')" in caplog.text


def answered(text: str, start: int | None = 0, context: str = "光荣和ω-force 光荣") -> dict[str, Any]:
    return {"question": "?", "context": context, "answers": [{"text": text, "answer_start": start}]}


def test_learn_from(caplog: pytest.LogCaptureFixture) -> None:
    rows = [answered("光荣"), answered("无", -1), answered("荣", 1), answered("光荣", None)]
    learned = QuestionAnswerer.learn_from(made_records(rows), None, Options())
    assert learned == {"metric": "cmrc", "null_answers": False}
    assert "x.tsv: 2 of 4 answers do not stand in their context" in caplog.text
    assert 'they do not train (the first: x.tsv line 3: "无")' in caplog.text
    assert QuestionAnswerer.learn_from(made_records(rows), None, Options(metric="squad"))["metric"] == "squad"
    english = [answered("ω-force", 3), {**answered("a"), "answers": []}]
    assert QuestionAnswerer.learn_from(made_records(english), None, Options()) == {
        "metric": "squad",
        "null_answers": True,
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there is no row to train on"),
        ([{**answered("a"), "answers": []}], "no question has an answer (is --data.columns.answers the right column?)"),
        (
            [answered("无", -1)],
            "1 of 1 answers do not stand in their context where they should, nor once elsewhere (the",
        ),
        ([{"question": "a", "answers": []}], "line 2: there is no column 'context'; there are: 'question', 'answers'."),
    ],
)
def test_data_that_cannot_train(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError) as caught:
        QuestionAnswerer.learn_from(made_records(rows), None, Options())
    assert message in str(caught.value)


def test_labelled_records_need_a_context() -> None:
    with pytest.raises(UserError, match="x.tsv line 2: the context is empty. Fill it in or remove the row."):
        evaluate_records(small_answerer(), made_records([answered("a", 0, " ")]), batch_size=1)


def test_windows_without_room_and_backbones_without_offsets(tmp_path: Path) -> None:
    loaded = load_backbone("scratch:tiny", texts=lambda: ["a b c"] * 5)
    with pytest.raises(UserError, match="--data.sequence_length 32: 32 tokens have no room for 64 of the question"):
        QuestionAnswerer.create(loaded, sequence_length=32)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "unusable", "learned"),
    [
        ("cmrc2018/train.json", 0, {"metric": "cmrc", "null_answers": False}),
        ("squad/train-v2.0.json", 0, {"metric": "squad", "null_answers": True}),
    ],
)
def test_real_data(
    shared_data: Path, name: str, unusable: int, learned: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    records = open_records(str(shared_data / name), prepare=QuestionAnswerer.prepare)
    assert QuestionAnswerer.learn_from(records, None, Options()) == learned
    assert caplog.text.count("do not stand") == bool(unusable)
