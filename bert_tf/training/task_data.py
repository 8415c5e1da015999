"""What a task learns from, and what is known of it before the training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import tensorflow as tf

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.config import ExperimentConfig, TextCleaningConfig, TrainingConfig, validate
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.cleaning import clean_text
from bert_tf.data.records import Records
from bert_tf.data.splits import Splits, open_splits
from bert_tf.data.token_batching import TokenBatches
from bert_tf.errors import UserError
from bert_tf.inference.predict import build_predict, evaluate_records
from bert_tf.metrics.extra import extra_names
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks import find_task
from bert_tf.tasks.task import TextTask
from bert_tf.training.data_summary import DataSummary

logger = logging.getLogger("bert_tf")


@dataclass(frozen=True)
class TaskData:
    """What a task learns from, before there is a model.

    Attributes:
        task_class: of ``bert_tf/tasks``.
        splits: its records.
        cleaning: what is removed from every text, by the model too.
        options: the arguments of its constructor, by the config and by the training records.
        summary: what is known of the training records, once :meth:`batches` has read them.
    """

    task_class: type[TextTask]
    splits: Splits
    cleaning: TextCleaningConfig
    options: dict[str, Any]
    summary: DataSummary = field(default_factory=DataSummary)

    @classmethod
    def open(cls, config: ExperimentConfig, splits: Splits | None = None) -> TaskData:
        """Opens, cleans and splits the records, and reads the training records once.

        Args:
            config: the experiment.
            splits: records to use instead of those that ``config.data`` names, such as one fold of several.

        Raises:
            UserError: there is no such task, its options or its data are wrong.
        """
        task_class = find_task(config.task)
        options = validate(task_class.Options, config.head, flag_prefix="head.")
        splits = splits or open_splits(config.data, task_class, options=options, seed=config.seed)
        facts = task_class.learn_from(splits.train, config.data.labels, options)
        facts = options.model_dump() | facts

        def check(records: Records) -> Records:
            return task_class.check_records(records, facts, config.data.on_bad_sequence)

        train, validation, test = splits.train, splits.validation, splits.test
        splits = Splits(check(train), validation and check(validation), test and check(test))
        return cls(task_class, splits, config.data.cleaning, facts, DataSummary(config.seed))

    def texts(self) -> Iterator[str]:
        """The training texts as the model reads them, from which a scratch backbone's vocabulary is learned."""
        for row in self.splits.train:
            for column in (*self.task_class.text_columns, *self.task_class.list_columns):
                value = row.values.get(column, [])
                for text in [value] if isinstance(value, str) else value:
                    yield clean_text(text, self.cleaning)

    def build(self, loaded: LoadedBackbone, config: ExperimentConfig) -> TextTask:
        """Puts the task on a loaded backbone.

        Raises:
            UserError: the backbone does not suit the task, or the validation or test data cannot be scored.
        """
        task = self.task_class.create(
            loaded,
            sequence_length=config.data.sequence_length,
            dtype=dtype_policy(config.training),
            cleaning=self.cleaning,
            **self.options,
        )
        unknown = config.data.on_unknown_label
        if self.splits.validation is not None:
            self.summary.validation, counted = _check_held_out(self.splits.validation, task, unknown)
            own = task.metric_names(counted)
            self.summary.metrics = [*own, *extra_names(config.training.metrics, own)]
        if self.splits.test is not None:
            self.summary.test, _ = _check_held_out(self.splits.test, task, unknown)
        return task

    def batches(self, task: TextTask, config: ExperimentConfig, strategy: tf.distribute.Strategy) -> TrainingBatches:
        """The training data of the task that was built; what they hold is logged.

        Raises:
            UserError: a record cannot train it.
        """
        rows = LabelledRows(self.splits.train, task, config.data.on_unknown_label)
        task.report_unreachable(rows)
        rows = self.summary.watch(rows)
        options: dict[str, Any] = {
            "seed": config.seed,
            "shuffle_buffer": config.data.shuffle_buffer,
            "length_bucketing": config.data.length_bucketing,
            "multiple_of": 64 if config.training.jit_compile else 8,
        }
        batches: TrainingBatches
        if config.data.max_tokens_per_batch is None:
            batches = TrainingBatches(rows, config.training.batch_size, **options)
        else:
            shares = strategy.num_replicas_in_sync * config.training.gradient_accumulation_steps
            batches = TokenBatches(rows, config.data.max_tokens_per_batch, shares, **options)
        if config.data.max_tokens_per_batch is None and batches.batch_size > batches.examples:
            logger.warning(
                "--training.batch_size %d is more than there are examples: every batch is filled up with rows that do "
                "not count",
                batches.batch_size,
            )
        self.summary.finish(task, config.task, self.options)
        return batches

    def validation(
        self, task: TextTask, config: ExperimentConfig, strategy: tf.distribute.Strategy
    ) -> Callable[[], dict[str, Any]] | None:
        """A function that scores the task on the validation data; ``None`` if there are none."""
        records = self.splits.validation
        if records is None:
            return None
        return partial(
            evaluate_records,
            task,
            records,
            batch_size=config.training.evaluation_batch_size,
            on_unknown_label=config.data.on_unknown_label,
            predict=build_predict(task, strategy),
            tune=True,
            metrics=config.training.metrics,
        )

    def save_examples(self, task: TextTask, run: RunDirectory) -> None:
        """Keeps a few texts in the run, held-out ones where there are any."""
        rows = self.splits.validation or self.splits.train
        run.save_examples({name: row.values[name] for name in task.input_columns()} for row in rows)


def dtype_policy(recipe: TrainingConfig) -> str:
    """Name of the Keras dtype policy that a recipe computes in."""
    return "float32" if recipe.mixed_precision == "none" else f"mixed_{recipe.mixed_precision}"


def _check_held_out(records: Records, task: TextTask, on_unknown_label: str) -> tuple[int, set[str | float]]:
    """Number of records that evaluation will score, and the values that the task counts of them, 0 for any number.

    Raises:
        UserError: it would score none, or fail: for a column that the data lacks, or a row with a label that
            training does not have.
    """
    row = next(iter(records), None)
    missing = [name for name in task.evaluation_specs() if row is not None and name not in row.values]
    if row is not None and missing:
        raise UserError(
            f"{row.file}: there is no column {missing[0]!r}, which evaluation reads. Name the right one with "
            f"--data.columns.{missing[0]} NAME."
        )
    number, counted = 0, set[str | float]()
    for row, target in LabelledRows(records, task, on_unknown_label):
        number += 1
        counted.update(value if isinstance(value, str) else 0.0 for value in task.counted(row, target))
    if not number:
        raise UserError(f"{records.name}: there is no row to evaluate.")
    return number, counted
