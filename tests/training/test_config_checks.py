"""What can be found in a config before training is found before anything is read, without TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_tf import pretrain, train
from bert_tf.config import ExperimentConfig
from bert_tf.data.tag_schemes import Span
from bert_tf.errors import UserError
from bert_tf.metrics.classification_metrics import classification_metrics
from bert_tf.metrics.embedding_metrics import pair_metrics
from bert_tf.metrics.entity_metrics import entity_metrics
from bert_tf.metrics.multi_label_metrics import multi_label_metrics
from bert_tf.metrics.ordinal_metrics import ordinal_metrics
from bert_tf.metrics.question_answering_metrics import answer_metrics
from bert_tf.metrics.regression_metrics import regression_metrics
from bert_tf.multi_task.multi_task_config import MultiTaskConfig, check_tasks
from bert_tf.tasks import find_schema
from bert_tf.training.config_checks import check_experiment
from bert_tf.training.experiment import run_experiment
from tests.conftest import REPOSITORY, write_tsv
from tests.tasks.small_tasks import prepared, small_task

WITHOUT_VALIDATION = ["--backbone", "scratch:tiny", "--data.train", "none.tsv", "--output", "none"]
WITH_VALIDATION = [*WITHOUT_VALIDATION, "--data.validation", "none.tsv"]

WRONG = {
    "metric that no task has": (
        [*WITH_VALIDATION, "--training.monitor", "f2"],
        "--training.monitor f2: there is no such metric; there are: accuracy, precision, recall, f1, f1_positive",
    ),
    "metric of another task": (
        [*WITH_VALIDATION, "--task", "regression", "--training.monitor", "accuracy"],
        "--training.monitor accuracy: there is no such metric; there are: pearson",
    ),
    "metric without validation data": (
        [*WITHOUT_VALIDATION, "--training.monitor", "f1"],
        "--training.monitor f1 needs validation data: give --data.validation or --data.split.",
    ),
    "early stopping without validation data": (
        [*WITHOUT_VALIDATION, "--training.early_stopping_patience", "2"],
        "--training.early_stopping_patience 2 needs validation data: give --data.validation or --data.split.",
    ),
    "threshold without validation data": (
        [*WITHOUT_VALIDATION, "--head.threshold", "auto"],
        "--head.threshold auto is chosen on the validation data: give --data.validation or --data.split.",
    ),
    "threshold of documents without validation data": (
        [*WITHOUT_VALIDATION, "--task", "document_classification", "--head.threshold", "auto"],
        "--head.threshold auto is chosen on the validation data",
    ),
    "thresholds per label without validation data": (
        [*WITHOUT_VALIDATION, "--task", "multi_label", "--head.thresholds", "per_label"],
        "--head.thresholds per_label is chosen on the validation data",
    ),
    "threshold that is no probability": (
        [*WITH_VALIDATION, "--head.threshold", "50"],
        "--head.threshold: give none, auto or a probability between 0 and 1, not '50'",
    ),
    "labels of a task without labels": (
        [*WITH_VALIDATION, "--task", "multiple_choice", "--data.labels", "a", "b"],
        "--data.labels: --task multiple_choice has no labels",
    ),
    "a batch of one for a loss that compares": (
        [*WITH_VALIDATION, "--task", "embedding", "--training.batch_size", "1"],
        "--training.batch_size 1: the loss compares the examples of a batch with each other",
    ),
    "pieces of one for a loss that compares": (
        [
            *(*WITH_VALIDATION, "--task", "embedding", "--head.loss", "simcse"),
            *("--training.batch_size", "8", "--training.gradient_accumulation_steps", "8"),
        ],
        "it needs 2 in each of 8 accumulation step(s)",
    ),
    "learning rate that is no number": (
        [*WITH_VALIDATION, "--training.learning_rate", "inf"],
        "--training.learning_rate: input should be a finite number, not 'inf'",
    ),
    "option of the task that is no number": (
        [*WITH_VALIDATION, "--head.focal_gamma", "inf"],
        "--head.focal_gamma: input should be a finite number, not 'inf'",
    ),
    "pieces that a batch cannot be cut into": (
        [*WITHOUT_VALIDATION, "--training.batch_size", "32", "--training.gradient_accumulation_steps", "3"],
        "--training.batch_size 32 cannot be cut into 3 accumulation steps",
    ),
}


@pytest.mark.usefixtures("no_logging")
@pytest.mark.parametrize("name", WRONG)
def test_found_before_anything_is_read(name: str) -> None:
    flags, message = WRONG[name]
    with pytest.raises(UserError) as caught:
        train.main(flags)
    assert message in str(caught.value)


def test_found_without_tensorflow() -> None:
    script = (
        "import sys\nfrom bert_tf import train\nfrom bert_tf.errors import UserError\n"
        "try:\n    train.main(sys.argv[1:])\nexcept UserError:\n    print('tensorflow' in sys.modules)"
    )
    for flags, _ in (WRONG["metric that no task has"], WRONG["threshold without validation data"]):
        command = [sys.executable, "-c", script, *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
        assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("training", "head", "message"),
    [
        ({"monitor": "f1"}, {}, "there is no such metric; there are: mean_score, a_accuracy"),
        ({"monitor": "b_mse"}, {}, "there is no such metric"),  # b has no validation data
        ({}, {"threshold": "auto"}, "task b: --tasks.b.head.threshold auto is chosen on the validation data"),
    ],
)
def test_found_in_a_run_of_several_tasks(training: dict[str, Any], head: dict[str, Any], message: str) -> None:
    entry = {"train": "x", "validation": "x"}
    config = MultiTaskConfig(
        backbone="scratch:tiny",
        output="x",
        tasks={"a": {"data": entry}, "b": {"data": {"train": "x"}, "head": head}},
        training=training,
    )
    with pytest.raises(UserError, match=message):
        check_tasks(config)


@pytest.mark.usefixtures("no_logging")
def test_found_in_pre_training(tmp_path: Path) -> None:
    flags = ["--backbone", "scratch:tiny", "--data", "none.txt", "--output", "none"]
    with pytest.raises(UserError, match="monitor f1: there is no such metric; there are: mlm_loss, perplexity"):
        pretrain.main([*flags, "--training.monitor", "f1"])
    with pytest.raises(UserError, match="monitor pair_loss: there is no such metric"):
        pretrain.main([*flags, "--corpus.objective", "mlm", "--training.monitor", "pair_loss"])


def test_a_right_config_passes() -> None:
    data = {"train": "x", "split": [0.8, 0.2]}
    head = {"threshold": "auto", "positive_label": "a"}
    training = {"monitor": "f1_positive", "early_stopping_patience": 1}
    check_experiment(ExperimentConfig(backbone="x", output="x", data=data, head=head, training=training))


LABELLED = [("so", "a"), ("so so", "b"), ("so so so", "c")]
HELD_OUT: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]], str]] = {
    "F1 of two labels where there are three": (
        {},
        {"monitor": "f1_positive"},
        LABELLED,
        "--training.monitor f1_positive: there is no such metric; there are: accuracy, precision, recall, f1, wei",
    ),
    "threshold where no validation record is positive": (
        {"head": {"threshold": "auto"}},
        {},
        [("so", "a")],
        "--head.threshold auto: no validation record has the label 'b', whose F1 chooses it.",
    ),
    "test data without a row": ({"test": []}, {}, LABELLED[:2], "test.tsv: there is no row to evaluate."),
    "test data with another label": (
        {"test": LABELLED[2:]},
        {},
        LABELLED[:2],
        'test.tsv line 2: label "c" is not one of ["a", "b"]',
    ),
    "validation data without a row": ({}, {}, [], "validation.tsv: there is no row to evaluate."),
}


@pytest.mark.parametrize("name", HELD_OUT)
def test_found_in_the_data_before_training(name: str, tmp_path: Path) -> None:
    options, training, validation, message = HELD_OUT[name]
    three = "three" in name
    files = {"train": LABELLED if three else LABELLED[:2], "validation": validation}
    files |= {"test": options["test"]} if "test" in options else {}
    config = ExperimentConfig(
        backbone="scratch:tiny",
        output=str(tmp_path / "run"),
        data={part: str(write_tsv(tmp_path / f"{part}.tsv", rows)) for part, rows in files.items()},
        head=options.get("head", {}),
        scratch={"vocabulary_size": 200},
        training=training,
    )
    with pytest.raises(UserError) as caught:
        run_experiment(config)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_metrics_that_depend_on_the_validation_data() -> None:
    pairs = [{"text": "a", "text_pair": "b"}, {"text": "c", "text_pair": "d"}]
    encoder = small_task("embedding", prepared("embedding", pairs))
    assert "mrr" in encoder.metric_names(set())
    assert list(encoder.metric_names({0.0})) == ["score", "spearman", "pearson"]
    questions = [{"question": "who", "context": "Ann", "answers": [{"text": "Ann", "answer_start": 0}]}]
    answerer = small_task("question_answering", prepared("question_answering", questions), max_query_length=4)
    assert list(answerer.metric_names({"answered"})) == ["exact_match", "f1"]
    assert "no_answer_accuracy" in answerer.metric_names({"answered", "without an answer"})


TWO = np.array([[0.9, 0.1], [0.2, 0.8]])
SPANS = [[Span(0, 1, "a")]]
UNIT = np.eye(2)
METRICS: dict[str, list[dict[str, Any]]] = {
    "classification": [classification_metrics(np.array([0, 1]), TWO, ["a", "b"])],
    "document_classification": [classification_metrics(np.array([0, 1]), TWO, ["a", "b"])],
    "ordinal": [ordinal_metrics(np.array([0, 1]), TWO, np.array([0, 1]), ["1", "2"])],
    "multi_label": [multi_label_metrics(TWO > 0.5, TWO, TWO > 0.5, ["a", "b"])],
    "regression": [regression_metrics(np.array([1.0, 2.0]), np.array([1.0, 3.0]))],
    "tagging": [entity_metrics(SPANS, SPANS, ["a"]), {"token_accuracy": 1.0}],
    "question_answering": [answer_metrics(["a", ""], [["a"], []])],
    "embedding": [
        pair_metrics([("a", "b"), ("c", "d")], UNIT, UNIT, np.array([1.0, 2.0])),
        pair_metrics([("a", "b"), ("c", "d")], UNIT, UNIT, np.full(2, np.nan)),
    ],
}


@pytest.mark.parametrize("task", METRICS)
def test_schemas_name_the_metrics_that_evaluation_gives(task: str) -> None:
    given = {name for found in METRICS[task] for name, value in found.items() if isinstance(value, float)}
    assert given == set(find_schema(task).score_names)
