"""Answers of any form are read, and found where they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_tf.config import DataConfig
from bert_tf.data.answer_spans import NO_ANSWER, NOT_FOUND, find_answer, read_answers
from bert_tf.data.records import Row
from bert_tf.data.splits import open_splits
from bert_tf.errors import UserError
from bert_tf.tasks.schemas.question_answering import QuestionAnsweringSchema
from tests.data.small_records import write

CONTEXT = "Rollo, Rollo's son.  😀 Rollo und Él"


def row(**values: Any) -> Row:
    return Row("x.csv", 7, {"question": "Who?", "context": CONTEXT, **values})


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        ({}, None),
        ({"answers": None}, None),
        ({"answers": [{"text": "a", "answer_start": 3, "more": 1}]}, [("a", 3)]),
        ({"answers": []}, []),
        ({"answers": [{"text": "", "answer_start": 0}]}, []),
        ({"answers": [{"text": "a", "answer_start": -1}]}, [("a", None)]),
        ({"answers": [{"text": "a"}]}, [("a", None)]),
        ({"answers": {"text": ["a", "b"], "answer_start": [1, 2]}}, [("a", 1), ("b", 2)]),
        ({"answers": {"text": ["a", "b"]}}, [("a", None), ("b", None)]),
        ({"answers": '[{"text": "a", "answer_start": 1}]'}, [("a", 1)]),
        ({"answers": "1963"}, [("1963", None)]),
        ({"answer": "a", "answer_start": "12"}, [("a", 12)]),
        ({"answer": "a", "answer_start": ""}, [("a", None)]),
        ({"answer": "a", "answer_start": 12.0}, [("a", 12)]),
        ({"answer": 1963}, [("1963", None)]),
        ({"answer": None}, []),
        ({"answer": ""}, []),
        ({"answers": [{"text": "a", "answer_start": 1}], "is_impossible": True}, []),
        ({"answer": "a", "answer_start": "1", "is_impossible": "True"}, []),
        ({"answer": "a", "answer_start": "1", "is_impossible": "false"}, [("a", 1)]),
    ],
)
def test_forms(values: dict[str, Any], answers: list[tuple[str, int | None]] | None) -> None:
    found = read_answers(row(**values))
    assert (found and [(one["text"], one["answer_start"]) for one in found]) == answers


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        ({"answers": {"text": "Rome"}}, [("Rome", None)]),
        ({"answers": {"text": "Rome", "answer_start": 13}}, [("Rome", 13)]),
        ({"answers": {"text": "Rome", "answer_start": [13]}}, [("Rome", 13)]),
        ({"answers": {"text": "Rome", "answer_start": "13"}}, [("Rome", 13)]),
        ({"answers": "Rome", "answer_start": 13}, [("Rome", 13)]),
        ({"answers": ["Rome", "Roma"]}, [("Rome", None), ("Roma", None)]),
        ({"answers": ["Rome", "Roma"], "answer_start": [13, 20]}, [("Rome", 13), ("Roma", 20)]),
        ({"answers": [{"text": ["Rome"], "answer_start": [13]}]}, [("Rome", 13)]),
        ({"answers": np.array(["Rome", "Roma"], dtype=object)}, [("Rome", None), ("Roma", None)]),
        ({"answers": {"text": np.array(["Rome"]), "answer_start": np.array([13])}}, [("Rome", 13)]),
        ({"answers": {"text": "Rome", "answer_start": np.int32(13)}}, [("Rome", 13)]),
        ({"answers": {"text": "Rome", "answer_start": np.float32("nan")}}, [("Rome", None)]),
        ({"answers": {"text": "Rome", "answer_start": -7}}, [("Rome", None)]),
        ({"answers": {"text": b"Rome"}}, [("Rome", None)]),
        ({"answers": {"text": None}}, []),
        ({"answers": {"text": [], "answer_start": []}}, []),
        ({"answers": '{"text": "Rome", "answer_start": 13}'}, [("Rome", 13)]),
        ({"answers": '["Rome", "Roma"]'}, [("Rome", None), ("Roma", None)]),
        ({"answers": "{'text': ['Rome'], 'answer_start': [13]}"}, [("Rome", 13)]),
        ({"answer": {"text": "Rome", "answer_start": 13}}, [("Rome", 13)]),
        ({"answer": ["Rome"]}, [("Rome", None)]),
        ({"context": "See [1].", "answers": "[1]"}, [("[1]", None)]),
        ({"answers": "[sic] Rollo"}, [("[sic] Rollo", None)]),
        ({"is_impossible": True}, []),
        ({"is_impossible": "1.0", "answers": None}, []),
    ],
)
def test_answers_of_every_shape_are_whole_texts(
    values: dict[str, Any], answers: list[tuple[str, int | None]] | None
) -> None:
    found = read_answers(row(**values))
    assert found is not None
    assert [(one["text"], one["answer_start"]) for one in found] == answers


@pytest.mark.parametrize("missing", [{}, {"answers": None}])
def test_a_question_without_answers_gets_the_right_hint(tmp_path: Path, missing: dict[str, Any]) -> None:
    path = write(tmp_path / "x.jsonl", json.dumps({"question": "Who?", "context": CONTEXT, **missing}))
    with pytest.raises(UserError, match=r'says so with "answers": \[\] or "is_impossible": true; data without answers'):
        open_splits(
            DataConfig(train=[str(path)]), QuestionAnsweringSchema, options=QuestionAnsweringSchema.Options(), seed=1
        )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"answers": 3},
            'x.csv line 7: answers must be a list such as [{"text": "…", "answer_start": 0}], or a text, ',
        ),
        ({"answers": [3]}, "not 3."),
        ({"answers": [["a", 0]]}, "not [['a', 0]]."),
        ({"answers": {"start": 3}}, "not {'start': 3}."),
        ({"answers": {"text": {"en": "a"}}}, "not {'en': 'a'}."),
        ({"answers": "[{'text': array(['a'])}]"}, "x.csv line 7: answers must be a list such as"),
        ({"answers": '{"text": "a"'}, "x.csv line 7: answers must be a list such as"),
        ({"answers": "[1]"}, "not 1."),
        ({"answers": {"text": ["a", "b"], "answer_start": [1]}}, "x.csv line 7: 2 answers, but 1 times answer_start."),
        ({"answers": {"text": "a", "answer_start": [1, 2]}}, "x.csv line 7: one answer, but 2 times answer_start."),
        ({"answers": {"text": "a", "answer_start": True}}, "answer_start must be a whole number, not True."),
        ({"answers": {"text": "a", "answer_start": float("inf")}}, "answer_start must be a whole number, not inf."),
        ({"answers": [{"answer": "a"}]}, "not {'answer': 'a'}."),
        ({"answer": "a", "answer_start": "soon"}, "x.csv line 7: answer_start must be a whole number, not 'soon'."),
        ({"answer": "a", "answer_start": 1.5}, "x.csv line 7: answer_start must be a whole number, not 1.5."),
    ],
)
def test_mistakes(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_answers(row(**values))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "start", "found"),
    [
        ("Rollo", 0, (0, 5)),
        ("Rollo", 7, (7, 12)),
        ("😀", 21, (21, 22)),
        ("Él", 33, (33, 35)),
        ("Él", 34, (33, 35)),  # counted in UTF-16
        ("son", 0, (15, 18)),  # once in the whole context
        ("son", None, (15, 18)),
        ("Rollo", None, NOT_FOUND),  # three places, and nothing says which
        ("Rollo", 24, NOT_FOUND),  # two of them near
        ("Rolf", 0, NOT_FOUND),
        ("Rollo", 500, NOT_FOUND),
        (CONTEXT, 0, (0, len(CONTEXT))),
    ],
)
def test_is_found(text: str, start: int | None, found: tuple[int, int]) -> None:
    assert find_answer(row(answers=[{"text": text, "answer_start": start}])) == found


def test_is_repaired_where_only_one_place_is_near() -> None:
    context = f"{'x' * 100} Rollo {'x' * 100} Rollo"
    near = Row("x", 1, {"context": context, "answers": [{"text": "Rollo", "answer_start": 95}]})
    assert find_answer(near) == (101, 106)


def test_first_answer_that_is_found_counts() -> None:
    answers = [{"text": "Rolf", "answer_start": 3}, {"text": "son", "answer_start": 15}]
    assert find_answer(row(answers=answers)) == (15, 18)
    assert find_answer(row(answers=[])) == NO_ANSWER
