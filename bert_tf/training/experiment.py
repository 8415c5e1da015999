"""One experiment from its config to its run directory."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import keras

from bert_tf.backbones.loading import load_backbone
from bert_tf.config import ExperimentConfig, validate
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records
from bert_tf.data.splits import Splits, open_splits
from bert_tf.errors import UserError
from bert_tf.evaluation.inference import build_predict, evaluate_records
from bert_tf.tasks import find_task
from bert_tf.tasks.task import TextTask
from bert_tf.training.loop import train
from bert_tf.training.run_directory import RunDirectory
from bert_tf.training.strategy import build_strategy, check_batch_size, describe_strategy, is_chief

logger = logging.getLogger("bert_tf")


def run_experiment(config: ExperimentConfig, *, resume: bool = False) -> RunDirectory:
    """Trains what ``config`` describes and returns the run directory.

    Args:
        config: the experiment.
        resume: continue a run that stopped; starts one if there is none.

    Raises:
        UserError: anything in the config, the data or the backbone that the user can put right.
        KeyboardInterrupt: stopped by a signal; the run can be resumed.
    """
    strategy = build_strategy(config.distribution)  # before any other TensorFlow op: a cluster demands it
    keras.utils.set_random_seed(config.seed)
    recipe = config.training
    check_batch_size(strategy, recipe.batch_size, recipe.gradient_accumulation_steps)
    task_class = find_task(config.task)
    options = validate(task_class.Options, config.head, flag_prefix="head.")
    RunDirectory(config.output).check_startable(config, resume)

    started = time.monotonic()
    splits = open_splits(config.data, task_class, seed=config.seed)
    facts = task_class.learn_from(splits.train, config.data.labels, options)
    dtype = "float32" if recipe.mixed_precision == "none" else f"mixed_{recipe.mixed_precision}"
    with strategy.scope():
        loaded = load_backbone(
            config.backbone,
            texts=lambda: _texts(splits, (*task_class.text_columns, *task_class.list_columns)),
            scratch=config.scratch,
            sequence_length=config.data.sequence_length,
            seed=config.seed,
            dtype=dtype,
        )
        keras.utils.set_random_seed(config.seed)
        task = task_class.create(
            loaded, sequence_length=config.data.sequence_length, dtype=dtype, **(options.model_dump() | facts)
        )
    logger.info("backbone: %s", loaded.source)
    logger.info("distribution: %s", describe_strategy(strategy))

    if splits.validation is not None:
        _check_columns(splits.validation, task)
    rows = LabelledRows(splits.train, task, config.data.on_unknown_label)
    batches = TrainingBatches(
        rows,
        recipe.batch_size,
        seed=config.seed,
        shuffle_buffer=config.data.shuffle_buffer,
        length_bucketing=config.data.length_bucketing,
        multiple_of=64 if recipe.xla else 8,
    )
    logger.info(
        "training on %d examples: %d epochs of %d batches", batches.examples, recipe.epochs, batches.steps_per_epoch
    )
    predict = build_predict(task, strategy)

    def evaluate() -> dict[str, Any]:
        assert splits.validation is not None
        return evaluate_records(
            task,
            splits.validation,
            batch_size=recipe.evaluation_batch_size,
            on_unknown_label=config.data.on_unknown_label,
            predict=predict,
            tune=True,
        )

    run = RunDirectory(config.output)
    if is_chief(strategy):
        run = RunDirectory.create(config)
        held_out = splits.validation or splits.train
        run.save_examples({name: row.values[name] for name in task.input_columns()} for row in held_out)
    end = train(
        task,
        batches,
        recipe,
        run,
        validate=evaluate if splits.validation is not None else None,
        resume=resume,
        strategy=strategy,
    )
    if is_chief(strategy):
        run.add_to_environment(wall_seconds=round(time.monotonic() - started, 1), steps=end.step)
        if end.best is not None and end.best_epoch is not None:
            name = recipe.best_metric or task_class.best_metric[0]
            logger.info("best epoch: %d (%s %.4f)", end.best_epoch + 1, name, end.best)
        logger.info("the model is in %s", run.model)
    return run


def _check_columns(validation: Records, task: TextTask) -> None:
    """Raises UserError, before anything is trained, if evaluation reads columns that the validation data lacks."""
    row = next(iter(validation), None)
    missing = [name for name in task.evaluation_specs() if row is not None and name not in row.values]
    if row is not None and missing:
        raise UserError(
            f"{row.file}: there is no column {missing[0]!r}, which evaluation reads. Name the right one with "
            f"--data.columns.{missing[0]} NAME."
        )


def _texts(splits: Splits, columns: tuple[str, ...]) -> Iterator[str]:
    """The training texts, from which a scratch backbone's vocabulary is learned."""
    for row in splits.train:
        for column in columns:
            value = row.values.get(column, [])
            yield from [value] if isinstance(value, str) else value
