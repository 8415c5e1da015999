"""``python -m bert_tf.evaluate``: the metrics of a run."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bert_tf import command_line
from bert_tf.atomic_file import OutputIfPossible, refuse_input_as_output, write_atomically
from bert_tf.errors import UserError
from bert_tf.metrics.extra import METRICS, extra_names
from bert_tf.model_flags import ColumnFlags, add_head_flags, add_model_flags, check_data, open_model, open_tasks

if TYPE_CHECKING:
    from bert_tf.runs.run_directory import RunDirectory
    from bert_tf.runs.untrained import UntrainedModel

logger = logging.getLogger("bert_tf")

EXAMPLES = """\
  python -m bert_tf.evaluate --run runs/x                        # the run's own test (or validation) data
  python -m bert_tf.evaluate --run runs/x --data test.tsv --columns.text sentence
  python -m bert_tf.evaluate --run runs/x --baselines            # beside majority class and TF-IDF"""


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
    parser.add_argument(
        "--data.on_bad_sequence",
        dest="on_bad_sequence",
        choices=["error", "repair", "skip"],
        help="tagging: a sentence whose tags their scheme does not allow [the run's]",
    )
    parser.add_argument(
        "--training.metrics",
        dest="metrics",
        nargs="+",
        metavar="NAME",
        help=f"more scores, of {', '.join(METRICS)} [the run's]",
    )
    command_line.add_encoding_flag(parser)
    add_head_flags(parser, ColumnFlags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)
    extra_names(arguments.metrics or [])
    check_data(arguments, labelled=True)

    members = open_tasks(arguments)
    if not members:
        _, error = _evaluate(open_model(arguments), arguments)
        if error:
            raise error
        return

    from bert_tf.runs.run_directory import RunDirectory

    if arguments.data or command_line.config_values(arguments, ColumnFlags):
        raise UserError(f"--data is of one task: give --run {arguments.run}/tasks/NAME, one of {', '.join(members)}.")
    metrics = {}
    errors = []
    for number, (name, run) in enumerate(members.items()):
        print(f"{chr(10) if number else ''}== {name} ==")
        metrics[name], error = _evaluate(run, arguments)
        errors += [error] if error else []
    if errors:
        raise errors[0]
    _write_json(RunDirectory(arguments.run).evaluation / "metrics.json", metrics)


def _evaluate(
    run: RunDirectory | UntrainedModel, arguments: argparse.Namespace
) -> tuple[dict[str, Any], UserError | None]:
    """Evaluates one model and prints its tables.

    Returns:
        What its ``metrics.json`` holds, and why the files could not be written, if they could not.
    """
    from bert_tf.data.input_files import input_files
    from bert_tf.insight.reports import metrics_text as report
    from bert_tf.runs.run_directory import RunDirectory
    from bert_tf.runs.run_evaluation import evaluate_run

    folder = run.evaluation if isinstance(run, RunDirectory) else None
    if folder:
        read = input_files(arguments.data or [])
        for file in folder.glob("*"):
            refuse_input_as_output(file, read, "--run")
    with OutputIfPossible(folder and folder / "predictions.jsonl") as predictions:
        scores = evaluate_run(
            run,
            data=arguments.data,
            columns=command_line.config_values(arguments, ColumnFlags).get("columns", {}),
            encoding=arguments.encoding,
            batch_size=arguments.batch_size,
            on_unknown_label=arguments.on_unknown_label,
            on_bad_sequence=arguments.on_bad_sequence,
            metrics=arguments.metrics,
            baselines=arguments.baselines,
            predictions=predictions,
        )
    result = scores.models["model"]
    baselines = {name: values for name, values in scores.models.items() if name != "model"}
    metrics = {"data": scores.data, **result, "baselines": baselines}
    print(f"{scores.data}\n\n{report.metrics_table(scores.models)}")
    for part in (report.label_table(result), report.confusion_table(result)):
        if part:
            print(f"\n{part}")
    if arguments.baselines and not baselines:
        logger.warning("--baselines: there are none for this task.")
    if better := report.comparison(scores.models, scores.monitor):
        print(f"\n{better}")
    try:
        if predictions.error:
            raise predictions.error
        if folder:
            for name, content in {"metrics.json": metrics, **scores.files}.items():
                _write_json(folder / name, content)
            if scores.mistakes is not None:
                _write_mistakes(folder / "errors.jsonl", scores.mistakes, result["examples"])
    except UserError as error:
        return metrics, UserError(f"{error} The metrics that were printed are complete.")
    return metrics, None


def _write_mistakes(path: Path, mistakes: list[dict[str, Any]], examples: int) -> None:
    write_atomically(path, "".join(json.dumps(m, ensure_ascii=False, default=str) + "\n" for m in mistakes))
    if mistakes:
        logger.info("%d of %d answers are wrong, the most confident first: %s", len(mistakes), examples, path)


def _write_json(path: Path, content: Any) -> None:
    write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    command_line.run(main)
