"""The typed config of a run that trains several tasks on one backbone."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from bert_tf.config import TASK_HELP, DataConfig, ExperimentConfig, RunConfig, ScratchConfig, Section, TrainingConfig
from bert_tf.errors import UserError
from bert_tf.multi_task.task_errors import mistakes_of
from bert_tf.training.config_checks import check_recipe, check_task, has_validation, possible_scores


class TaskEntry(Section):
    """One of the tasks: what an experiment says of its task, and how much it counts beside the others."""

    task: str = Field("classification", description=TASK_HELP)
    data: DataConfig = Field(default_factory=DataConfig)
    head: dict[str, Any] = Field(default_factory=dict, description="options of the task")
    loss_weight: float = Field(1.0, gt=0, description="factor of this task's loss (loss_weighting fixed)")
    early_stopping_patience: int | None = Field(
        None, ge=1, description="draw this task no more after so many epochs without a better value (none: always)"
    )


class SamplingConfig(Section):
    """Which task the next batch is of."""

    strategy: Literal["proportional", "temperature", "annealed", "uniform"] = Field(
        "proportional", description="by the number N of a task's examples: N, N^(1/temperature), N^(1 to 0.2), N^0"
    )
    temperature: float = Field(2.0, gt=0, description="of strategy temperature: 2 is the square root")


class MultiTaskConfig(RunConfig):
    """One run: backbone × several tasks with their data × training recipe."""

    kind: ClassVar[str] = "multi_task"

    backbone: str = Field(
        ..., description="preset name, hf://…, kaggle://…, local directory, package://NAME/PATH or scratch:SIZE"
    )
    tasks: dict[str, TaskEntry] = Field(..., description="the tasks by name")
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    loss_weighting: Literal["fixed", "uncertainty"] = Field(
        "fixed", description="fixed: each task's loss_weight; uncertainty: learned with the model"
    )
    uncertainty_learning_rate: float = Field(
        1e-2, gt=0, description="peak learning rate of what uncertainty learns; the model's would hardly move it"
    )
    scratch: ScratchConfig = Field(default_factory=ScratchConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)

    @field_validator("tasks")
    @classmethod
    def _names_are_usable(cls, tasks: dict[str, TaskEntry]) -> dict[str, TaskEntry]:
        for name in tasks:
            if not re.fullmatch("[a-z][a-z0-9_]*", name) or name == "serving_default":
                raise ValueError(
                    f"{name!r} cannot name a task: it becomes a folder and a signature, of a-z, 0-9 and _, beginning "
                    "with a letter, and not serving_default"
                )
        if len(tasks) < 2:
            raise ValueError("give two tasks or more; an experiment of one task needs no tasks section")
        return tasks

    @field_validator("training")
    @classmethod
    def _one_batch_a_call(cls, training: TrainingConfig) -> TrainingConfig:
        if training.steps_per_execution != 1:
            raise ValueError("steps_per_execution must be 1 with several tasks: each batch may be of another one")
        return training

    @model_validator(mode="after")
    def _weights_are_fixed_or_learned(self) -> MultiTaskConfig:
        given = [name for name, entry in self.tasks.items() if entry.loss_weight != 1.0]
        if given and self.loss_weighting == "uncertainty":
            raise ValueError(f"tasks.{given[0]}.loss_weight has no meaning with loss_weighting uncertainty")
        return self

    def training_data(self) -> list[str]:
        return [spec for name in self.tasks for spec in self.experiment(name).training_data()]

    def as_experiment(self) -> ExperimentConfig:
        raise UserError(f"{self.output}: this run has several tasks; give one: {', '.join(self.tasks)}.")

    def experiment(self, name: str) -> ExperimentConfig:
        """One task as an experiment of its own: what the commands that work with one task read."""
        entry = self.tasks[name]
        return ExperimentConfig(
            output=f"{self.output}/tasks/{name}",
            seed=self.seed,
            distribution=self.distribution,
            task=entry.task,
            backbone=self.backbone,
            data=entry.data,
            head=entry.head,
            scratch=self.scratch,
            training=self.training,
        )


def check_tasks(config: MultiTaskConfig) -> None:
    """Checks a run of several tasks that is about to begin.

    Raises:
        UserError: as :func:`bert_tf.training.config_checks.check_experiment`.
    """
    metrics = ["mean_score"]
    for name, entry in config.tasks.items():
        with mistakes_of(name):
            check_task(config.experiment(name))
            if has_validation(entry.data):
                metrics += [f"{name}_{metric}" for metric in possible_scores(entry.task, config.training)]
            elif entry.early_stopping_patience is not None:
                flag = f"--tasks.{name}.early_stopping_patience"
                raise UserError(f"{flag} needs validation data: give --data.validation or --data.split.")
    check_recipe(config.training, metrics, any(has_validation(entry.data) for entry in config.tasks.values()))
