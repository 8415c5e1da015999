"""``python -m bert_tf.export``: a run as a SavedModel for TF Serving, a Hugging Face directory or a KerasHub preset."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bert_tf import command_line
from bert_tf.config import validate
from bert_tf.errors import UserError
from bert_tf.exporting.formats import FORMATS
from bert_tf.model_flags import HeadFlags, add_head_flags, add_model_flags, open_model, open_tasks
from bert_tf.training.run_start import refuse_output_in_run

if TYPE_CHECKING:
    from bert_tf.exporting.exportable import Exportable

DEFAULT_FORMAT = "saved_model"

EXAMPLES = """\
  python -m bert_tf.export --run runs/x --output exported/sentiment
  python -m bert_tf.export --backbone SPEC --task embedding --output exported/vectors      # without training
  python -m bert_tf.export --run runs/x --format huggingface --output exported/sentiment-hf
  python -m bert_tf.export --backbone uncased_L-12_H-768_A-12 --format huggingface --output bert-hf   # converts
  python -m bert_tf.export --run runs/x --format preset --dtype float16 --output half-the-size"""


def main(argv: Sequence[str]) -> None:
    """Exports the best epoch of a run and prints the directory."""
    parser = command_line.ArgumentParser(
        command="export",
        description="Export a run: a SavedModel with the tokeniser inside, a Hugging Face directory, or a preset.",
        examples=EXAMPLES,
    )
    add_model_flags(parser, task="embedding")
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="exported/NAME; a SavedModel gets a version in it"
    )
    parser.add_argument(
        "--format", default=DEFAULT_FORMAT, metavar="NAME", help=f"one of {', '.join(FORMATS)} [{DEFAULT_FORMAT}]"
    )
    name = command_line.peek(argv, "--format") or DEFAULT_FORMAT
    schema = FORMATS.options(name)
    _refuse_options_of_others(argv, name)
    command_line.add_config_flags(parser, schema, argv)
    add_head_flags(parser, HeadFlags, argv)
    arguments = parser.parse_args(argv)
    options = validate(schema, command_line.config_values(arguments, schema))
    command_line.start_logging(arguments.quiet)

    refuse_output_in_run(arguments.output)
    from bert_tf.exporting.publish import publish

    print(publish(name, _exportable(arguments), arguments.output, options))


def _refuse_options_of_others(argv: Sequence[str], name: str) -> None:
    """Names the format that an option belongs to, where it is not the chosen one's."""
    known = FORMATS.options(name).model_fields
    given = {word.partition("=")[0].removeprefix("--") for word in argv if word.startswith("--")}
    for other in FORMATS:
        for option in given & (FORMATS.options(other).model_fields.keys() - known.keys()):
            raise UserError(f"--{option} goes with --format {other}.")


def _exportable(arguments: argparse.Namespace) -> Exportable:
    """What the flags name: a run of one task or several, or a backbone with a task or alone."""
    alone = arguments.backbone and not arguments.run and not arguments.task
    if alone and FORMATS.declared(arguments.format, "BACKBONES"):
        from bert_tf.backbones.loading import load_backbone
        from bert_tf.exporting.exportable import Exportable

        return Exportable.of_backbone(load_backbone(arguments.backbone))
    members = open_tasks(arguments)
    run = None if members else open_model(arguments)

    from bert_tf.runs.exportable_run import exportable_run, exportable_runs

    return exportable_runs(members) if run is None else exportable_run(run)


if __name__ == "__main__":
    command_line.run(main)
