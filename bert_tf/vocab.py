"""``python -m bert_tf.vocab``: learns a WordPiece vocabulary from texts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, Field

from bert_tf import command_line
from bert_tf.atomic_file import refuse_input_as_output, write_atomically
from bert_tf.training.run_start import refuse_output_in_run

EXAMPLES = """\
  python -m bert_tf.vocab --data corpus/*.txt --size 21128 --output vocab.txt
  python -m bert_tf.vocab --data reviews.csv --columns.text review --size 8000 --held_out new.csv --output vocab.txt"""


class Flags(BaseModel):
    """The flags that are made like a config's."""

    columns: dict[str, str] = Field(default_factory=dict, description="--columns.text NAME: the column to read")


def main(argv: Sequence[str]) -> None:
    """Writes ``vocab.txt``, one token per line, and prints how well it fits the texts."""
    arguments = _parse(argv)
    command_line.start_logging(arguments.quiet)

    from bert_tf.data.input_files import input_files
    from bert_tf.data.sources import open_records
    from bert_tf.tables import table
    from bert_tf.tokenization.vocabulary import RESERVED_TOKENS, check_vocabulary, learn_vocabulary
    from bert_tf.tokenization.vocabulary_report import report_vocabulary

    refuse_input_as_output(arguments.output, input_files([*arguments.data, *(arguments.held_out or [])]))
    refuse_output_in_run(arguments.output)
    columns = command_line.config_values(arguments, Flags).get("columns", {})
    lowercase = arguments.lowercase == "true"

    def texts(specs: Sequence[str]) -> Iterator[str]:
        records = open_records(
            specs,
            columns=columns,
            required=("text",),
            text_columns=("text",),
            encoding=arguments.encoding,
            columns_flag="--columns",
        )
        return (row.values["text"] for row in records)

    vocabulary = learn_vocabulary(
        lambda: texts(arguments.data),
        arguments.size,
        lowercase=lowercase,
        min_frequency=arguments.min_frequency,
        reserved_tokens=[*RESERVED_TOKENS, *arguments.reserved_tokens],
    )
    check_vocabulary(vocabulary, "--reserved_tokens")
    report = report_vocabulary(vocabulary, texts(arguments.held_out or arguments.data), lowercase=lowercase)
    write_atomically(arguments.output, "".join(f"{token}\n" for token in vocabulary), "--output")
    rows = [["", "value"]]
    for name, value in report.as_dict().items():
        rows.append([name.replace("_", " "), f"{value:,}" if isinstance(value, int) else f"{value:.4f}"])
    print(table(rows))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = command_line.ArgumentParser(
        command="vocab", description="Learn a WordPiece vocabulary.", examples=EXAMPLES
    )
    parser.add_argument("--data", nargs="+", required=True, metavar="SPEC", help="data specs; the column text is read")
    parser.add_argument(
        "--size", type=command_line.positive, default=21128, metavar="N", help="largest number of tokens [21128]"
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="vocab.txt to write")
    parser.add_argument(
        "--lowercase", choices=["true", "false"], default="true", help="lower-case, strip accents [true]"
    )
    parser.add_argument(
        "--min_frequency",
        type=command_line.positive,
        default=2,
        metavar="N",
        help="pieces are joined that often at least [2]",
    )
    parser.add_argument(
        "--reserved_tokens", nargs="+", default=[], metavar="TOKEN", help="further tokens, after [PAD] … [MASK]"
    )
    parser.add_argument("--held_out", nargs="+", metavar="SPEC", help="texts to report on [those of --data]")
    command_line.add_encoding_flag(parser)
    command_line.add_config_flags(parser, Flags, argv)
    return parser.parse_args(argv)


if __name__ == "__main__":
    command_line.run(main)
