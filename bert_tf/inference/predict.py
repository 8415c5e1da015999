"""Answers for a stream of records: the one path of evaluate, predict and the validation inside training."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.atomic_file import Writable
from bert_tf.data.inference_windows import InferenceWindows, concatenate
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.metrics.extra import extra_names, extra_scores
from bert_tf.tasks.answer_values import free_name, record_of, short_floats
from bert_tf.tasks.task import TextTask

FEW_RECORDS = 64
"""Up to this many records, starting a pipeline takes longer than answering them."""

Predict = Callable[[Mapping[str, tf.Tensor]], dict[str, np.ndarray]]


def build_predict(task: TextTask, strategy: tf.distribute.Strategy | None = None) -> Predict:
    """Returns a function from a batch to the task's finished answers as arrays.

    The batch is features, or, of a task that cuts windows, texts by column: then strings to answers is one graph, the
    one that is exported.

    Args:
        task: the model.
        strategy: with several local replicas each takes a share of the batch. Workers of a cluster do not share
            the work here: each answers all, so that all know the same numbers.
    """

    if task.windowed:
        answer_texts = tf.function(task.answer_texts, input_signature=[task.input_specs()])
        return lambda texts: {name: value.numpy() for name, value in answer_texts(texts).items()}

    finish = tf.function(task.answer_features, reduce_retracing=True)
    if not isinstance(strategy, tf.distribute.MirroredStrategy):
        return lambda features: {name: value.numpy() for name, value in finish(features).items()}

    replicas = strategy.num_replicas_in_sync
    run = tf.function(lambda shares: strategy.run(finish, args=(shares,)), reduce_retracing=True)

    def predict(features: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
        rows = len(next(iter(features.values())))
        share = -(-rows // replicas)
        take = tf.minimum(tf.range(share * replicas), rows - 1)

        def part(context: tf.distribute.ValueContext) -> dict[str, tf.Tensor]:
            first = context.replica_id_in_sync_group * share
            return {name: tf.gather(value, take[first : first + share]) for name, value in features.items()}

        answers = run(strategy.experimental_distribute_values_from_function(part))
        return {
            name: concatenate([local.numpy() for local in strategy.experimental_local_results(value)])[:rows]
            for name, value in answers.items()
        }

    return predict


def answer_records(
    task: TextTask, records: Records, *, batch_size: int, predict: Predict | None = None
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yields each record with its answer, in order, in memory that does not grow.

    Few records, with no ``predict`` given, go through :meth:`bert_tf.tasks.task.TextTask.answer_rows`, which builds no
    pipeline.
    """
    if predict is None:
        source = iter(records)
        first = list(islice(source, FEW_RECORDS + 1))
        if len(first) <= FEW_RECORDS:
            yield from zip(first, task.answer_rows(first, batch_size), strict=True)
            return
        records = Records(records.name, lambda: chain(first, source))
    windows = InferenceWindows(records, task, batch_size)
    for rows, _, finished in windows.run(predict or build_predict(task)):
        yield from zip(rows, task.answers(finished, rows), strict=True)


def example_answer(task: TextTask) -> dict[str, Any]:
    """The answer to a record without a word: it has the keys of every answer."""
    blank = {name: "" if spec.shape.rank == 1 else ["", ""] for name, spec in task.input_specs().items()}
    return task.answer_rows([Row("", 1, blank)])[0]


def prediction_line(row: Row, answer: Mapping[str, Any]) -> str:
    """``{…the record as it was given…, "prediction": …}`` as one line of JSON."""
    record = record_of(row)
    values = {**record, free_name("prediction", record): short_floats(dict(answer))}
    return json.dumps(values, ensure_ascii=False, default=str) + "\n"


@dataclass(frozen=True)
class Answered:
    """Labelled records with the model's answers; the arguments of ``evaluate_outputs``.

    Attributes:
        targets: one a record.
        finished: named arrays ``(records, …)``.
        rows: the records.
    """

    targets: list[Any]
    finished: dict[str, np.ndarray]
    rows: list[Row]


def answer_labelled(
    task: TextTask,
    records: Records,
    *,
    batch_size: int,
    on_unknown_label: str = "error",
    predict: Predict | None = None,
    predictions: Writable | None = None,
) -> Answered:
    """Answers labelled records.

    Args:
        task: the model.
        records: have targets.
        batch_size: largest number of rows in a batch.
        on_unknown_label: ``error`` or ``skip``.
        predict: from :func:`build_predict`, to keep what it has traced.
        predictions: gets a line for each record as soon as it is answered.

    Raises:
        UserError: no labelled record is left, or a label is unknown.
    """
    windows = InferenceWindows(records, task, batch_size, labelled=True, on_unknown_label=on_unknown_label)
    targets: list[Any] = []
    outputs: list[dict[str, np.ndarray]] = []
    rows: list[Row] = []
    for window_rows, window_targets, finished in windows.run(predict or build_predict(task)):
        rows.extend(window_rows)
        targets.extend(window_targets)
        outputs.append(finished)
        if predictions is not None:
            answers = task.answers(finished, window_rows)
            predictions.writelines(map(prediction_line, window_rows, answers))
    if not targets:
        raise UserError(f"{records.name}: there is no row to evaluate.")
    joined = {name: concatenate([window[name] for window in outputs]) for name in outputs[0]}
    return Answered(targets, joined, rows)


def evaluate_records(
    task: TextTask,
    records: Records,
    *,
    batch_size: int,
    on_unknown_label: str = "error",
    predict: Predict | None = None,
    tune: bool = False,
    metrics: Sequence[str] = (),
) -> dict[str, Any]:
    """Answers labelled records and scores the answers with the task's metrics.

    Args:
        task: the model.
        records: have targets.
        batch_size: largest number of rows in a batch.
        on_unknown_label: ``error`` or ``skip``.
        predict: from :func:`build_predict`, to keep what it has traced.
        tune: the records are the validation data, on which the task first chooses its thresholds.
        metrics: names of extra metrics, see :mod:`bert_tf.metrics.extra`.

    Raises:
        UserError: no labelled record is left, or a label is unknown.
    """
    done = answer_labelled(task, records, batch_size=batch_size, on_unknown_label=on_unknown_label, predict=predict)
    if tune:
        task.tune(done.targets, done.finished, done.rows)
    return scores_of(task, done, metrics)


def scores_of(task: TextTask, done: Answered, metrics: Sequence[str] = ()) -> dict[str, Any]:
    """The task's metrics, and extra ones.

    Args:
        task: the model.
        done: labelled records with its answers.
        metrics: names of extra metrics.

    Raises:
        UserError: there is no such extra metric, it does not fit the task, or two scores have one name.
    """
    scores = task.evaluate_outputs(done.targets, done.finished, done.rows)
    if not metrics:
        return scores
    extra_names(metrics, scores)
    labels = list(task.label_names() or [])
    targets = [labels[t] if labels and isinstance(t, int | np.integer) else t for t in done.targets]
    return scores | extra_scores(metrics, targets, task.answers(done.finished, done.rows))
