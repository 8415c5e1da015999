"""Metrics by name: what they give, and that their names can be monitored before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.metrics import balanced_accuracy_score

from bert_tf.config import ExperimentConfig, TrainingConfig
from bert_tf.errors import UserError
from bert_tf.inference.predict import evaluate_records
from bert_tf.metrics.extra import METRICS, extra_names, extra_scores
from bert_tf.tasks.monitor import Monitor
from bert_tf.training.config_checks import check_experiment
from tests.data.small_records import made_records
from tests.training.small_model import small_classifier


def test_balanced_accuracy_is_that_of_scikit_learn() -> None:
    targets, answered = ["a", "a", "a", "b", "c"], ["a", "a", "b", "b", "a"]
    scores = extra_scores(["balanced_accuracy"], targets, [{"label": label} for label in answered])
    assert scores == {"balanced_accuracy": balanced_accuracy_score(targets, answered)}
    with pytest.raises(UserError, match="this task does not answer one label"):
        extra_scores(["balanced_accuracy"], [1.0], [{"score": 1.0}])


def test_an_evaluation_gives_them_beside_the_tasks_own() -> None:
    task = small_classifier()
    records = made_records([{"text": "good", "label": label} for label in task.labels])
    plain = evaluate_records(task, records, batch_size=2)
    more = evaluate_records(task, records, batch_size=2, metrics=["balanced_accuracy"])
    assert more == {**plain, "balanced_accuracy": 0.5}


def test_a_metric_must_give_the_scores_that_it_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = METRICS.module("balanced_accuracy")
    monkeypatch.setattr(module, "compute", lambda targets, answers: {"other": 1.0})
    with pytest.raises(UserError, match="balanced_accuracy: it gave other, but its NAMES are balanced_accuracy"):
        extra_scores(["balanced_accuracy"], [], [])


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"metrics": ["balanced"]}, "--training.metrics balanced: there is no such metric; .*Did you mean"),
        ({"metrics": ["balanced_accuracy", "balanced_accuracy"]}, "there is a score 'balanced_accuracy' already"),
        ({"monitor": "balanced_accuracy"}, "--training.monitor balanced_accuracy: there is no such metric"),
        ({"monitor": "balanced_accuracy", "metrics": ["balanced_accuracy"]}, None),
    ],
)
def test_names_are_checked_before_anything_is_read(training: dict[str, object], message: str | None) -> None:
    data = {"train": "not_there.csv", "validation": "not_there.csv"}
    config = ExperimentConfig(backbone="scratch:tiny", output="x", data=data, training=training)
    if message is None:
        check_experiment(config)
        assert Monitor.of(small_classifier(), config.training) == ("balanced_accuracy", "max")
        return
    with pytest.raises(UserError, match=message):
        check_experiment(config)


def test_a_score_of_the_task_is_not_given_twice() -> None:
    assert extra_names(["balanced_accuracy"], ["accuracy"]) == ["balanced_accuracy"]
    with pytest.raises(UserError, match="there is a score"):
        extra_names(["balanced_accuracy"], ["balanced_accuracy"])
    assert TrainingConfig().metrics == []
