"""``python -m bert_tf.predict``: answers for texts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bert_tf import command_line
from bert_tf.atomic_file import refuse_input_as_output
from bert_tf.errors import UserError
from bert_tf.model_flags import ColumnFlags, add_head_flags, add_model_flags, check_data, open_model
from bert_tf.training.run_start import refuse_output_in_run

EXAMPLES = """\
  python -m bert_tf.predict --run runs/x --text "我非常喜欢这本书。" "这本书很差。"
  python -m bert_tf.predict --run runs/x --data in.csv --output out.csv      # or .jsonl, .tsv, .xlsx
  python -m bert_tf.predict --run runs/pretrained --text "今天天气很[MASK]。" --top_k 5
  python -m bert_tf.predict --backbone SPEC --text "今天天气很[MASK]。"     # a checkpoint with its head"""


INPUTS = {
    "text": "texts, instead of --data",
    "text_pair": "the second text of each pair, beside --text",
    "question": "questions, beside --context",
    "context": "the text that answers each --question, or one for all",
    "choices": "the answers to choose from, beside --text; again for each text, or once for all",
}
"""Records on the command line: a flag for each column that some task reads."""


def main(argv: Sequence[str]) -> None:
    """Writes each record in order: its own columns, by their own names, and the answer."""
    arguments = _parse(argv)
    command_line.start_logging(arguments.quiet)
    given = {name: getattr(arguments, name) for name in INPUTS if getattr(arguments, name) is not None}
    if bool(arguments.data) == bool(given):
        raise UserError("Give either --data, or records, such as --text.")

    from bert_tf.data.input_files import input_files
    from bert_tf.inference.answer_files import answer_format

    answer_format(arguments.output)
    if arguments.output:
        refuse_input_as_output(arguments.output, input_files(arguments.data or []))
        refuse_output_in_run(arguments.output)
    check_data(arguments, labelled=False)

    from tqdm import tqdm

    from bert_tf.data.empty_texts import tell_empty_texts
    from bert_tf.data.records import Records
    from bert_tf.data.sources import ReadOptions, columns_before_rows
    from bert_tf.data.typed_records import typed_rows
    from bert_tf.inference.answer_files import columns_of, open_answers
    from bert_tf.inference.predict import answer_records, example_answer
    from bert_tf.runs.run_evaluation import open_evaluation_data

    run = open_model(arguments)
    task = run.load_model()
    config = run.config()
    if arguments.top_k is not None:
        if not hasattr(task, "top_k"):
            raise UserError(f"--top_k: the task {config.task} gives one answer only.")
        task.top_k = arguments.top_k
    if arguments.data:
        renamed = command_line.config_values(arguments, ColumnFlags).get("columns", {})
        records = open_evaluation_data(
            config.data, task, arguments.data, renamed, labelled=False, encoding=arguments.encoding
        )
    else:
        rows = [task.prepare(row) for row in typed_rows(given, task.input_columns())]
        records = Records(rows[0].file, lambda: iter(rows))
    texts = [name for name, spec in task.input_specs().items() if spec.shape.rank == 1]
    told = Records(records.name, lambda: tell_empty_texts(records, texts))

    answers = answer_records(task, told, batch_size=arguments.batch_size or config.training.evaluation_batch_size)
    bar = tqdm(answers, unit="record", disable=arguments.quiet or not sys.stderr.isatty() or not arguments.data)
    columns = columns_of(arguments.output, records)
    if arguments.data and not columns:
        options = ReadOptions(config.data.header, config.data.quoting, arguments.encoding)
        columns = columns_before_rows(arguments.data, options) or list(task.input_columns())
    with open_answers(arguments.output, columns, lambda: example_answer(task)) as write:
        for row, answer in bar:
            write(row, answer)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = command_line.ArgumentParser(command="predict", description="Answer texts.", examples=EXAMPLES)
    add_model_flags(parser, task="fill")
    parser.add_argument("--data", nargs="+", metavar="SPEC", help="data specs; labels are not needed")
    for name, help_text in INPUTS.items():
        action = "append" if name == "choices" else "extend"
        parser.add_argument(f"--{name}", nargs="+", action=action, metavar=name.upper(), help=help_text)
    parser.add_argument(
        "--output",
        metavar="FILE",
        help=".jsonl, .csv, .tsv or .xlsx [JSON Lines on stdout]; written whole or not at all",
    )
    parser.add_argument("--batch_size", type=command_line.positive, metavar="N", help="largest batch [the run's]")
    parser.add_argument("--top_k", type=command_line.positive, metavar="N", help="answers, in tasks that give several")
    command_line.add_encoding_flag(parser)
    add_head_flags(parser, ColumnFlags, argv)
    return parser.parse_args(argv)


if __name__ == "__main__":
    command_line.run(main)
