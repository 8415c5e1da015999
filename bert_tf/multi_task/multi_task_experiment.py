"""One run of several tasks from its config to its run directory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import keras

from bert_tf.backbones.loading import LoadedBackbone, load_backbone
from bert_tf.config import load
from bert_tf.data.batching import TrainingBatches
from bert_tf.errors import UserError
from bert_tf.multi_task.multi_task_config import MultiTaskConfig, check_tasks
from bert_tf.multi_task.multi_task_model import MultiTaskModel
from bert_tf.multi_task.multi_task_progress import MultiTaskProgress, TaskEarlyStopping
from bert_tf.multi_task.multi_task_updates import MultiTaskBatches, MultiTaskUpdates
from bert_tf.multi_task.task_errors import mistakes_of
from bert_tf.multi_task.task_schedule import probabilities
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.monitor import Monitor
from bert_tf.tasks.task import TextTask
from bert_tf.training.checkpoint import Progress
from bert_tf.training.config_checks import check_metric
from bert_tf.training.experiment import Experiment, Validate
from bert_tf.training.loop import Updates
from bert_tf.training.strategy import check_batch_size, is_chief
from bert_tf.training.task_data import TaskData, dtype_policy

logger = logging.getLogger("bert_tf")


class MultiTaskExperiment(Experiment):
    """One backbone, several tasks.

    Args:
        config: the run.
        resume: continue the run in ``config.output``.
    """

    task: MultiTaskModel

    def __init__(self, config: MultiTaskConfig, *, resume: bool = False) -> None:
        if not resume:
            check_tasks(config)
        super().__init__(config, config.training, resume=resume)
        self.config = config
        self.progress: MultiTaskProgress = MultiTaskProgress()
        self._experiments = {name: config.experiment(name) for name in config.tasks}

    def prepare(self) -> None:
        check_batch_size(self.strategy, self.recipe.batch_size, self.recipe.gradient_accumulation_steps)
        _check_order(self.run_directory, self.config)
        self.data: dict[str, TaskData] = {}
        for name, experiment in self._experiments.items():
            with mistakes_of(name):
                self.data[name] = TaskData.open(experiment)

    def load_backbone(self) -> LoadedBackbone:
        return load_backbone(
            self.config.backbone,
            texts=lambda: (text for each in self.data.values() for text in each.texts()),
            scratch=self.config.scratch,
            sequence_length=max(entry.data.sequence_length for entry in self.config.tasks.values()),
            seed=self.config.seed,
            dtype=dtype_policy(self.recipe),
        )

    def build(self, loaded: LoadedBackbone) -> MultiTaskModel:
        members: dict[str, TextTask] = {}
        for name, experiment in self._experiments.items():
            with mistakes_of(name):
                members[name] = self.data[name].build(loaded, experiment)
                if not loaded.backbone.trainable:
                    raise UserError("its --head options freeze the backbone, which all tasks share.")
        fixed = {name: entry.loss_weight for name, entry in self.config.tasks.items()}
        model = MultiTaskModel(members, fixed if self.config.loss_weighting == "fixed" else None)
        if metrics := [f"{name}_{metric}" for name, each in self.data.items() for metric in each.summary.metrics]:
            check_metric(self.recipe, ["mean_score", *metrics])
        return model

    def open_training_data(self) -> tuple[Updates, Validate | None]:
        members: dict[str, TrainingBatches] = {}
        for name, experiment in self._experiments.items():
            with mistakes_of(name):
                members[name] = self.data[name].batches(self.task.members[name], experiment, self.strategy)
        batches = self._schedule(members)
        if is_chief(self.strategy):
            self._begin_run_directories()
        rate = self.config.uncertainty_learning_rate
        updates = MultiTaskUpdates(self.task, batches, self.recipe, self.strategy, rate, self.hooks, self.options)
        return updates, self._validation()

    def callbacks(self) -> Sequence[keras.callbacks.Callback]:
        patience = {
            name: entry.early_stopping_patience
            for name, entry in self.config.tasks.items()
            if entry.early_stopping_patience is not None
        }
        monitors = {name: Monitor.of(member) for name, member in self.task.members.items()}
        return [TaskEarlyStopping(patience, monitors, self.progress)]

    def report(self, end: Progress) -> dict[str, Any]:
        noted = super().report(end)
        for name, variance in self.task.log_variances.items():
            logger.info("%s: loss weight %.3f at the end", name, float(keras.ops.exp(-variance)))
        return noted

    def _schedule(self, members: dict[str, TrainingBatches]) -> MultiTaskBatches:
        """The batches of all tasks in the order in which they train."""
        epochs, sampling = self.recipe.epochs, self.config.sampling
        batches = MultiTaskBatches(members, sampling, seed=self.config.seed, epochs=epochs, progress=self.progress)
        shares = probabilities([member.examples for member in members.values()], sampling, 0, epochs)
        for (name, member), share in zip(members.items(), shares, strict=True):
            logger.info("%s: %d examples, %.1f %% of the batches", name, member.examples, 100 * share)
        logger.info("training: %d epochs of %d batches", epochs, batches.steps(0))
        return batches

    def _begin_run_directories(self) -> None:
        """That of the run, and one for each task, whose model is a link into it."""
        self.run_directory = RunDirectory.create(self.config)
        for name, experiment in self._experiments.items():
            run = RunDirectory.create(experiment)
            run.link_model(self.run_directory.model / name)
            run.add_to_environment(data=self.data[name].summary.facts())
            self.data[name].save_examples(self.task.members[name], run)

    def _validation(self) -> Validate | None:
        members = self.task.members
        scorers = {
            name: score
            for name, experiment in self._experiments.items()
            if (score := self.data[name].validation(members[name], experiment, self.strategy)) is not None
        }

        def validate() -> dict[str, Any]:
            metrics: dict[str, Any] = {}
            for name, score in scorers.items():
                metrics |= {f"{name}_{metric}": value for metric, value in score().items()}
            # The main metrics first: they are what the line of an epoch shows.
            main = [f"{name}_{member.monitor}" for name, member in members.items()]
            main_metrics = {name: metrics[name] for name in main if name in metrics}
            return {"mean_score": self.task.mean_score(metrics), **main_metrics, **metrics}

        return validate if scorers else None


def run_multi_task(config: MultiTaskConfig, *, resume: bool = False) -> RunDirectory:
    """Trains what ``config`` describes and returns the run directory; see ``Experiment.run``."""
    return MultiTaskExperiment(config, resume=resume).run()


def _check_order(run: RunDirectory, config: MultiTaskConfig) -> None:
    """Raises UserError if a resumed run names its tasks in another order, which decides what a checkpoint holds."""
    if run.config_file.exists():
        before = list(load(run.config_file, MultiTaskConfig).tasks)
        if before != list(config.tasks):
            raise UserError(f"--resume: the run in {run.path} began with its tasks in the order {', '.join(before)}.")
