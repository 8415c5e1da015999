"""``python -m bert_tf.prepare_corpus``: turns raw text into a corpus to pre-train on."""

from __future__ import annotations

from collections.abc import Sequence

from bert_tf import command_line
from bert_tf.data.files import is_remote
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.training.run_start import refuse_output_in_run

EXAMPLES = """\
  python -m bert_tf.prepare_corpus --data raw/*.txt --exclude test.tsv --output corpus/clean --processes 4
  python -m bert_tf.prepare_corpus --data raw/*.jsonl --format examples --vocabulary vocab.txt --output corpus/examples
  python -m bert_tf.prepare_corpus --data gs://bucket/raw/*.jsonl.gz --output gs://bucket/clean \\
      --runner DataflowRunner --project NAME --region europe-west1 --temp_location gs://bucket/tmp
  python -m bert_tf.pretrain       --backbone scratch:mini --data corpus/examples --output runs/pretrained"""


def main(argv: Sequence[str]) -> None:
    """Reads ``--config`` and the flags over it and writes the folder; what is left over is for Apache Beam."""
    parser = command_line.ArgumentParser(
        command="prepare_corpus", description="Turn raw text into a corpus to pre-train on.", examples=EXAMPLES
    )
    parser.add_argument("--config", metavar="FILE", help="YAML config; flags win over it")
    command_line.add_config_flags(parser, PreparationConfig, argv)
    arguments, beam_flags = parser.parse_known_args(argv)
    command_line.start_logging(arguments.quiet)

    config = command_line.read_config(arguments, PreparationConfig)
    if beam_flags and config.runner == "local":
        parser.error(f"unrecognized arguments: {' '.join(beam_flags)}")

    if not is_remote(config.output):
        refuse_output_in_run(config.output)

    from bert_tf.pretraining.corpus_preparation import prepare_corpus  # TensorFlow loads once the flags are right

    prepare_corpus(config, beam_flags)


if __name__ == "__main__":
    command_line.run(main)
