"""``python -m bert_tf.export``: a run as a SavedModel for TF Serving, a Hugging Face directory or a KerasHub preset."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bert_tf import command_line
from bert_tf.errors import UserError
from bert_tf.model_flags import HeadFlags, add_head_flags, add_model_flags, open_model, open_tasks

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
        "--format",
        choices=("saved_model", "huggingface", "preset"),
        default="saved_model",
        help="what is written [saved_model]",
    )
    parser.add_argument(
        "--dtype", choices=("float32", "float16"), help="with --format preset: how weights are stored [float32]"
    )
    parser.add_argument("--version", type=int, metavar="N", help="version number [one more than the highest]")
    add_head_flags(parser, HeadFlags, argv)
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)

    if arguments.format == "preset":
        _export_preset(arguments)
        return
    if arguments.dtype is not None:
        raise UserError("--dtype goes with --format preset.")
    if arguments.format == "huggingface":
        _export_huggingface_directory(arguments)
        return
    from bert_tf.exporting.formats.saved_model import export_saved_model, export_tasks

    if members := open_tasks(arguments):
        backbone = None
        tasks = {}
        for name, member in members.items():
            task = member.load_model(backbone)
            backbone = task.backbone
            tasks[name] = task, member.examples()
        version, difference = export_tasks(tasks, arguments.output, version=arguments.version)
    else:
        run = open_model(arguments)
        version, difference = export_saved_model(
            run.load_model(), arguments.output, texts=run.examples(), version=arguments.version
        )
    print(f"{version}  (largest difference from Keras: {difference:.2g})")


def _export_huggingface_directory(arguments: argparse.Namespace) -> None:
    """Writes a run, or a backbone of any origin with the pre-training heads that it has."""
    for flag in ("version", "task"):
        if getattr(arguments, flag) is not None:
            raise UserError(f"--{flag} has no meaning with --format huggingface.")
    run = None if arguments.backbone and not arguments.run else open_model(arguments)

    from bert_tf.backbones.loading import load_backbone
    from bert_tf.exporting.formats.huggingface import HuggingFaceModel, export_huggingface_directory

    loaded = load_backbone(arguments.backbone if run is None else f"{run.path}/model")
    if run is None or loaded.pretraining_heads:
        model = HuggingFaceModel.of_backbone(loaded)
    else:
        model = HuggingFaceModel.of_task(run.load_model())
    print(f"{export_huggingface_directory(model, arguments.output)}  ({model.architecture})")


def _export_preset(arguments: argparse.Namespace) -> None:
    """Copies a run's model."""
    for flag in ("version", "task", "backbone"):
        if getattr(arguments, flag) is not None:
            raise UserError(f"--{flag} has no meaning with --format preset: give --run.")
    from bert_tf.backbones.model_files import CHECKSUMS_FILE
    from bert_tf.exporting.formats.preset import export_preset
    from bert_tf.runs.run_directory import RunDirectory

    run = open_model(arguments)
    assert isinstance(run, RunDirectory)  # --backbone was refused
    if not (run.model / CHECKSUMS_FILE).exists():
        run.load_model()  # which says whether the model of an older run is whole
    print(export_preset(run.model, arguments.output, arguments.dtype or "float32"))


if __name__ == "__main__":
    command_line.run(main)
