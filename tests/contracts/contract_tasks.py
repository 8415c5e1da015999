"""Every task of the registry, small and untrained, with the records that its schema shows as examples."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from bert_tf.backbones.loading import LoadedBackbone
from bert_tf.data.records import Records
from bert_tf.pretraining.pretrainer import BertPretrainer
from bert_tf.tasks import find_schema, find_task
from bert_tf.tasks.task import TextTask
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from tests.data.small_records import made_records


def example_records(name: str) -> Records:
    """The examples of a task as an opened source would give them to it."""
    schema = find_schema(name)
    options = schema.Options()
    return schema.read_labels(made_records(schema.examples).map(schema.prepare), options)


def vocabulary() -> list[str]:
    """Special tokens, then every character of every example, as a word's start and as a continuation."""
    from bert_tf.tasks import TASKS

    text = "".join(str(value) for name in TASKS for row in find_schema(name).examples for value in row.values())
    characters = sorted(set(text.lower()) - {" "})
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters)]


def small_backbone() -> LoadedBackbone:
    """A BERT of one layer with random weights, and pre-training heads for the task that needs them."""
    keras.utils.set_random_seed(3)
    tokens = vocabulary()
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(tokens),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        dropout=0.0,
        max_sequence_length=128,
    )
    heads = BertPretrainer(backbone, None, pair=False)
    weights = {each.name: each.variable.numpy() for each in heads.head_variables()}
    return LoadedBackbone(backbone, ExactBertTokenizer(tokens, lowercase=True), "small", weights)


@cache
def small_task(name: str) -> TextTask:
    """The task with its default options and weights large enough to tell answers apart. Read only."""
    task_class = find_task(name)
    options = task_class.Options()
    facts = {}
    if task_class.learns_from_records:
        facts = task_class.learn_from(example_records(name), None, options)
    task = task_class.create(small_backbone(), sequence_length=128, **(options.model_dump() | facts))
    random = np.random.default_rng(5)
    for variable in task.trainable_variables:
        variable.assign(random.normal(scale=0.3, size=variable.shape))
    return task


def input_columns(task: TextTask, name: str) -> dict[str, tf.Tensor]:
    """The examples as a server gets them: column to a batch of strings, lists filled up with empty ones."""
    rows = list(example_records(name))
    columns: dict[str, Any] = {}
    for column, spec in task.input_specs().items():
        values = [row.values[column] for row in rows]
        if spec.shape.rank == 2:
            longest = max(map(len, values))
            values = [value + [""] * (longest - len(value)) for value in values]
        columns[column] = tf.constant(values)
    return columns
