"""zh_mini on demo:zh_reviews: fine-tuned from the shipped weights, from random weights, and TF-IDF beside them.

    python benchmarks/zh_mini.py                        # three seeds, about 30 minutes on two idle cores
    python benchmarks/zh_mini.py --check_corpus         # whether test texts stand in the pre-training corpus

All models read the same training, validation and test texts: those of configs/demo_zh_reviews.yaml. Both BERTs have the
same architecture, vocabulary and recipe, that of the same config; the best epoch by validation accuracy is scored.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import describe
from bert_tf.backbones.shipped_presets import shipped_preset
from bert_tf.config import DataConfig, ExperimentConfig, load, merge, validate

REPOSITORY = Path(__file__).parents[1]
CONFIG = REPOSITORY / "configs" / "demo_zh_reviews.yaml"
PRETRAINING = REPOSITORY / "configs" / "pretrain_zh_mini.yaml"


def write_splits(folder: Path) -> dict[str, str]:
    """The texts of the demo in files of their own: another seed of the training must not move them."""
    from bert_tf.data.splits import open_splits
    from bert_tf.tasks import find_task

    config = load(CONFIG, ExperimentConfig)
    splits = open_splits(config.data, find_task(config.task), seed=config.seed)
    paths = {}
    for name in ("train", "validation", "test"):
        paths[name] = str(folder / f"{name}.jsonl")
        with open(paths[name], "w", encoding="utf-8") as file:
            for row in getattr(splits, name):
                file.write(json.dumps(row.values, ensure_ascii=False) + "\n")
    return paths


def fine_tune(paths: dict[str, str], output: Path, seed: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Trains, and scores on the test texts, beside the baselines."""
    from bert_tf.runs.run_evaluation import evaluate_run
    from bert_tf.training.experiment import run_experiment

    given = load(CONFIG, ExperimentConfig)
    data = DataConfig(**{**given.data.model_dump(), "split": None, **paths})
    values = merge(given.model_dump(), {"data": data.model_dump(), "output": str(output), "seed": seed})
    run = run_experiment(validate(ExperimentConfig, merge(values, changes)))
    scores = evaluate_run(run, baselines=True)
    lines = run.metrics()
    return {
        "models": {name: metrics["accuracy"] for name, metrics in scores.models.items()},
        "validation": max(line["val_accuracy"] for line in lines),
        "minutes": sum(line["seconds"] for line in lines) / 60,
    }


def table(results: dict[str, list[dict[str, Any]]], tfidf: float) -> str:
    """Markdown: mean and standard deviation over the seeds."""
    lines = ["| model | test accuracy | each seed | validation | training |", "| --- | --- | --- | --- | --- |"]
    for name, runs in results.items():
        test = [run["models"]["model"] for run in runs]
        spread = f" ± {statistics.stdev(test):.4f}" if len(test) > 1 else ""
        validation = statistics.mean(run["validation"] for run in runs)
        minutes = statistics.mean(run["minutes"] for run in runs)
        each = ", ".join(f"{value:.4f}" for value in test)
        lines.append(
            f"| {name} | **{statistics.mean(test):.4f}**{spread} | {each} | {validation:.4f} | {minutes:.1f} min |"
        )
    lines.append(f"| TF-IDF of 1- to 3-grams + logistic regression | {tfidf:.4f} | – | – | – |")
    return "\n".join(lines)


def check_corpus() -> None:
    """Counts the held-out texts of the demo in the corpora, before and after the exclusion."""
    from bert_tf.pretraining.exclusion import Exclusion, held_out_texts, normalise
    from bert_tf.pretraining.pretraining_config import PretrainingConfig
    from bert_tf.pretraining.pretraining_experiment import corpus_texts

    held_out = list(held_out_texts(CONFIG))
    exclusion = Exclusion(held_out)
    exact = {normalise(text) for text in held_out} - {""}  # punctuation alone is nobody's text
    print(f"{len(held_out):,} validation and test texts")
    print("| corpus | documents | characters | equal to a held-out text | nearly equal |")
    print("| --- | --- | --- | --- | --- |")
    config = load(PRETRAINING, PretrainingConfig)
    for title, excluded in (("as it is", []), ("as it is used", config.exclude_splits_of)):
        used = config.model_copy(update={"exclude_splits_of": excluded, "validation_ratio": 0.0})
        texts = list(corpus_texts(used, held_out=False))
        equal = sum(any(normalise(line) in exact for line in text.split("\n")) for text in texts)
        near = sum(any(map(exclusion.matches, {text, *text.split("\n")})) for text in texts)
        size = sum(map(len, texts))
        print(f"| {title} | {len(texts):,} | {size:,} | {equal:,} | {near:,} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--check_corpus", action="store_true")
    arguments = parser.parse_args()
    if arguments.check_corpus:
        check_corpus()
        return
    preset = shipped_preset("zh_mini")
    assert preset is not None
    shape = json.loads((preset / "config.json").read_text(encoding="utf-8"))["config"]
    vocabulary = str(preset / "assets" / "tokenizer" / "vocabulary.txt")
    scratch = f"scratch:{shape['num_layers']}x{shape['hidden_dim']}"
    models: dict[str, dict[str, Any]] = {
        "fine-tuned from zh_mini": {"backbone": "zh_mini"},
        "same architecture, random weights": {"backbone": scratch, "scratch": {"vocabulary": vocabulary}},
    }
    print(describe(), flush=True)
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in models}
    folder = Path(tempfile.mkdtemp())
    try:
        paths = write_splits(folder)
        for seed in arguments.seeds:
            for number, (name, changes) in enumerate(models.items()):
                results[name].append(fine_tune(paths, folder / f"{number}-{seed}", seed, changes))
                print(name, json.dumps({"seed": seed, **results[name][-1]}), flush=True)
    finally:
        shutil.rmtree(folder)
    print(table(results, next(iter(results.values()))[0]["models"]["TF-IDF + LR"]))


if __name__ == "__main__":
    main()
