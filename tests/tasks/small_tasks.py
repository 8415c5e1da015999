"""Small tasks of any kind, untrained or trained in seconds, on the backbone of ``tests/training/small_model.py``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.config import TextCleaningConfig, TrainingConfig, validate
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks import find_task
from bert_tf.tasks.task import TextTask
from bert_tf.training.loop import train
from tests.data.small_records import made_records
from tests.training.small_model import small_classifier


def prepared(task: str, rows: Iterable[Mapping[str, Any]]) -> Records:
    """The records as an opened source would give them to the task."""
    return made_records(rows).map(find_task(task).prepare)


def small_task(
    name: str, records: Records, *, sequence_length: int = 32, cleaning: TextCleaningConfig | None = None, **head: Any
) -> TextTask:
    """A task with random weights that knows what it learns from ``records``; no dropout unless asked for."""
    base = small_classifier()
    loaded = LoadedBackbone(base.backbone, base.preprocessor.tokenizer, "small")
    task_class = find_task(name)
    no_dropout = {"dropout": 0.0} if "dropout" in task_class.Options.model_fields else {}
    options = validate(task_class.Options, {**no_dropout, **head}, flag_prefix="head.")
    facts = task_class.learn_from(records, None, options)
    given = options.model_dump() | facts
    return task_class.create(loaded, sequence_length=sequence_length, cleaning=cleaning, **given)


def overfit(task: TextTask, records: Records, folder: Path, *, passes: int = 150, learning_rate: float = 5e-3) -> None:
    """Trains on a few records again and again, one epoch: one start of the pipeline."""
    again = Records("again", lambda: (row for _ in range(passes) for row in records))
    batch_size = records.count()
    recipe = TrainingConfig(
        epochs=1, batch_size=batch_size, learning_rate=learning_rate, tensorboard=False, checkpoint_every=10_000
    )
    train(task, TrainingBatches(LabelledRows(again, task), batch_size, seed=1), recipe, RunDirectory(folder))


def compare(found: Any, expected: Any) -> None:
    """Equal but for the last digits of numbers."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            compare(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            compare(one, other)
    else:
        assert found == (pytest.approx(expected, abs=1e-5) if isinstance(expected, float) else expected)
