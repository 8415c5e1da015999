"""``python -m bert_tf.export``: a run as a SavedModel for TF Serving."""

from __future__ import annotations

from collections.abc import Sequence

from bert_tf import command_line
from bert_tf.model_flags import HeadFlags, add_model_flags, open_model

EXAMPLES = """\
  python -m bert_tf.export --run runs/x --output exported/sentiment
  python -m bert_tf.export --backbone SPEC --task embedding --output exported/vectors      # without training"""


def main(argv: Sequence[str]) -> None:
    """Exports the best epoch of a run, checks it, and prints the version directory."""
    parser = command_line.ArgumentParser(
        command="export", description="Export a run as a SavedModel with the tokeniser inside.", examples=EXAMPLES
    )
    add_model_flags(parser, task="embedding")
    parser.add_argument("--output", required=True, metavar="DIR", help="exported/NAME; gets a version directory")
    parser.add_argument("--version", type=int, metavar="N", help="version number [one more than the highest]")
    command_line.add_config_flags(parser, HeadFlags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)

    from bert_tf.exporting.saved_model import export_saved_model

    run = open_model(arguments)
    task = run.load_model()
    version, difference = export_saved_model(task, arguments.output, texts=run.examples(), version=arguments.version)
    print(f"{version}  (largest difference from Keras: {difference:.2g})")


if __name__ == "__main__":
    command_line.run(main)
