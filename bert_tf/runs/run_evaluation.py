"""Evaluates a run directory on its own held-out data or on any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bert_tf.atomic_file import Writable
from bert_tf.config import DataConfig, OnBadSequence
from bert_tf.data.batching import LabelledRows
from bert_tf.data.cleaning import with_clean_texts
from bert_tf.data.records import Records
from bert_tf.data.sources import open_records
from bert_tf.data.splits import Splits, open_splits
from bert_tf.errors import UserError
from bert_tf.inference.predict import Answered, answer_labelled, scores_of
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.runs.untrained import UntrainedModel
from bert_tf.tasks.mistakes import mistake_lines
from bert_tf.tasks.monitor import Monitor
from bert_tf.tasks.task import TextTask


@dataclass(frozen=True)
class Scores:
    """Metrics by model: ``model`` is the run's, the others are baselines.

    Attributes:
        data: what was evaluated on, for people.
        models: model name to metrics.
        files: what official scripts read: file name to JSON.
        mistakes: the wrong answers, the most confident first; see :func:`bert_tf.tasks.mistakes.mistake_lines`;
            ``None`` for a task that cannot tell.
        monitor: the metric that chose the best epoch.
    """

    data: str
    models: dict[str, dict[str, Any]]
    files: dict[str, Any]
    mistakes: list[dict[str, Any]] | None
    monitor: Monitor


def evaluate_run(
    run: RunDirectory | UntrainedModel,
    *,
    data: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str = "auto",
    batch_size: int | None = None,
    on_unknown_label: str | None = None,
    on_bad_sequence: OnBadSequence | None = None,
    metrics: Sequence[str] | None = None,
    baselines: bool = False,
    predictions: Writable | None = None,
) -> Scores:
    """Scores the best epoch of a run.

    Args:
        run: an opened run directory, or a model that works without training.
        data: data specs; default the run's test data, else its validation data. Given data keeps all its
            rows; the model cleans their texts as it cleaned those of the training data.
        columns: column names of ``data`` where they differ from the run's.
        encoding: of ``data``; the run's says nothing about another file.
        batch_size: largest batch; default the run's.
        on_unknown_label: ``error`` or ``skip``; default the run's.
        on_bad_sequence: ``error``, ``repair`` or ``skip``; default the run's.
        metrics: names of extra metrics; default the run's.
        baselines: also train and score the majority class and TF-IDF + logistic regression, where the task has them.
        predictions: gets one JSON line for each record, with its answer.

    Raises:
        UserError: the data cannot be read or has no rows, or there is none.
    """
    config = run.config()
    if data is None and config.data.train is None:
        raise UserError(f"{run.path}: it was not trained on labelled data; give some with --data.")
    task = run.load_model()
    unknown = on_unknown_label or config.data.on_unknown_label
    splits = None
    baselines = baselines and type(task).baselines is not TextTask.baselines
    if data is None or baselines:
        splits = open_splits(config.data, task, options=task, seed=config.seed)
    records = (
        open_evaluation_data(config.data, task, data, columns or {}, encoding=encoding)
        if data
        else _held_out(run, splits)
    )
    bad = on_bad_sequence or config.data.on_bad_sequence
    records = task.check_records(records, task.get_config(), bad)
    batch_size = batch_size or config.training.evaluation_batch_size
    done = answer_labelled(task, records, batch_size=batch_size, on_unknown_label=unknown, predictions=predictions)
    models = {"model": scores_of(task, done, config.training.metrics if metrics is None else metrics)}
    if baselines:
        assert splits is not None
        train = task.check_records(splits.train, task.get_config(), bad)
        # The model cleans what it reads; these do not.
        cleaned = with_clean_texts(records, config.data.cleaning, task.text_columns)
        models |= task.baselines(LabelledRows(train, task, unknown), LabelledRows(cleaned, task, unknown))
    files = task.evaluation_files(done.targets, done.finished, done.rows)
    name = f"{records.name}: {models['model']['examples']} examples"
    return Scores(name, models, files, _mistakes(task, done), Monitor.of(task, config.training))


def _mistakes(task: TextTask, done: Answered) -> list[dict[str, Any]] | None:
    """The wrong answers; ``None`` for a task that cannot tell."""
    if type(task).mistake is TextTask.mistake:
        return None
    answers = task.answers(done.finished, done.rows)
    wrong = [task.mistake(*each) for each in zip(done.rows, done.targets, answers, strict=True)]
    return mistake_lines(done.rows, wrong)


def open_evaluation_data(
    config: DataConfig,
    task: TextTask,
    data: Sequence[str],
    columns: Mapping[str, str],
    *,
    labelled: bool = True,
    encoding: str = "auto",
) -> Records:
    """Opens data that was not part of the run, as the run's config reads it, but for its encoding."""
    specs = task.evaluation_specs() if labelled else task.input_specs()
    targets = task.target_columns if labelled else ()
    records = open_records(
        data,
        columns={**config.columns, **columns},
        required=(*specs, *targets),
        text_columns=[name for name, spec in specs.items() if spec.shape.rank == 1],
        source_columns=task.source_columns,
        prepare=task.prepare,
        header=config.header,
        quoting=config.quoting,
        encoding=encoding,
        strip_token_digits=config.strip_token_digits,
        without_target=task.without_target,
        columns_flag="--columns",
        keep_given=True,
    )
    return task.read_labels(records, task) if labelled else records


def _held_out(run: RunDirectory | UntrainedModel, splits: Splits | None) -> Records:
    assert splits is not None
    records = splits.test or splits.validation
    if records is None:
        raise UserError(f"--run {run.path}: the run has no test or validation data; give some with --data.")
    return records
