"""Documents that are longer than the model: what stands behind its end decides, and padding decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.errors import UserError
from bert_tf.inference.predict import answer_records, evaluate_records
from bert_tf.tasks.document_classification import DocumentClassifier
from tests.data.small_records import made_records
from tests.tasks.small_tasks import overfit, small_task

# The token that tells the label stands behind the eight that the model reads at once, in two to five windows.
ROWS = [{"text": f"{'s ' * n}{label}", "label": label} for n in (8, 14, 20, 26) for label in ("g", "b")]
RECORDS = made_records(ROWS)


@pytest.mark.parametrize("head", [{"window_pooling": "max"}, {"strategy": "head_tail", "head_tokens": 2}])
def test_overfits_documents_whose_end_decides(tmp_path: Path, head: dict[str, Any]) -> None:
    task = small_task("document_classification", RECORDS, sequence_length=10, pooling="mean", **head)
    overfit(task, RECORDS, tmp_path)
    assert evaluate_records(task, RECORDS, batch_size=3)["accuracy"] == 1.0
    answers = [answer["label"] for _, answer in answer_records(task, RECORDS, batch_size=3)]
    assert answers == [row["label"] for row in ROWS]


@pytest.mark.parametrize("kind", ["mean", "attention", "transformer"])
def test_answers_do_not_depend_on_the_other_documents(kind: str) -> None:
    task = small_task("document_classification", RECORDS, sequence_length=10, window_pooling=kind, pooling="mean")
    alone, together = (
        np.concatenate([task.answer_texts({"text": tf.constant(texts)})["probabilities"] for texts in batches])
        for batches in ([["s"], [ROWS[-1]["text"]], [""]], [["s", ROWS[-1]["text"], ""]])
    )
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_documents_with_as_many_windows_share_a_batch() -> None:
    task = small_task("document_classification", RECORDS, sequence_length=10)
    batches = TrainingBatches(LabelledRows(RECORDS, task), 2, seed=1, multiple_of=1)
    shapes = [features["token_ids"].shape for features, _, _ in batches.epoch(0)]
    windows = [shape[1] for shape in shapes]
    assert sorted(windows)[0] < sorted(windows)[-1]
    assert all(shape[0] == 2 and shape[2] <= 10 for shape in shapes)
    counts = [task.encode({"text": tf.constant([row["text"]])})["token_ids"].shape[0] for row in ROWS]
    assert counts == [1] * len(ROWS)  # rows of features are documents, not windows


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"stride": 20}, "--head.stride 20: a window holds 8 tokens of text"),
        ({"strategy": "head_tail"}, "--head.head_tokens 128: there is room for 8 tokens"),
        ({"strategy": "middle"}, "--head.strategy: input should be 'windows' or 'head_tail'"),
    ],
)
def test_options_that_do_not_fit(head: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        small_task("document_classification", RECORDS, sequence_length=10, **head)
    assert message in str(caught.value)


def test_preset_round_trip(tmp_path: Path) -> None:
    task = small_task("document_classification", RECORDS, sequence_length=10, window_pooling="transformer")
    task.save_to_preset(str(tmp_path))
    again = DocumentClassifier.from_preset(str(tmp_path))
    assert again.preprocessor.stride == 6
    texts = {"text": tf.constant([row["text"] for row in ROWS])}
    np.testing.assert_array_equal(again.answer_texts(texts)["probabilities"], task.answer_texts(texts)["probabilities"])
