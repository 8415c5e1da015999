"""One run of several tasks from its config to its run directory."""

from __future__ import annotations

import logging
import time
from typing import Any

import keras
import tensorflow as tf

from bert_tf.backbones.loading import load_backbone
from bert_tf.config import load
from bert_tf.errors import UserError
from bert_tf.multi_task.multi_task_config import MultiTaskConfig, check_tasks
from bert_tf.multi_task.multi_task_model import MultiTaskModel
from bert_tf.multi_task.multi_task_progress import MultiTaskProgress, TaskEarlyStopping
from bert_tf.multi_task.multi_task_updates import MultiTaskBatches, MultiTaskUpdates
from bert_tf.multi_task.task_errors import mistakes_of
from bert_tf.multi_task.task_schedule import probabilities
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.monitor import Monitor
from bert_tf.training.config_checks import check_metric
from bert_tf.training.experiment import TaskData, begin, dtype_policy, finish
from bert_tf.training.loop import train
from bert_tf.training.plugin_options import PluginOptions
from bert_tf.training.strategy import check_batch_size, describe_strategy, is_chief

logger = logging.getLogger("bert_tf")


def run_multi_task(config: MultiTaskConfig, *, resume: bool = False) -> RunDirectory:
    """Trains what ``config`` describes and returns the run directory.

    Args:
        config: the run.
        resume: continue the run in ``config.output``.

    Raises:
        UserError: anything in the config, the data or the backbone that the user can put right.
        KeyboardInterrupt: stopped by a signal; the run can be resumed.
    """
    if not resume:
        check_tasks(config)
    with begin(config, resume) as (strategy, run):
        return _train(config, strategy, run, resume)


def _train(config: MultiTaskConfig, strategy: tf.distribute.Strategy, run: RunDirectory, resume: bool) -> RunDirectory:
    recipe = config.training
    options = PluginOptions.of(config, recipe)
    hooks = options.build_hooks()
    check_batch_size(strategy, recipe.batch_size, recipe.gradient_accumulation_steps)
    _check_order(run, config)

    started = time.monotonic()
    experiments = {name: config.experiment(name) for name in config.tasks}
    data: dict[str, TaskData] = {}
    for name, experiment in experiments.items():
        with mistakes_of(name):
            data[name] = TaskData.open(experiment)
    tasks = {}
    with strategy.scope():
        loaded = load_backbone(
            config.backbone,
            texts=lambda: (text for each in data.values() for text in each.texts()),
            scratch=config.scratch,
            sequence_length=max(entry.data.sequence_length for entry in config.tasks.values()),
            seed=config.seed,
            dtype=dtype_policy(recipe),
        )
        keras.utils.set_random_seed(config.seed)
        for name, experiment in experiments.items():
            with mistakes_of(name):
                tasks[name] = data[name].build(loaded, experiment)
                if not loaded.backbone.trainable:
                    raise UserError("its --head options freeze the backbone, which all tasks share.")
        fixed = {name: entry.loss_weight for name, entry in config.tasks.items()}
        model = MultiTaskModel(tasks, fixed if config.loss_weighting == "fixed" else None)
    if metrics := [f"{name}_{metric}" for name, each in data.items() for metric in each.summary.metrics]:
        check_metric(recipe, ["mean_score", *metrics])
    logger.info("backbone: %s", loaded.source)
    logger.info("distribution: %s", describe_strategy(strategy))

    members = {}
    for name, experiment in experiments.items():
        with mistakes_of(name):
            members[name] = data[name].batches(tasks[name], experiment, strategy)
    progress = MultiTaskProgress()
    batches = MultiTaskBatches(members, config.sampling, seed=config.seed, epochs=recipe.epochs, progress=progress)
    shares = probabilities([member.examples for member in members.values()], config.sampling, 0, recipe.epochs)
    for (name, member), share in zip(members.items(), shares, strict=True):
        logger.info("%s: %d examples, %.1f %% of the batches", name, member.examples, 100 * share)
    logger.info("training: %d epochs of %d batches", recipe.epochs, batches.steps(0))

    if is_chief(strategy):
        run = RunDirectory.create(config)
        for name, experiment in experiments.items():
            member_run = RunDirectory.create(experiment)
            member_run.link_model(run.model / name)
            member_run.add_to_environment(data=data[name].summary.facts())
            data[name].save_examples(tasks[name], member_run)
    validations = {name: data[name].validation(tasks[name], experiments[name], strategy) for name in tasks}

    def validate() -> dict[str, Any]:
        metrics: dict[str, Any] = {}
        for name, score in validations.items():
            if score is not None:
                metrics |= {f"{name}_{metric}": value for metric, value in score().items()}
        # The main metrics first: they are what the line of an epoch shows.
        main = [f"{name}_{task.monitor}" for name, task in tasks.items()]
        main_metrics = {name: metrics[name] for name in main if name in metrics}
        return {"mean_score": model.mean_score(metrics), **main_metrics, **metrics}

    patience = {
        name: entry.early_stopping_patience
        for name, entry in config.tasks.items()
        if entry.early_stopping_patience is not None
    }
    end = train(
        model,
        MultiTaskUpdates(model, batches, recipe, strategy, config.uncertainty_learning_rate, hooks, options),
        recipe,
        run,
        validate=validate if any(validations.values()) else None,
        resume=resume,
        callbacks=[TaskEarlyStopping(patience, {name: Monitor.of(task) for name, task in tasks.items()}, progress)],
        hooks=hooks,
        strategy=strategy,
        progress=progress,
    )
    if is_chief(strategy):
        finish(run, model, recipe, end, started)
        for name, variance in model.log_variances.items():
            logger.info("%s: loss weight %.3f at the end", name, float(keras.ops.exp(-variance)))
    return run


def _check_order(run: RunDirectory, config: MultiTaskConfig) -> None:
    """Raises UserError if a resumed run names its tasks in another order, which decides what a checkpoint holds."""
    if run.config_file.exists():
        before = list(load(run.config_file, MultiTaskConfig).tasks)
        if before != list(config.tasks):
            raise UserError(f"--resume: the run in {run.path} began with its tasks in the order {', '.join(before)}.")
