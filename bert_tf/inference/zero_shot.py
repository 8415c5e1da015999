"""Labels that training never saw, by a model of natural-language inference: does the text entail "this is about …"?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from bert_tf.data.inference_windows import InferenceWindows
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.inference.predict import build_predict
from bert_tf.tasks.task import TextTask

_ENTAILMENT = ("entailment", "entails", "entail", "entailed", "蕴含", "蕴涵", "蘊含")
_CONTRADICTION = ("contradiction", "contradicts", "contradict", "contradictory", "矛盾")
_NO_ENTAILMENT = ("not_entailment", "non_entailment", "no_entailment", "不蕴含", "不蕴涵")
_RECORDS_AT_ONCE = 256


@dataclass(frozen=True)
class Inference:
    """Which of a classifier's labels say that the second text follows from the first, or that it does not.

    Attributes:
        entailment: index of the one.
        contradiction: index of the other.
    """

    entailment: int
    contradiction: int

    @classmethod
    def of(cls, task: TextTask, entailment: str | None = None, contradiction: str | None = None) -> Inference:
        """Finds the two among the labels of a classifier of pairs.

        Args:
            task: the classifier.
            entailment: the label, where it is not to be guessed by its spelling.
            contradiction: likewise.

        Raises:
            UserError: the model is no classifier of pairs, or its labels are not those of inference.
        """
        labels = [str(label) for label in task.label_names() or ()]
        if not labels or tuple(task.input_columns()) != ("text", "text_pair"):
            raise UserError(
                "Zero-shot classification needs a classifier that was trained on pairs of premise and hypothesis "
                "(--task classification with text and text_pair)."
            )
        return cls(
            _find("entailment", labels, entailment, _ENTAILMENT),
            _find("contradiction", labels, contradiction, (*_CONTRADICTION, *_NO_ENTAILMENT)),
        )


def _find(what: str, labels: Sequence[str], given: str | None, spellings: Sequence[str]) -> int:
    if given is not None:
        if given not in labels:
            raise UserError(f"--{what} {given}: the model has no such label; it has {', '.join(labels)}.")
        return labels.index(given)
    plain = [label.strip().lower().replace("-", "_").replace(" ", "_") for label in labels]
    for spelling in spellings:
        if spelling in plain:
            return plain.index(spelling)
    raise UserError(f"None of the model's labels ({', '.join(labels)}) is {what}: say which with --{what} LABEL.")


def classify(
    task: TextTask,
    records: Records,
    labels: Sequence[str],
    *,
    template: str,
    inference: Inference,
    multi_label: bool = False,
    batch_size: int = 64,
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yields each record with the scores of the labels, in memory that does not grow.

    The text is the premise, the template filled with the label the hypothesis. A label's score is the probability of
    entailment against contradiction, as if there were no third answer; where one label is true only, the scores are
    made to add up to 1.

    Args:
        task: a classifier of pairs.
        records: rows with ``text``.
        labels: the labels to choose from.
        template: holds ``{}`` where the label goes.
        inference: the classifier's labels that are read.
        multi_label: any number of labels may be true: each has a probability of its own.
        batch_size: pairs in a batch.

    Yields:
        The record and ``label`` (the likeliest), ``score`` and ``scores`` by label, likeliest first.

    Reference:
        Yin et al. 2019, section 4.
    """
    predict = build_predict(task)
    rows = iter(records)
    while chunk := list(islice(rows, _RECORDS_AT_ONCE)):
        pairs = [
            Row(row.file, row.line, {"text": row.values["text"], "text_pair": template.replace("{}", label)})
            for row in chunk
            for label in labels
        ]
        probabilities = np.concatenate(
            [finished["probabilities"] for finished in _run(task, pairs, batch_size, predict)]
        )
        chosen = probabilities[:, [inference.entailment, inference.contradiction]]
        scores = (chosen[:, 0] / np.maximum(chosen.sum(1), 1e-30)).reshape(len(chunk), len(labels))
        if not multi_label:
            scores /= np.maximum(scores.sum(1, keepdims=True), 1e-30)
        for row, values in zip(chunk, scores, strict=True):
            order = np.argsort(-values, kind="stable")
            ranked = {labels[number]: float(values[number]) for number in order}
            yield row, {"label": labels[order[0]], "score": float(values[order[0]]), "scores": ranked}


def _run(task: TextTask, pairs: Sequence[Row], batch_size: int, predict: Any) -> Iterator[dict[str, np.ndarray]]:
    records = Records("pairs", lambda: iter(pairs))
    for _, _, finished in InferenceWindows(records, task, batch_size).run(predict):
        yield finished
