"""What is wrong with the config of a training can be said before anything is read, and before TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Collection

from bert_tf.config import DataConfig, ExperimentConfig, TrainingConfig, validate
from bert_tf.errors import UserError
from bert_tf.metrics.extra import extra_names
from bert_tf.tasks import find_schema


def check_experiment(config: ExperimentConfig) -> None:
    """Checks an experiment that is about to begin.

    Raises:
        UserError: the task or one of its options does not exist, or two options do not fit together.
    """
    check_task(config)
    check_recipe(config.training, possible_scores(config.task, config.training), has_validation(config.data))


def check_task(config: ExperimentConfig) -> None:
    """Checks whether the options of the task fit the data and the recipe.

    Raises:
        UserError: an option does not exist, needs validation data where there are none, or needs larger batches; there
            are labels for a task without labels.
    """
    schema = find_schema(config.task)
    options = validate(schema.Options, config.head, flag_prefix="head.")
    if not has_validation(config.data) and (option := schema.needs_validation(options)):
        raise UserError(f"{option} is chosen on the validation data: give --data.validation or --data.split.")
    if config.data.labels is not None and not schema.has_labels:
        raise UserError(f"--data.labels: --task {config.task} has no labels. Leave them out.")
    fewest, recipe = schema.fewest_rows(options), config.training
    if config.data.max_tokens_per_batch is None and recipe.batch_size // recipe.gradient_accumulation_steps < fewest:
        raise UserError(
            f"--training.batch_size {recipe.batch_size}: the loss compares the examples of a batch with each other; it "
            f"needs {fewest} in each of {recipe.gradient_accumulation_steps} accumulation step(s)."
        )


def possible_scores(task: str, recipe: TrainingConfig) -> list[str]:
    """The names of the scores that the evaluation of a task can give, those of extra metrics among them.

    Raises:
        UserError: there is no such task or extra metric, or two scores have one name.
    """
    own = find_schema(task).score_names
    return [*own, *extra_names(recipe.metrics, own)]


def check_recipe(recipe: TrainingConfig, metrics: Collection[str], validation: bool) -> None:
    """Checks the training section.

    Args:
        recipe: the section.
        metrics: names of the scores that evaluation can give.
        validation: whether there are validation data.

    Raises:
        UserError: ``monitor`` is none of the metrics, an option needs validation data, or a batch cannot be cut
            into its pieces.
    """
    check_metric(recipe, metrics)
    for name in ("monitor", "early_stopping_patience"):
        if (value := getattr(recipe, name)) is not None and not validation:
            raise UserError(f"--training.{name} {value} needs validation data: give --data.validation or --data.split.")
    if recipe.batch_size % recipe.gradient_accumulation_steps:
        raise UserError(
            f"--training.batch_size {recipe.batch_size} cannot be cut into {recipe.gradient_accumulation_steps} "
            "accumulation steps: use a multiple of it."
        )


def check_metric(recipe: TrainingConfig, metrics: Collection[str]) -> None:
    """Checks ``monitor``.

    Raises:
        UserError: it is none of the metrics.
    """
    if recipe.monitor is not None and recipe.monitor not in metrics:
        raise UserError(
            f"--training.monitor {recipe.monitor}: there is no such metric; there are: {', '.join(metrics)}."
        )


def has_validation(data: DataConfig) -> bool:
    """Whether the config names validation data or cuts them off."""
    return data.validation is not None or data.split is not None
