"""``python -m bert_tf.evaluate``: the metrics of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext

from pydantic import Field

from bert_tf import command_line
from bert_tf.atomic_file import open_atomically, write_atomically
from bert_tf.model_flags import HeadFlags, add_model_flags, open_model

EXAMPLES = """\
  python -m bert_tf.evaluate --run runs/x                        # the run's own test (or validation) data
  python -m bert_tf.evaluate --run runs/x --data test.tsv --columns.text sentence
  python -m bert_tf.evaluate --run runs/x --baselines            # beside majority class and TF-IDF"""


class Flags(HeadFlags):
    """The flags that are made like a config's."""

    columns: dict[str, str] = Field(default_factory=dict, description="column names of --data, over the run's own")


def main(argv: Sequence[str]) -> None:
    """Evaluates the best epoch, prints a table, and writes metrics and predictions into ``evaluation/``.

    Tasks that official scripts score write what these read beside them.
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

    from bert_tf.evaluation import report
    from bert_tf.evaluation.run_evaluation import evaluate_run
    from bert_tf.training.run_directory import RunDirectory

    run = open_model(arguments)
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
    if folder:
        baselines = {name: metrics for name, metrics in scores.models.items() if name != "model"}
        metrics = {"data": scores.data, **result, "baselines": baselines}
        for name, content in {"metrics.json": metrics, **scores.files}.items():
            write_atomically(folder / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    print(f"{scores.data}\n\n{report.metrics_table(scores.models)}")
    for part in (report.label_table(result), report.confusion_table(result)):
        if part:
            print(f"\n{part}")


if __name__ == "__main__":
    command_line.run(main)
