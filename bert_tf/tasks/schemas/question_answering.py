"""What question answering reads, and its options."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bert_tf.config import Section
from bert_tf.data.answer_spans import read_answers
from bert_tf.data.records import Row
from bert_tf.data.schema import Examples, TaskSchema


class Options(Section):
    """The options of question answering."""

    stride: int = Field(128, ge=1, description="context tokens from the start of a window to that of the next")
    max_query_length: int = Field(64, ge=1, description="tokens of a question that are read")
    max_answer_length: int = Field(30, ge=1, description="tokens of the longest answer")
    n_best: int = Field(5, ge=1, le=50, description="answers given for a question, best first")
    metric: Literal["auto", "squad", "cmrc"] = Field(
        "auto", description="exact match and F1 as SQuAD or as CMRC 2018 counts them (auto: cmrc for Chinese answers)"
    )


class QuestionAnsweringSchema(TaskSchema):
    """Columns and options of question answering."""

    Options = Options
    examples: ClassVar[Examples] = (
        {
            "question": "Who wrote it?",
            "context": "The report was written by Ada in May.",
            "answers": [{"text": "Ada", "answer_start": 26}],
        },
        {"question": "在哪里？", "context": "会议在北京举行。", "answers": [{"text": "北京", "answer_start": 3}]},
    )
    score_names: ClassVar[tuple[str, ...]] = (
        "exact_match",
        "f1",
        "has_answer_exact_match",
        "has_answer_f1",
        "no_answer_accuracy",
    )
    text_columns: ClassVar[tuple[str, ...]] = ("question", "context")
    target_columns: ClassVar[tuple[str, ...]] = ("answers",)
    source_columns: ClassVar[tuple[str, ...]] = ("id", "answer", "answer_start", "is_impossible")
    class_column: ClassVar[str | None] = None
    keeps_text: ClassVar[bool] = True
    without_target: ClassVar[str] = (
        'A question that has no answer says so with "answers": [] or "is_impossible": true; data without answers, such '
        "as a published test set, is for predict."
    )

    @classmethod
    def required_columns(cls) -> tuple[str, ...]:
        return cls.text_columns

    @classmethod
    def prepare(cls, row: Row) -> Row:
        """Brings the answers, however they are written, into ``answers``: a list of text and ``answer_start``."""
        answers = read_answers(row)
        return row if answers is None else row._replace(values={**row.values, "answers": answers})


SCHEMA = QuestionAnsweringSchema
