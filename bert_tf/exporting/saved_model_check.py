"""The checks that an export passes before it is published.

``python -m bert_tf.exporting.saved_model_check DIRECTORY REQUESTS ANSWERS`` is the fresh process: it knows TensorFlow
and TF Text alone, as a model server does, and nothing of Keras or of this package's models.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bert_tf.errors import UserError
from bert_tf.plain_path import plain_path

if TYPE_CHECKING:
    from bert_tf.tasks.task import TextTask

TOLERANCE = 1e-4
"""Largest difference between a number from Keras and the SavedModel's. Equal graphs differ in the last bits at most,
because the two processes may cut the sums of a matrix product differently."""


def check_ops(saved_model: Path) -> None:
    """Raises UserError if the graph holds an op that TF Serving 2.20 does not register."""
    from bert_tf.exporting.serving_ops import ops_unknown_to_serving

    unknown = ops_unknown_to_serving(saved_model)
    if unknown:
        raise UserError(
            f"Not published: TF Serving 2.20 does not know the op(s) {', '.join(sorted(unknown))} in this graph."
        )


def check_answers(task: TextTask, saved_model: Path, batches: Sequence[Mapping[str, Sequence[Any]]]) -> float:
    """As :func:`check_signatures`, of ``serving_default`` alone."""
    return check_signatures({"serving_default": (task, batches)}, saved_model)


def check_signatures(
    tasks: Mapping[str, tuple[TextTask, Sequence[Mapping[str, Sequence[Any]]]]], saved_model: Path
) -> float:
    """Compares the SavedModel's answers in a fresh process with the tasks' own.

    Args:
        tasks: by signature, the model in Keras, and batches: input name to strings.
        saved_model: what was exported from them.

    Returns:
        Largest absolute difference of any number.

    Raises:
        UserError: the fresh process failed, or the answers differ by more than ``TOLERANCE``.
    """
    requests = {
        signature: [{name: list(values) for name, values in batch.items()} for batch in batches]
        for signature, (_, batches) in tasks.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        asked, answers = Path(folder) / "requests.json", Path(folder) / "answers.npz"
        asked.write_text(json.dumps(requests))
        command = [sys.executable, "-m", __name__, str(saved_model), str(asked), str(answers)]
        process = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        )
        if process.returncode != 0:
            reason = process.stderr.strip().splitlines()[-1:] or ["no message"]
            raise UserError(f"Not published: the exported model does not run in a fresh process ({reason[0]}).")
        with np.load(answers, allow_pickle=False) as file:
            served = dict(file)
    largest = max(_difference(task, signature, batches, served) for signature, (task, batches) in tasks.items())
    if not largest <= TOLERANCE:
        raise UserError(f"Not published: the answers differ from Keras's by up to {largest:.2g} (allowed {TOLERANCE}).")
    return largest


def _difference(
    task: TextTask,
    signature: str,
    batches: Sequence[Mapping[str, Sequence[Any]]],
    served: Mapping[str, np.ndarray],
) -> float:
    """Largest difference of any number; raises UserError where strings or shapes differ."""
    import tensorflow as tf

    largest = 0.0
    # A graph, because a task that goes through a long text piece by piece takes minutes for it outside of one.
    answer = tf.function(task.answer_texts, input_signature=[task.input_specs()])
    for index, batch in enumerate(batches):
        expected = answer({name: tf.constant(list(texts)) for name, texts in batch.items()})
        for name, value in expected.items():
            got, wanted = served[f"{signature}/{index}/{name}"], value.numpy()
            if value.dtype not in (tf.string, tf.bool) and got.shape == wanted.shape:
                largest = max(largest, float(np.max(np.abs(got - wanted), initial=0.0)))
                continue
            if value.dtype == tf.string:
                wanted = np.char.decode(wanted.astype(bytes), "utf-8")
            if not np.array_equal(got, wanted):
                raise UserError(
                    f"Not published: {name} differs from Keras's on {batch}: {got.tolist()}, not {wanted.tolist()}."
                )
    return largest


def _answer(saved_model: str, requests: str, answers: str) -> None:
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (registers its ops)

    arrays: dict[str, Any] = {}
    with plain_path(saved_model) as path:
        signatures = tf.saved_model.load(str(path)).signatures
        for signature, batches in json.loads(Path(requests).read_text()).items():
            for index, batch in enumerate(batches):
                found = signatures[signature](**{key: tf.constant(texts) for key, texts in batch.items()})
                for name, value in found.items():
                    array = value.numpy()
                    if array.dtype == object:
                        array = np.char.decode(array.astype(bytes), "utf-8")
                    arrays[f"{signature}/{index}/{name}"] = array
    np.savez(answers, **arrays)


if __name__ == "__main__":
    _answer(*sys.argv[1:])
