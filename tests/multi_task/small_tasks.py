"""Two small tasks of different kinds on one small backbone, the same in every test and every child process."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from bert_tf.config import TrainingConfig
from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records, Row
from bert_tf.multi_task.multi_task_config import SamplingConfig
from bert_tf.multi_task.multi_task_model import MultiTaskModel
from bert_tf.multi_task.multi_task_progress import MultiTaskProgress
from bert_tf.multi_task.multi_task_updates import MultiTaskBatches, MultiTaskUpdates
from bert_tf.tasks.regression import TextRegressor
from tests.training.small_model import small_classifier, toy_records

FIXED = {"sentiment": 1.0, "length": 1.0}


def small_tasks(
    loss_weights: Mapping[str, float] | None = FIXED, dropout: float = 0.0, seed: int = 7
) -> MultiTaskModel:
    """A classifier, and a regressor that answers how long a text is, on a BERT of two layers of width 16."""
    sentiment = small_classifier(dropout, seed)
    length = TextRegressor(sentiment.backbone, sentiment.preprocessor, mean=20.0, dropout=dropout)
    return MultiTaskModel({"sentiment": sentiment, "length": length}, loss_weights)


def small_updates(
    model: MultiTaskModel,
    recipe: TrainingConfig,
    *,
    strategy: tf.distribute.Strategy | None = None,
    sampling: SamplingConfig | None = None,
    progress: MultiTaskProgress | None = None,
) -> MultiTaskUpdates:
    """44 rows of sentiment and 20 of length, in one draw."""
    texts = [row.values["text"] for row in toy_records(0, 20)]
    rows = [Row("length", n + 1, {"text": text, "label": len(text)}) for n, text in enumerate(texts)]
    records = {"sentiment": toy_records(), "length": Records("length", lambda: iter(rows))}
    batches = MultiTaskBatches(
        {
            name: TrainingBatches(LabelledRows(records[name], task), recipe.batch_size, seed=3)
            for name, task in model.members.items()
        },
        sampling or SamplingConfig(),
        seed=5,
        epochs=recipe.epochs,
        progress=progress or MultiTaskProgress(),
    )
    strategy = strategy or tf.distribute.get_strategy()
    return MultiTaskUpdates(model, batches, recipe, strategy, uncertainty_learning_rate=1e-2)
