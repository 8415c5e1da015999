"""A training from its config to its run directory: prepare, build, fit, report."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import tensorflow as tf

from bert_tf.backbones.loading import LoadedBackbone, load_backbone
from bert_tf.config import ExperimentConfig, RunConfig, TrainingConfig
from bert_tf.data.splits import Splits
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.runs.run_lock import locked
from bert_tf.tasks.monitor import Monitor
from bert_tf.tasks.task import TextTask
from bert_tf.training.checkpoint import Progress
from bert_tf.training.config_checks import check_experiment, check_metric
from bert_tf.training.loop import Batches, Updates, train
from bert_tf.training.plugin_options import PluginOptions
from bert_tf.training.run_start import check_startable
from bert_tf.training.strategy import build_strategy, check_batch_size, describe_strategy, is_chief
from bert_tf.training.task_data import TaskData, dtype_policy

logger = logging.getLogger("bert_tf")

Validate = Callable[[], dict[str, Any]]


class Experiment(ABC):
    """What every training does; a subclass says how one task, several tasks or pre-training do it.

    Args:
        config: of the run.
        recipe: its training section.
        resume: continue the run in ``config.output``.

    Attributes:
        strategy: how the work is distributed; set by :meth:`run`.
        run_directory: what the run writes; set by :meth:`run`.
        task: the model, once it is built.

    Raises:
        UserError: an option of the optimiser, the schedule or a hook does not exist or does not fit.
    """

    strategy: tf.distribute.Strategy
    run_directory: RunDirectory
    task: TextTask

    def __init__(self, config: RunConfig, recipe: TrainingConfig, *, resume: bool = False) -> None:
        self._config = config
        self.recipe = recipe
        self.resume = resume
        self.options = PluginOptions.of(config, recipe)
        self.hooks = self.options.build_hooks()
        self.progress = Progress()

    def run(self) -> RunDirectory:
        """Trains and returns the run directory.

        Raises:
            UserError: anything in the config, the data or the backbone that the user can put right.
            KeyboardInterrupt: stopped by a signal; the run can be resumed.
        """
        with begin(self._config, self.resume) as (self.strategy, self.run_directory):
            started = time.monotonic()
            self.prepare()
            with self.strategy.scope():
                loaded = self.load_backbone()
                keras.utils.set_random_seed(self._config.seed)
                self.task = self.build(loaded)
            logger.info("backbone: %s", loaded.source)
            logger.info("distribution: %s", describe_strategy(self.strategy))
            end = self.fit()
            if is_chief(self.strategy):
                self.run_directory.add_to_environment(
                    wall_seconds=round(time.monotonic() - started, 1), steps=end.step, **self.report(end)
                )
        return self.run_directory

    @abstractmethod
    def prepare(self) -> None:
        """Opens the data and checks whatever needs no model."""

    @abstractmethod
    def load_backbone(self) -> LoadedBackbone:
        """The encoder; called under the strategy's scope."""

    @abstractmethod
    def build(self, loaded: LoadedBackbone) -> TextTask:
        """The model; called under the strategy's scope."""

    @abstractmethod
    def open_training_data(self) -> tuple[Batches | Updates, Validate | None]:
        """What is trained on and what scores the model; begins the run directory."""

    def callbacks(self) -> Sequence[keras.callbacks.Callback]:
        """Keras callbacks of this training."""
        return ()

    def fit(self) -> Progress:
        """Runs the training loop to its end."""
        batches, validate = self.open_training_data()
        return train(
            self.task,
            batches,
            self.recipe,
            self.run_directory,
            validate=validate,
            resume=self.resume,
            callbacks=self.callbacks(),
            hooks=self.hooks,
            options=self.options,
            strategy=self.strategy,
            progress=self.progress,
        )

    def report(self, end: Progress) -> dict[str, Any]:
        """Says how it ended; what it returns is noted in ``environment.json``."""
        if end.best is not None and end.best_epoch is not None:
            name = Monitor.of(self.task, self.recipe).name
            logger.info("best epoch: %d (%s %.4f)", end.best_epoch + 1, name, end.best)
        logger.info("the model is in %s", self.run_directory.model)
        return {}


class TaskExperiment(Experiment):
    """One backbone, one task.

    Args:
        config: the experiment.
        resume: continue the run in ``config.output``.
        splits: records instead of those that ``config.data`` names, such as one fold of several.

    Example:
    ```python
    run = TaskExperiment(ExperimentConfig(backbone="zh_mini", data={"train": "a.tsv"}, output="runs/a")).run()
    ```
    """

    def __init__(self, config: ExperimentConfig, *, resume: bool = False, splits: Splits | None = None) -> None:
        if not resume:
            check_experiment(config)
        super().__init__(config, config.training, resume=resume)
        self.config = config
        self._splits = splits

    def prepare(self) -> None:
        if self.config.data.max_tokens_per_batch is None:
            check_batch_size(self.strategy, self.recipe.batch_size, self.recipe.gradient_accumulation_steps)
        self.data = TaskData.open(self.config, self._splits)

    def load_backbone(self) -> LoadedBackbone:
        return load_backbone(
            self.config.backbone,
            texts=self.data.texts,
            scratch=self.config.scratch,
            sequence_length=self.config.data.sequence_length,
            seed=self.config.seed,
            dtype=dtype_policy(self.recipe),
        )

    def build(self, loaded: LoadedBackbone) -> TextTask:
        task = self.data.build(loaded, self.config)
        if self.data.splits.validation is not None:
            check_metric(self.recipe, self.data.summary.metrics)
        return task

    def open_training_data(self) -> tuple[Batches, Validate | None]:
        batches = self.data.batches(self.task, self.config, self.strategy)
        logger.info("training: %d epochs of %d batches", self.recipe.epochs, batches.steps_per_epoch)
        validate = self.data.validation(self.task, self.config, self.strategy)
        if is_chief(self.strategy):
            self.run_directory = RunDirectory.create(self.config)
            self.run_directory.add_to_environment(data=self.data.summary.facts())
            self.data.save_examples(self.task, self.run_directory)
        return batches, validate


def run_experiment(config: ExperimentConfig, *, resume: bool = False) -> RunDirectory:
    """Trains what ``config`` describes and returns the run directory; see :meth:`Experiment.run`."""
    return TaskExperiment(config, resume=resume).run()


@contextmanager
def begin(config: RunConfig, resume: bool) -> Iterator[tuple[tf.distribute.Strategy, RunDirectory]]:
    """What comes before anything that costs time: the strategy, the seed, and whether the run may write there.

    It must come before any other TensorFlow op, because a cluster can only be joined then. The process that writes
    holds the run's lock until the block is done.

    Raises:
        UserError: the devices are absent, the directory is taken, or there is nothing to resume.
    """
    strategy = build_strategy(config.distribution)
    keras.utils.set_random_seed(config.seed)
    run = RunDirectory(config.output)
    check_startable(run, config, resume)
    with locked(run.path) if is_chief(strategy) else nullcontext():
        yield strategy, run
