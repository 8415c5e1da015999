"""SQuAD's JSON: recognised, read in pieces, and its mistakes named."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from bert_tf.data.sources import open_records
from bert_tf.errors import UserError
from tests.data.small_records import write

CONTEXT = "Rollo led them.  😀 Él."


def squad(*paragraphs: Any, **top: Any) -> str:
    return json.dumps({**top, "data": [{"title": "x", "paragraphs": list(paragraphs)}]}, ensure_ascii=False)


def paragraph(context: str = CONTEXT, *questions: Any) -> dict[str, Any]:
    asked = questions or ({"id": "q1", "question": "Who?", "answers": [{"text": "Rollo", "answer_start": 0}]},)
    return {"context": context, "qas": list(asked)}


def rows(path: Path | str) -> list[Any]:
    return list(open_records(str(path)))


def test_one_row_a_question(tmp_path: Path) -> None:
    unanswered = {"id": "q2", "question": "Why?", "answers": [], "is_impossible": True, "plausible_answers": [{}]}
    text = squad(paragraph(CONTEXT, *paragraph()["qas"], unanswered), paragraph("Other."), version="v2.0")
    found = rows(write(tmp_path / "x.json", text))
    answers = [{"text": "Rollo", "answer_start": 0}]
    assert [row.values for row in found] == [
        {"id": "q1", "question": "Who?", "context": CONTEXT, "answers": answers},
        {"id": "q2", "question": "Why?", "context": CONTEXT, "answers": [], "is_impossible": True},
        {"id": "q1", "question": "Who?", "context": "Other.", "answers": answers},
    ]
    assert [row.line for row in found] == [1, 2, 3]
    assert found[1].where() == f'{tmp_path}/x.json question "q2"'


@pytest.mark.parametrize("no_id", [{}, {"id": None}, {"id": ""}])
def test_questions_without_an_id_are_told_apart_by_their_number(tmp_path: Path, no_id: dict[str, Any]) -> None:
    asked = [{**no_id, "question": question, "answers": []} for question in ("Who?", "Why?")]
    found = rows(write(tmp_path / "x.json", squad(paragraph(CONTEXT, *asked))))
    assert [row.values["id"] for row in found] == ["1", "2"]
    assert found[1].where() == f"{tmp_path}/x.json paragraph 1, question 2"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", squad(paragraph())),
        ("x.json", squad(paragraph(), version=1.1, note='a "quoted" \\ word')),
        ("x.json", json.dumps(json.loads(squad(paragraph(), version="v2.0")), indent=2)),
        ("x.json", "\ufeff" + squad(paragraph())),
        ("x.json", squad(paragraph()).encode("utf-16")),
        ("x.json.gz", gzip.compress(squad(paragraph()).encode(), mtime=0)),
        ("x.json", json.dumps({"data": [{"paragraphs": [{"qas": paragraph()["qas"], "context": CONTEXT}]}]})),
    ],
)
def test_is_recognised(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert [row.values["context"] for row in rows(write(tmp_path / name, content))] == [CONTEXT]


def test_scheme_reads_any_suffix_and_globs(tmp_path: Path) -> None:
    for name in ("a.data", "b.data"):
        write(tmp_path / name, squad(paragraph(name)))
    assert [row.values["context"] for row in rows(f"squad:{tmp_path}/*.data")] == ["a.data", "b.data"]


@pytest.mark.parametrize("line", ['{"data": [1, 2], "text": "a"}', '{"version": "1", "text": "a"}', '{"data": "a"}'])
def test_json_lines_stay_json_lines(tmp_path: Path, line: str) -> None:
    assert [row.values for row in rows(write(tmp_path / "x.json", line + "\n"))] == [json.loads(line)]


def test_an_object_that_is_neither_line_nor_squad(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", '{"articles": []}')
    with pytest.raises(UserError, match=f"there is no column 'question'.* squad:{path} reads SQuAD's JSON"):
        list(open_records(str(path), required=("question",)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"data": []}', 'x.json: there is no question in it. SQuAD\'s JSON is {"data": [{'),
        ('{"questions": [{"q": "a"}]}', 'x.json: there is no question in it. SQuAD\'s JSON is {"data": [{'),
        (squad("a"), "x.json paragraph 1: this must be an object, not str. SQuAD's JSON is"),
        (squad(paragraph(), {"qas": []}), 'x.json paragraph 2: there is no "context". SQuAD\'s JSON is'),
        (squad({"context": "a"}), 'x.json paragraph 1: there is no "qas".'),
        (squad(paragraph(), paragraph(" \n")), "x.json paragraph 2: the context is empty, and 1 question(s) stand"),
        (squad({"context": 1, "qas": []}), 'x.json paragraph 1: "context" must be a text, not int.'),
        (squad({"context": "a", "qas": {}}), 'x.json paragraph 1: "qas" must be a list, not dict.'),
        (squad(paragraph("a", {"id": 1})), 'x.json paragraph 1, question 1: there is no "question".'),
        (squad(paragraph())[:-20], "x.json: the JSON breaks off or is broken (parse error: premature EOF"),
        (squad(paragraph()).replace("Who?", "\x01"), "x.json: the JSON breaks off or is broken (lexical error"),
        (
            b"\n" + squad(paragraph()).encode() + b"\xff",
            "x.json line 2: the byte 0xff is not UTF-8, as the text before",
        ),
    ],
)
def test_mistakes_name_file_and_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = write(tmp_path / "x.json", content)
    with pytest.raises(UserError) as caught:
        rows(f"squad:{path}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    many = write(tmp_path / "x.json", squad(*(paragraph("word " * 2000 + str(n)) for n in range(1000))))
    assert many.stat().st_size > 10_000_000
    tracemalloc.start()
    assert sum(1 for _ in open_records(str(many))) == 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "questions"),
    [("squad/dev-v2.0.json", 1501), ("squad/dev-v1.1-style.json", 733), ("cmrc2018/dev.json", 3219)],
)
def test_real_files(shared_data: Path, name: str, questions: int) -> None:
    found = rows(shared_data / name)
    assert len(found) == questions
    assert all(row.values["question"] and row.values["context"] for row in found)
