"""Options of tasks that change the graph: saved, loaded, exported and served, they answer as in Keras.

What every task must do is in ``tests/contracts``.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.exporting.formats import saved_model
from bert_tf.exporting.saved_model_check import check_answers
from bert_tf.exporting.serving_ops import ops_unknown_to_serving
from bert_tf.inference.predict import answer_records
from bert_tf.serving.server.model_server import ModelServer
from bert_tf.tasks.task import TextTask
from tests.data.small_records import made_records
from tests.tasks.small_tasks import prepared, small_task

TEXTS = ["good film 喜欢", "bad", "", "so so " * 30]
TASKS: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "last4": ("classification", {"pooling": "last4", "label_smoothing": 0.1}, ["a", "b", "a", "b"]),
    "attention": ("classification", {"pooling": "attention", "class_weights": "balanced"}, ["a", "b", "a", "b"]),
    "threshold": ("classification", {"positive_label": "a", "threshold": 0.999}, ["a", "b", "a", "b"]),
    "multi_label": ("multi_label", {"pooling": "mean_max"}, ["a,b", "", ["a"], "c"]),
    "ordinal": ("ordinal", {}, [1, 2, 3, 3]),
    "regression": ("regression", {"bounds": [0, 5]}, [0, 1.5, "2", 5]),
    "documents": ("document_classification", {"window_pooling": "transformer"}, ["a", "b", "a", "b"]),
    "head_tail": (
        "document_classification",
        {"strategy": "head_tail", "head_tokens": 4, "focal_gamma": 2.0},
        ["a", "b", "a", "b"],
    ),
}


@pytest.fixture(scope="module")
def tasks() -> dict[str, TextTask]:
    made = {}
    for name, (task, head, labels) in TASKS.items():
        rows = [{"text": text, "label": label} for text, label in zip(TEXTS, labels, strict=True)]
        made[name] = small_task(task, prepared(task, rows), sequence_length=16, **head)
    # Above and below what untrained weights answer, so that a set of one label is answered.
    made["multi_label"].threshold_values.assign([0.0, 1.0, 1.0])
    return made


@pytest.fixture(scope="module")
def exported(tasks: dict[str, TextTask], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    for name, task in tasks.items():
        preset = folder / f"{name}_preset"
        task.save_to_preset(str(preset))
        (folder / name).mkdir()
        again = type(task).from_preset(str(preset), dtype="float32")
        saved_model._write([again], again.signatures(), {"labels": again.label_names()}, folder / name / "1")
    return folder


@pytest.fixture(scope="module")
def server(tasks: dict[str, TextTask], exported: Path) -> Iterator[ModelServer]:
    with ModelServer({name: exported / name for name in tasks}, port=0, rest_api_port=0) as running:
        yield running


@pytest.mark.parametrize("name", TASKS)
def test_saved_exported_and_served(name: str, tasks: dict[str, TextTask], exported: Path, server: ModelServer) -> None:
    task = tasks[name]
    assert ops_unknown_to_serving(exported / name / "1") == set()
    url = f"http://127.0.0.1:{server.rest_api_port}/v1/models/{name}:predict"
    body = json.dumps({"inputs": {"text": TEXTS}}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as response:
        served = json.load(response)["outputs"]
    served = served if isinstance(served, dict) else {"score": served}  # the protocol unpacks an only output
    expected = {name: value.numpy() for name, value in task.answer_texts({"text": tf.constant(TEXTS)}).items()}
    assert served.keys() == expected.keys()
    for key, value in expected.items():
        if value.dtype == object:
            assert served[key] == [
                [part.decode() for part in row] if value.ndim == 2 else row.decode() for row in value
            ]
        else:
            np.testing.assert_allclose(served[key], value, atol=1e-5, err_msg=key)


def test_the_check_of_exports_reads_booleans_and_padded_names(tasks: dict[str, TextTask], exported: Path) -> None:
    version = exported / "multi_label" / "1"  # the one task with both
    assert check_answers(tasks["multi_label"], version, [{"text": TEXTS}, {"text": [""]}]) < 1e-5


@pytest.mark.parametrize("name", ["multi_label", "documents"])
def test_predict_answers_the_same(name: str, tasks: dict[str, TextTask]) -> None:
    """Batches of several lengths, sorted and joined again, against one batch."""
    task = tasks[name]
    rows = list(made_records({"text": text} for text in TEXTS))
    answers = [answer for _, answer in answer_records(task, made_records({"text": t} for t in TEXTS), batch_size=2)]
    finished = {key: value.numpy() for key, value in task.answer_texts({"text": tf.constant(TEXTS)}).items()}
    for found, expected in zip(answers, task.answers(finished, rows), strict=True):
        assert found.get("label") == expected.get("label")
        assert found.get("labels") == expected.get("labels")
        np.testing.assert_allclose(
            list(found["probabilities"].values()), list(expected["probabilities"].values()), atol=1e-5
        )
