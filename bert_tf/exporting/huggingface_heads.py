"""The heads of tasks that ``transformers`` has too, as its classes name and hold them."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import numpy as np

from bert_tf.backbones.bert_weights import dense, torch_tensors
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tasks.multi_label import MultiLabelClassifier
from bert_tf.tasks.multiple_choice import ChoiceScorer
from bert_tf.tasks.question_answering import QuestionAnswerer
from bert_tf.tasks.regression import TextRegressor
from bert_tf.tasks.tagging import SequenceTagger
from bert_tf.tasks.task import TextTask

logger = logging.getLogger("bert_tf")


class HuggingFaceHead(NamedTuple):
    """A head of ``transformers``.

    Attributes:
        architecture: the class that reads it.
        tensors: its weights by name, dense kernels ``(outputs, inputs)``.
        config: what it adds to ``config.json``.
    """

    architecture: str
    tensors: dict[str, np.ndarray]
    config: dict[str, Any]


def huggingface_head(task: TextTask) -> HuggingFaceHead | None:
    """The task's head, whose logits are those that Keras computes; None where ``transformers`` has none like it.

    Labels keep their names. A regressor's number is that of ``predict``, in the units of the data. A tagger's tags are
    ``O``, ``B-…`` and ``I-…``, on the pieces that it was trained to tag. What is not part of a checkpoint there, such
    as a multi-label classifier's thresholds or the windows of long texts, is left to who reads it.
    """
    match task:
        case TextClassifier(pooling="cls"):
            if task.threshold_value is not None:
                logger.warning(
                    "transformers keeps no threshold: answer %r yourself, from a probability of %.4f on",
                    task.positive_label,
                    float(task.threshold_value.numpy()),
                )
            return _classifier(task.output_dense, task.labels, "single_label_classification", task.dropout)
        case MultiLabelClassifier(pooling="cls"):
            return _classifier(task.output_dense, task.labels, "multi_label_classification", task.dropout)
        case TextRegressor(pooling="cls", bounds=None):
            head = _classifier(task.output_dense, ["score"], "regression", task.dropout)
            tensors = {name: value * np.float32(task.standard_deviation) for name, value in head.tensors.items()}
            tensors["classifier.bias"] += np.float32(task.mean)
            return head._replace(tensors=tensors)
        case SequenceTagger(decoder="softmax"):
            tags = ["O", *(f"{place}-{label}" for label in task.labels for place in "BI")]
            config = _labels(tags) | {"classifier_dropout": task.dropout}
            tensors = torch_tensors(dense(task.tag_logits, "classifier"))
            return HuggingFaceHead("BertForTokenClassification", tensors, config)
        case QuestionAnswerer():
            return HuggingFaceHead(
                "BertForQuestionAnswering", torch_tensors(dense(task.output_dense, "qa_outputs")), {}
            )
        case ChoiceScorer(pooling="cls"):
            config = {"classifier_dropout": task.dropout}
            return HuggingFaceHead(
                "BertForMultipleChoice", torch_tensors(dense(task.output_dense, "classifier")), config
            )
    return None


def _classifier(layer: Any, labels: list[str], problem_type: str, dropout: float) -> HuggingFaceHead:
    config = _labels(labels) | {"problem_type": problem_type, "classifier_dropout": dropout}
    return HuggingFaceHead("BertForSequenceClassification", torch_tensors(dense(layer, "classifier")), config)


def _labels(names: list[str]) -> dict[str, Any]:
    return {
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
    }
