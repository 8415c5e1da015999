"""One text through the Python paths and through the exported graph: medians of calls that alternate in one process.

    python benchmarks/one_text.py [--backbone zh_mini] [--calls 50]

The model is a new classifier on the backbone (its weights do not matter here). ``answer_records`` with a ``predict`` is
the pipeline of long files, which is what every call cost before ``answer``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import tensorflow as tf

from benchmarks.machine import describe
from bert_tf.data.records import Records, Row
from bert_tf.exporting.formats import saved_model
from bert_tf.inference.predict import answer_records, build_predict
from bert_tf.tasks.classification import TextClassifier

TEXTS = ["我非常喜欢这本书。", "这本书很差。", "送货太慢了，味道还可以，下次不会再点了。"]


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="zh_mini")
    parser.add_argument("--calls", type=int, default=50)
    arguments = parser.parse_args()
    task = TextClassifier.from_preset(arguments.backbone, labels=["差评", "好评"], dtype="float32")
    with tempfile.TemporaryDirectory() as folder:
        saved_model._write([task], task.signatures(), {"labels": task.label_names()}, Path(folder))
        exported = tf.saved_model.load(folder).signatures["serving_default"]
        seconds = measure(paths(task, exported), arguments.calls)
    print(f"One text, {arguments.backbone}; {describe()}; {arguments.calls} calls of each, alternating\n")
    print("| path | p50 | p90 | first call |")
    print("| --- | --- | --- | --- |")
    for name, (first, *others) in seconds.items():
        p90 = statistics.quantiles(others, n=10)[-1]
        print(f"| {name} | {1000 * statistics.median(others):.1f} ms | {1000 * p90:.1f} ms | {first:.2f} s |")


def paths(task: TextClassifier, exported: Any) -> dict[str, Callable[[str], Any]]:
    """The ways to answer one text, by name."""
    predict = build_predict(task)

    def pipeline(text: str) -> Any:
        records = Records("one", lambda: iter([Row("one", 1, {"text": text})]))
        return list(answer_records(task, records, batch_size=1, predict=predict))

    return {
        "exported graph": lambda text: exported(text=tf.constant([text]))["label"].numpy(),
        "`answer`": task.answer,
        "`predict` (Keras's)": lambda text: task.predict([text], verbose=0),
        "`answer_records`, a pipeline a call": pipeline,
    }


def measure(calls: dict[str, Callable[[str], Any]], count: int) -> dict[str, list[float]]:
    """Seconds of each call by path, the first (which compiles) included."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(count + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call(TEXTS[number % len(TEXTS)])
            seconds[name].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main()
