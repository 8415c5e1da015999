"""``python -m bert_tf.evaluate``: the metrics of a run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from bert_tf import command_line
from bert_tf.atomic_file import open_atomically, write_atomically
from bert_tf.errors import UserError
from bert_tf.model_flags import HeadFlags, add_model_flags, open_model, open_tasks

if TYPE_CHECKING:
    from bert_tf.training.run_directory import RunDirectory
    from bert_tf.training.untrained import UntrainedModel

EXAMPLES = """\
  python -m bert_tf.evaluate --run runs/x                        # the run's own test (or validation) data
  python -m bert_tf.evaluate --run runs/x --data test.tsv --columns.text sentence
  python -m bert_tf.evaluate --run runs/x --baselines            # beside majority class and TF-IDF"""


class Flags(HeadFlags):
    """The flags that are made like a config's."""

    columns: dict[str, str] = Field(default_factory=dict, description="column names of --data, over the run's own")


def main(argv: Sequence[str]) -> None:
    """Evaluates the best epoch, prints a table, and writes metrics and predictions into ``evaluation/``.

    Tasks that official scripts score write what these read beside them. Of a run of several tasks, each is evaluated.
    """
    parser = command_line.ArgumentParser(command="evaluate", description="Evaluate a run.", examples=EXAMPLES)
    add_model_flags(parser, task="embedding")
    parser.add_argument("--data", nargs="+", metavar="SPEC", help="labelled data [the run's test data]")
    parser.add_argument("--baselines", action="store_true", help="also score simple models trained on the same data")
    parser.add_argument("--batch_size", type=command_line.positive, metavar="N", help="largest batch [the run's]")
    parser.add_argument(
        "--data.on_unknown_label",
        dest="on_unknown_label",
        choices=["error", "skip"],
        help="a label that training did not have [the run's]",
    )
    command_line.add_config_flags(parser, Flags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)

    members = open_tasks(arguments)
    if not members:
        _evaluate(open_model(arguments), arguments)
        return

    from bert_tf.training.run_directory import RunDirectory

    if arguments.data or command_line.config_values(arguments, Flags):
        raise UserError(f"--data is of one task: give --run {arguments.run}/tasks/NAME, one of {', '.join(members)}.")
    metrics = {}
    for number, (name, run) in enumerate(members.items()):
        print(f"{chr(10) if number else ''}== {name} ==")
        metrics[name] = _evaluate(run, arguments)
    _write_json(RunDirectory(arguments.run).evaluation / "metrics.json", metrics)


def _evaluate(run: RunDirectory | UntrainedModel, arguments: argparse.Namespace) -> dict[str, Any]:
    """Evaluates one model, prints its tables, and returns what its ``metrics.json`` holds."""
    from bert_tf.evaluation import report
    from bert_tf.evaluation.run_evaluation import evaluate_run
    from bert_tf.training.run_directory import RunDirectory

    folder = run.evaluation if isinstance(run, RunDirectory) else None
    with open_atomically(folder / "predictions.jsonl") if folder else nullcontext() as predictions:
        scores = evaluate_run(
            run,
            data=arguments.data,
            columns=command_line.config_values(arguments, Flags).get("columns", {}),
            batch_size=arguments.batch_size,
            on_unknown_label=arguments.on_unknown_label,
            baselines=arguments.baselines,
            predictions=predictions,
        )
    result = scores.models["model"]
    baselines = {name: values for name, values in scores.models.items() if name != "model"}
    metrics = {"data": scores.data, **result, "baselines": baselines}
    if folder:
        for name, content in {"metrics.json": metrics, **scores.files}.items():
            _write_json(folder / name, content)
    print(f"{scores.data}\n\n{report.metrics_table(scores.models)}")
    for part in (report.label_table(result), report.confusion_table(result)):
        if part:
            print(f"\n{part}")
    return metrics


def _write_json(path: Path, content: Any) -> None:
    write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    command_line.run(main)
