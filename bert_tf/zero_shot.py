"""``python -m bert_tf.zero_shot``: classifies by labels that training never saw, with a model of inference."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pydantic import BaseModel, Field

from bert_tf import command_line
from bert_tf.errors import UserError

EXAMPLES = """\
  python -m bert_tf.zero_shot --run runs/ocnli --text "国足昨晚二比一取胜。" --labels 体育 财经 科技 \\
      --template "这篇文章讲的是{}。"
  python -m bert_tf.zero_shot --run runs/nli --data news.jsonl --labels sports finance --multi_label"""


class Flags(BaseModel):
    """The flags that are made like a config's."""

    columns: dict[str, str] = Field(default_factory=dict, description="column names of --data")


def main(argv: Sequence[str]) -> None:
    """Writes one JSON line per record, in order: the record's own columns and ``prediction``."""
    parser = command_line.ArgumentParser(
        command="zero_shot", description="Classify by any labels, with a model of inference.", examples=EXAMPLES
    )
    parser.add_argument("--run", required=True, metavar="DIR", help="run of a classifier of premise and hypothesis")
    parser.add_argument("--text", help="one text, instead of --data")
    parser.add_argument("--data", nargs="+", metavar="SPEC", help="data specs")
    parser.add_argument("--labels", nargs="+", required=True, metavar="LABEL", help="the labels to choose from")
    parser.add_argument("--template", default="This text is about {}.", help="the hypothesis, {} stands for the label")
    parser.add_argument("--multi_label", action="store_true", help="any number of labels may be true")
    parser.add_argument("--entailment", metavar="LABEL", help="the model's label for it [found by its spelling]")
    parser.add_argument("--contradiction", metavar="LABEL", help="the model's label for it [found by its spelling]")
    parser.add_argument("--batch_size", type=command_line.positive, metavar="N", help="largest batch of pairs")
    command_line.add_encoding_flag(parser)
    command_line.add_config_flags(parser, Flags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)
    if (arguments.text is None) == (arguments.data is None):
        raise UserError("Give either --text or --data.")
    if "{}" not in arguments.template:
        raise UserError(f"--template {arguments.template!r}: it needs {{}} where the label goes.")
    if len(set(arguments.labels)) < len(arguments.labels) or (len(arguments.labels) < 2 and not arguments.multi_label):
        raise UserError("--labels: give two different labels at least (one is enough with --multi_label).")

    from bert_tf.data.records import Records, Row
    from bert_tf.data.sources import open_records
    from bert_tf.inference.predict import prediction_line
    from bert_tf.inference.zero_shot import Inference, classify
    from bert_tf.runs.run_directory import RunDirectory

    run = RunDirectory.open(arguments.run)
    config = run.config()
    task = run.load_model()
    inference = Inference.of(task, arguments.entailment, arguments.contradiction)
    if arguments.data:
        columns = command_line.config_values(arguments, Flags).get("columns", {})
        records = open_records(
            arguments.data,
            columns=columns,
            required=("text",),
            text_columns=("text",),
            encoding=arguments.encoding,
            columns_flag="--columns",
        )
    else:
        records = Records("--text", lambda: iter([Row("--text", 1, {"text": arguments.text})]))
    answers = classify(
        task,
        records,
        arguments.labels,
        template=arguments.template,
        inference=inference,
        multi_label=arguments.multi_label,
        batch_size=arguments.batch_size or config.training.evaluation_batch_size,
    )
    for row, answer in answers:
        sys.stdout.write(prediction_line(row, answer))


if __name__ == "__main__":
    command_line.run(main)
