"""Small trainings whose weights must never change by accident: ``python -m tests.training.golden [--write]``.

A change that should not change numbers shows equal digests. ``golden.json`` holds them for each processor
that they were measured on, with the norms of the weights: another processor sums in another order, so there only the
norms are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bert_tf.config import TrainingConfig
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.task import TextTask
from bert_tf.training.loop import train
from tests.tasks.small_tasks import prepared, small_task
from tests.training.small_model import small_batches, small_classifier, small_token_batches, toy_records

FILE = Path(__file__).with_name("golden.json")

Weights = list[np.ndarray]


def recipe(**changes: Any) -> TrainingConfig:
    """Two epochs of few batches."""
    base = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "tensorboard": False, "checkpoint_every": 1000}
    return TrainingConfig(**(base | changes))


def weights_of(model: keras.Model) -> Weights:
    """The trainable weights, in the model's order."""
    return [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]


def classifier(*, dropout: float = 0.1, dtype: str = "float32", tokens: int | None = None, **changes: Any) -> Weights:
    """The small classifier by a recipe."""
    task = small_classifier(dropout, dtype=dtype)
    chosen = recipe(**changes)
    batches = small_token_batches(task, tokens, 1) if tokens else small_batches(task, chosen.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        train(task, batches, chosen, RunDirectory(folder))
    return weights_of(task)


def other_task(name: str, rows: list[dict[str, Any]], **head: Any) -> Weights:
    """Any task on the small backbone, a few updates."""
    records = prepared(name, rows)
    task: TextTask = small_task(name, records, **head)
    again = Records("again", lambda: (row for _ in range(4) for row in records))
    batches = TrainingBatches(LabelledRows(again, task), 8, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        train(task, batches, recipe(batch_size=8), RunDirectory(folder))
    return weights_of(task)


def several_tasks(**options: Any) -> Weights:
    """Two tasks in turn."""
    from tests.multi_task.small_tasks import small_tasks, small_updates

    model = small_tasks(dropout=0.1, **options)
    with tempfile.TemporaryDirectory() as folder:
        train(model, small_updates(model, recipe()), recipe(), RunDirectory(folder))
    return weights_of(model)


def _texts() -> list[str]:
    return [row.values["text"] for row in toy_records(0, 12)]


def _tagged() -> list[dict[str, Any]]:
    return [{"text": text, "spans": [[0, len(text.split()[0]), "first"]]} for text in _texts()]


def _asked() -> list[dict[str, Any]]:
    return [
        {"question": "what ?", "context": text, "answers": [{"text": text.split()[0], "answer_start": 0}]}
        for text in _texts()
    ]


def _rated() -> list[dict[str, Any]]:
    return [{"text": text, "label": len(text) / 4} for text in _texts()]


def _paired() -> list[dict[str, Any]]:
    return [{"text": text, "text_pair": text.split()[-1]} for text in _texts()]


RUNS: dict[str, Callable[[], Weights]] = {
    "plain": classifier,
    "accumulated": lambda: classifier(gradient_accumulation_steps=2),
    "no clipping": lambda: classifier(global_clipnorm=None),
    "cosine": lambda: classifier(schedule="cosine", warmup_ratio=0.3),
    "two steps a call": lambda: classifier(steps_per_execution=2),
    "XLA": lambda: classifier(jit_compile=True),
    "bfloat16": lambda: classifier(dtype="mixed_bfloat16", mixed_precision="bfloat16"),
    "float16": lambda: classifier(dtype="mixed_float16", mixed_precision="float16"),
    "batches of tokens": lambda: classifier(tokens=400),
    "several tasks": several_tasks,
    "several tasks, weighted by uncertainty": lambda: several_tasks(loss_weights=None),
    "tagging, softmax": lambda: other_task("tagging", _tagged()),
    "tagging, CRF": lambda: other_task("tagging", _tagged(), decoder="crf"),
    "tagging, spans": lambda: other_task("tagging", _tagged(), decoder="span"),
    "question answering": lambda: other_task("question_answering", _asked(), sequence_length=64, max_query_length=8),
    "regression": lambda: other_task("regression", _rated()),
    "embedding": lambda: other_task("embedding", _paired()),
}


def digest(weights: Weights) -> str:
    """Of the bytes of all weights."""
    return hashlib.sha256(b"".join(array.tobytes() for array in weights)).hexdigest()


def measure(name: str) -> dict[str, Any]:
    """Digest and norms of one training."""
    weights = RUNS[name]()
    return {"digest": digest(weights), "norms": [float(np.linalg.norm(array.astype(np.float64))) for array in weights]}


def machine() -> str:
    """What decides the order of sums: the processor and TensorFlow's version."""
    import tensorflow as tf

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    flags = next((line.split(":")[1].split() for line in lines if line.startswith("flags")), [])
    vectors = sorted(flag for flag in flags if flag.startswith(("avx", "fma", "amx")))
    return f"{platform.machine()} {' '.join(vectors)} TensorFlow {tf.__version__} Keras {keras.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store what is measured as the truth of this machine")
    arguments = parser.parse_args()
    measured = {name: measure(name) for name in RUNS}
    machines = json.loads(FILE.read_text())["machines"]
    if arguments.write:
        FILE.write_text(as_text(machines | {machine(): measured}))
        return
    known_here = machine() in machines
    print("machine:", "known" if known_here else f"{machine()} is new: norms are compared with another machine's")
    stored = machines[machine()] if known_here else next(iter(machines.values()))
    for name, values in measured.items():
        close = np.allclose(stored[name]["norms"], values["norms"], rtol=1e-5)
        equal = stored[name]["digest"] == values["digest"]
        print(f"{name:40} {'equal' if equal else 'close' if close else 'DIFFERENT'}")


def as_text(machines: dict[str, Any]) -> str:
    """JSON with a line for each training."""
    blocks = (
        f"  {json.dumps(name)}: {{\n"
        + ",\n".join(f"   {json.dumps(n)}: {json.dumps(run)}" for n, run in runs.items())
        + "\n  }"
        for name, runs in machines.items()
    )
    return '{\n "machines": {\n' + ",\n".join(blocks) + "\n }\n}\n"


if __name__ == "__main__":
    main()
