"""``python -m bert_tf.pretrain``: trains a BERT on raw text."""

from __future__ import annotations

from collections.abc import Sequence

from bert_tf import command_line
from bert_tf.config import read_yaml
from bert_tf.plugin_flags import with_plugins
from bert_tf.pretraining.corpus_records import check_corpus
from bert_tf.pretraining.pretraining_config import PretrainingConfig
from bert_tf.training.config_checks import check_recipe
from bert_tf.training.run_start import add_run_flags, check_output, name_resumed_run

EXAMPLES = """\
  python -m bert_tf.pretrain --backbone scratch:mini --data corpus/*.txt --output runs/pretrained
  python -m bert_tf.pretrain --backbone scratch:mini --data corpus.jsonl --corpus.objective mlm --masking.unit word \\
      --scratch.vocabulary vocab.txt --output runs/pretrained
  python -m bert_tf.pretrain --backbone bert_base_zh --data domain/*.txt --output runs/domain
  python -m bert_tf.pretrain --config runs/pretrained/config.yaml --resume
  python -m bert_tf.train    --backbone runs/pretrained/model --data.train train.tsv --output runs/x"""


def main(argv: Sequence[str]) -> None:
    """Reads ``--config`` and the flags over it, pre-trains, and writes the run directory."""
    parser = command_line.ArgumentParser(command="pretrain", description="Pre-train BERT.", examples=EXAMPLES)
    add_run_flags(parser)
    argv = name_resumed_run(argv, "pretrain")
    config_file = command_line.peek(argv, "--config")
    flags = with_plugins(PretrainingConfig, argv, read_yaml(config_file)[0] if config_file else {})
    command_line.add_config_flags(parser, flags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)

    config = command_line.read_config(arguments, PretrainingConfig, flags)
    if not arguments.resume:
        check_recipe(config.training, config.metrics(), config.validation is not None or config.validation_ratio > 0)
    check_output(config, arguments.resume)
    check_corpus(config, [*config.data, *(config.validation or [])])

    from bert_tf.pretraining.pretraining_experiment import (
        run_pretraining,  # TensorFlow loads only once the flags are right
    )

    run_pretraining(config, resume=arguments.resume)


if __name__ == "__main__":
    command_line.run(main)
