"""For every task a few records, as ``fit`` takes them: whole, and as ``x`` and ``y``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bert_tf.tasks import TASKS, find_schema
from bert_tf.tasks.task import TextTask
from tests.conftest import toy_rows
from tests.data.small_records import made_records
from tests.tasks.small_tasks import small_task

TEXTS = [text for text, _ in toy_rows(10)]
LABELS = [label for _, label in toy_rows(10)]


@dataclass(frozen=True)
class Given:
    """Data of a task.

    Attributes:
        x: ten records without what is to be learned.
        y: what is to be learned.
        column: the name of ``y`` in a record.
        head: options of a small model.
    """

    x: list[Any]
    y: list[Any]
    column: str
    head: dict[str, Any] = field(default_factory=dict)

    def records(self) -> list[dict[str, Any]]:
        """Records with all columns."""
        made = []
        for given, target in zip(self.x, self.y, strict=True):
            values = dict(given) if isinstance(given, dict) else {"text": given}
            made.append({**values, self.column: target})
        return made


def _tags(text: str) -> list[str]:
    return ["B-word", "I-word", *["O"] * (len(text) - 2)]


GIVEN = {
    "classification": Given(TEXTS, LABELS, "label"),
    "document_classification": Given(TEXTS, LABELS, "label"),
    "multi_label": Given(TEXTS, [["a", "b"], ["a"], ["b"], [], ["c"]] * 2, "label"),
    "ordinal": Given(TEXTS, ["1", "2", "3", "2", "1"] * 2, "label"),
    "regression": Given(TEXTS, [0.5, 10.0, 30.0, 7.0, 2.0] * 2, "label"),
    "tagging": Given(
        [{"tokens": list(text)} for text in TEXTS], [_tags(text) for text in TEXTS], "tags", {"overlap": 4}
    ),
    "question_answering": Given(
        [{"question": "what", "context": text} for text in TEXTS],
        [text[:3].strip() for text in TEXTS],
        "answers",
        {"max_query_length": 8, "stride": 8},
    ),
    "embedding": Given(
        [{"text": text, "text_pair": pair} for text, pair in zip(TEXTS, TEXTS[1:] + TEXTS[:1], strict=True)],
        [0.1, 0.9, 0.3, 0.5, 1.0] * 2,
        "label",
        {"loss": "cosent"},
    ),
    "multiple_choice": Given(
        [{"text": text, "choices": ["good", "bad", "so"][: 2 + number % 2]} for number, text in enumerate(TEXTS)],
        [0, 1] * 5,
        "label",
    ),
    "translation": Given(TEXTS, LABELS, "translation", {"max_target_length": 16, "vocabulary_size": 100}),
}
"""By the name of the task; every one that is trained on records."""

TRAINED = [name for name in TASKS.names() if find_schema(name).learns_from_records]


def small(name: str, **head: Any) -> TextTask:
    """An untrained task that knows what it learns from the ten records."""
    schema = find_schema(name)
    records = made_records(GIVEN[name].records()).map(schema.prepare)
    return small_task(name, records, sequence_length=24, **{**GIVEN[name].head, **head})
