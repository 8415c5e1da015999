"""What every task of the registry must do. There is no list to keep: a new task is tested with its own examples."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_tf.config import ExperimentConfig
from bert_tf.exporting.exportable import Exportable
from bert_tf.exporting.formats import FORMATS
from bert_tf.exporting.publish import publish, unsupported
from bert_tf.inference.predict import answer_records, build_predict, evaluate_records
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks import TASKS, find_schema, find_task
from bert_tf.tasks.answer_values import short_floats
from bert_tf.tasks.task import TextTask
from bert_tf.training.experiment import run_experiment
from tests.contracts.contract_tasks import example_records, input_columns, small_task
from tests.tasks.small_tasks import compare

TRAINED = [name for name in TASKS if find_schema(name).learns_from_records]
SLOW = {"saved_model"}  # compares answers in a fresh process


def answers_of(task: TextTask, name: str) -> list[dict[str, Any]]:
    """By way of the pipeline, as ``predict`` answers a file."""
    answered = answer_records(task, example_records(name), batch_size=2, predict=build_predict(task))
    return [answer for _, answer in answered]


@pytest.mark.parametrize("name", TASKS)
def test_examples_fit_the_schema(name: str) -> None:
    schema = find_schema(name)
    assert len(schema.examples) >= 2, f"give {name} two examples or more"
    for row in example_records(name):
        assert {schema.text_columns[0], *schema.target_columns} <= row.values.keys()


@pytest.mark.parametrize("name", TASKS)
def test_presets_round_trip(name: str, tmp_path: Path) -> None:
    task = small_task(name)
    task.save_to_preset(str(tmp_path / "preset"))
    again = find_task(name).from_preset(str(tmp_path / "preset"), dtype="float32")
    kept = {"backbone", "preprocessor", "dtype", "name"}
    configs = [{key: value for key, value in each.get_config().items() if key not in kept} for each in (task, again)]
    assert json.dumps(configs[0], default=str) == json.dumps(configs[1], default=str)
    compare(answers_of(again, name), answers_of(task, name))


@pytest.mark.parametrize("name", TASKS)
def test_predict_answer_and_the_served_graph_answer_alike(name: str) -> None:
    task = small_task(name)
    expected = answers_of(task, name)
    rows = list(example_records(name))
    records = [{column: row.values[column] for column in task.input_specs()} for row in rows]
    compare(task.answer(records), [short_floats(answer) for answer in expected])
    served = task.signatures()["serving_default"](**input_columns(task, name))
    finished = {key: value.numpy() for key, value in served.items()}
    compare(task.answers(finished, rows), expected)


@pytest.mark.parametrize("name", TRAINED)
def test_scores_are_those_that_the_schema_names(name: str) -> None:
    task = small_task(name)
    scores = evaluate_records(task, example_records(name), batch_size=2)
    assert task.monitor in scores
    assert task.monitor in task.score_names
    named = [score for score in task.score_names if score in scores]
    assert named
    assert all(np.isfinite(scores[score]) for score in named if scores[score] is not None)
    assert scores["examples"] == len(task.examples)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize(
    "format_name", [pytest.param(each, marks=pytest.mark.slow if each in SLOW else ()) for each in FORMATS]
)
def test_every_format_that_supports_it_writes_it(name: str, format_name: str, tmp_path: Path) -> None:
    task = small_task(name)
    rows = [{column: row.values[column] for column in task.input_specs()} for row in example_records(name)]
    model = Exportable.of_task(task, rows)
    if reason := unsupported(format_name, model):
        pytest.skip(reason)
    published = publish(format_name, model, tmp_path / "exported")
    assert list(published.path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_stopped_run_resumes_exactly(name: str, tmp_path: Path) -> None:
    """Two epochs at once, and two with a stop between, end with equal weights."""
    schema = find_schema(name)
    data = tmp_path / "examples.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for _ in range(4) for row in schema.examples]
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def config(folder: str) -> ExperimentConfig:
        return ExperimentConfig(
            task=name,
            backbone="scratch:tiny",
            output=str(tmp_path / folder),
            data={"train": str(data), "sequence_length": 96},  # room for a question of 64 tokens
            scratch={"vocabulary_size": 200},
            training={"epochs": 2, "batch_size": 4, "tensorboard": False},
        )

    run_experiment(config("whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDirectory, "append_metrics", note_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(config("resumed"))
    run_experiment(config("resumed"), resume=True)
    whole, resumed = (RunDirectory(tmp_path / folder).load_model() for folder in ("whole", "resumed"))
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def note_and_stop(run: RunDirectory, line: Mapping[str, Any]) -> None:
    """What an impatient user does after the first epoch: the training stops within the second one."""
    write_line(run, line)
    os.kill(os.getpid(), signal.SIGTERM)


write_line = RunDirectory.append_metrics
