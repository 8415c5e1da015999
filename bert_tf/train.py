"""``python -m bert_tf.train``: fine-tunes a backbone on a task. In Python: ``bert_tf.train(config)``."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf import command_line
from bert_tf.config import ExperimentConfig, read_yaml, validate
from bert_tf.data.early_check import check_training_data
from bert_tf.errors import UserError
from bert_tf.head_flags import check_head, with_head
from bert_tf.multi_task.multi_task_config import MultiTaskConfig, check_tasks
from bert_tf.multi_task.task_errors import mistakes_of
from bert_tf.plugin_flags import with_plugins
from bert_tf.tasks import find_schema
from bert_tf.training.config_checks import check_experiment
from bert_tf.training.run_start import add_run_flags, check_output, name_resumed_run

if TYPE_CHECKING:
    from bert_tf.runs.loaded_run import LoadedRun

EXAMPLES = """\
  python -m bert_tf.train --task classification --backbone bert_base_zh --data.train train.tsv \\
      --data.validation dev.tsv --training.epochs 3 --output runs/x
  python -m bert_tf.train --backbone scratch:mini --data.train all.csv --data.split 0.8 0.1 0.1 \\
      --data.columns.text review --data.columns.label stars --output runs/stars
  python -m bert_tf.train --config configs/multi_task_glue.yaml      # several tasks on one backbone
  python -m bert_tf.train --config runs/x/config.yaml --resume"""


def main(argv: Sequence[str]) -> None:
    """Reads ``--config`` and the flags over it, trains, and writes the run directory."""
    parser = command_line.ArgumentParser(command="train", description="Fine-tune BERT.", examples=EXAMPLES)
    add_run_flags(parser)
    argv = name_resumed_run(argv)
    config_file = command_line.peek(argv, "--config")
    values = read_yaml(config_file)[0] if config_file else {}
    several = values.get("tasks")
    task = command_line.peek(argv, "--task") or values.get("task", ExperimentConfig.model_fields["task"].default)
    flags = with_plugins(MultiTaskConfig if several else with_head(ExperimentConfig, str(task)), argv, values)
    command_line.add_config_flags(parser, flags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)

    # TensorFlow loads only once the flags are right.
    if several:
        for name in command_line.config_values(arguments, flags).get("tasks", {}):
            if name not in several:
                raise UserError(f"--tasks.{name}: {config_file} has no such task; it has: {', '.join(several)}.")
        config = command_line.read_config(arguments, MultiTaskConfig, flags)
        check_output(config, arguments.resume)
        for name, entry in config.tasks.items():
            with mistakes_of(name):
                options = check_head(entry.task, entry.head)
                check_training_data(entry.data, find_schema(entry.task), options)
        if not arguments.resume:
            check_tasks(config)

        from bert_tf.multi_task.multi_task_experiment import run_multi_task

        run_multi_task(config, resume=arguments.resume)
    else:
        experiment = command_line.read_config(arguments, ExperimentConfig, flags)
        options = check_head(experiment.task, experiment.head)
        if not arguments.resume:
            check_experiment(experiment)
        check_output(experiment, arguments.resume)
        check_training_data(experiment.data, find_schema(experiment.task), options)

        from bert_tf.training.experiment import run_experiment

        run_experiment(experiment, resume=arguments.resume)


class _Train(types.ModuleType):
    """This module, which Python code may call: ``bert_tf.train(config)``."""

    def __call__(self, config: ExperimentConfig | Mapping[str, Any], *, resume: bool = False) -> LoadedRun:
        """Trains an experiment.

        Args:
            config: the experiment, or its values as in a YAML config.
            resume: continue the run that is in ``config.output``.

        Returns:
            The run.

        Raises:
            UserError: anything in the config, the data or the backbone that the user can put right.
        """
        if not isinstance(config, ExperimentConfig):
            config = validate(ExperimentConfig, config)

        from bert_tf.runs.loaded_run import load
        from bert_tf.training.experiment import run_experiment

        return load(run_experiment(config, resume=resume).path)


sys.modules[__name__].__class__ = _Train

if __name__ == "__main__":
    command_line.run(main)
