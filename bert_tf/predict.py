"""``python -m bert_tf.predict``: answers for texts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext

from pydantic import Field

from bert_tf import command_line
from bert_tf.atomic_file import open_atomically, refuse_input_as_output
from bert_tf.errors import UserError
from bert_tf.model_flags import HeadFlags, add_head_flags, add_model_flags, open_model

EXAMPLES = """\
  python -m bert_tf.predict --run runs/x --text "我非常喜欢这本书。"
  python -m bert_tf.predict --run runs/x --data in.jsonl --output out.jsonl
  python -m bert_tf.predict --run runs/pretrained --text "今天天气很[MASK]。" --top_k 5
  python -m bert_tf.predict --backbone SPEC --text "今天天气很[MASK]。"     # a checkpoint with its head"""


INPUTS = {
    "text": "one text, instead of --data",
    "text_pair": "the second text of a pair, beside --text",
    "question": "a question, beside --context",
    "context": "the text that answers --question",
    "choices": "the answers to choose from, beside --text",
}
"""One record on the command line: a flag for each column that some task reads."""


class Flags(HeadFlags):
    """The flags that are made like a config's."""

    columns: dict[str, str] = Field(default_factory=dict, description="column names of --data, over the run's own")


def main(argv: Sequence[str]) -> None:
    """Writes one JSON line per record, in order: the record's own columns and ``prediction``."""
    parser = command_line.ArgumentParser(command="predict", description="Answer texts.", examples=EXAMPLES)
    add_model_flags(parser, task="fill")
    parser.add_argument("--data", nargs="+", metavar="SPEC", help="data specs; labels are not needed")
    for name, help_text in INPUTS.items():
        parser.add_argument(f"--{name}", nargs="+" if name == "choices" else None, help=help_text)
    parser.add_argument("--output", metavar="FILE", help="JSONL file [stdout]; written whole or not at all")
    parser.add_argument("--batch_size", type=command_line.positive, metavar="N", help="largest batch [the run's]")
    parser.add_argument("--top_k", type=command_line.positive, metavar="N", help="answers, in tasks that give several")
    command_line.add_encoding_flag(parser)
    add_head_flags(parser, Flags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)
    given = {name: getattr(arguments, name) for name in INPUTS if getattr(arguments, name) is not None}
    if bool(arguments.data) == bool(given):
        raise UserError("Give either --data, or one record, such as --text.")

    from tqdm import tqdm

    from bert_tf.data.input_files import input_files
    from bert_tf.data.records import Records, Row
    from bert_tf.evaluation.inference import answer_records, prediction_line
    from bert_tf.evaluation.run_evaluation import open_evaluation_data

    if arguments.output:
        refuse_input_as_output(arguments.output, input_files(arguments.data or []))
    run = open_model(arguments)
    task = run.load_model()
    config = run.config()
    if arguments.top_k is not None:
        if not hasattr(task, "top_k"):
            raise UserError(f"--top_k: the task {config.task} gives one answer only.")
        task.top_k = arguments.top_k
    if arguments.data:
        columns = command_line.config_values(arguments, Flags).get("columns", {})
        records = open_evaluation_data(
            config.data, task, arguments.data, columns, labelled=False, encoding=arguments.encoding
        )
    else:
        needed = task.input_columns()
        if missing := [name for name in needed if name not in given]:
            raise UserError(f"--{missing[0]} is required: this model reads {' and '.join(needed)}.")
        if surplus := [name for name in given if name not in needed]:
            raise UserError(f"--{surplus[0]}: this model reads {' and '.join(needed)} only.")
        row = task.prepare(Row(f"--{needed[0]}", 1, {name: given[name] for name in needed}))
        records = Records(row.file, lambda: iter([row]))

    answers = answer_records(task, records, batch_size=arguments.batch_size or config.training.evaluation_batch_size)
    bar = tqdm(answers, unit="record", disable=arguments.quiet or not sys.stderr.isatty() or not arguments.data)
    with open_atomically(arguments.output, "--output") if arguments.output else nullcontext(sys.stdout) as output:
        output.writelines(prediction_line(row, answer) for row, answer in bar)


if __name__ == "__main__":
    command_line.run(main)
