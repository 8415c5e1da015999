"""Labels have one spelling for all sources and tasks, what is no text is refused, and what looks alike is named."""

from __future__ import annotations

import decimal
import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.config import CleaningConfig, DataConfig
from bert_tf.data.labels import class_index, given_labels, label_text, labels_of, look_alikes, read_several, with_labels
from bert_tf.data.records import Row
from bert_tf.data.schema import TaskSchema
from bert_tf.data.splits import Splits, open_splits
from bert_tf.errors import UserError
from bert_tf.tasks.schemas.classification import ClassificationSchema
from bert_tf.tasks.schemas.multi_label import MultiLabelSchema
from tests.data.small_records import made_records, write


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("pos ", "pos"),
        ("\u3000pos\u00a0", "pos"),
        ("\ufeffpos\u200b", "pos"),
        ("pos\r\n", "pos"),
        ("cafe\u0301", "café"),
        ("very  good", "very  good"),
        (b"pos", "pos"),
        ("1.0", "1"),
        ("+1", "1"),
        ("-0.0", "0"),
        ("1.50", "1.5"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-05, "0.00001"),
        ("0.00001", "0.00001"),
        ("007", "007"),
        ("1.2.0", "1.2.0"),
        (True, "True"),
        ("🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",) * 2,
        ("[CLS]", "[CLS]"),
    ],
)
def test_labels_that_look_equal_are_one(raw: Any, name: str) -> None:
    assert label_text(raw, "x line 1") == name


@given(st.text(max_size=8) | st.from_regex(r"\s*[+-]?[0-9]{1,3}(\.[0-9]{0,3})?\s*", fullmatch=True))
def test_a_label_is_read_as_itself(text: str) -> None:
    try:
        name = label_text(text, "x line 1")
    except UserError:
        return
    assert label_text(name, "x line 1") == name
    assert len(f"{name}\n".splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (["pos"], "the label is a list, ['pos']"),
        ({"name": "pos"}, "the label is an object, {'name': 'pos'}"),
        ("['pos']", "the label is a list, ['pos']"),
        ('{"name": "pos"}', "the label is an object"),
        ("b'pos'", "the label is bytes written as text"),
        (b"\xff", "bytes that are not UTF-8"),
        ("\u200b ", "the label is empty"),
    ],
)
def test_labels_that_are_no_text_are_refused(value: Any, reason: str) -> None:
    with pytest.raises(UserError) as caught:
        label_text(value, "x.jsonl line 3")
    assert str(caught.value).startswith("x.jsonl line 3: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x00", "\x0b", "\x0c", "\x1b", "\x1d", "\x85", "\u2028"])
def test_line_breaks_and_control_characters_in_labels_are_refused(character: str) -> None:
    for where in ("x.jsonl line 3", "--data.labels"):
        with pytest.raises(UserError, match=f"{where}: the label .*(line break|control character) in it"):
            label_text(f"po{character}s", where)
    with pytest.raises(UserError, match="--data.labels: the label"):
        given_labels(["neg", f"po{character}s"])


def several(value: Any, separator: str = ",") -> list[str]:
    return labels_of(Row("x.csv", 2, {"label": value}), separator)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("['joy', 'gratitude']", ["joy", "gratitude"]),
        ('["joy", "gratitude"]', ["joy", "gratitude"]),
        ("('joy', 'gratitude')", ["joy", "gratitude"]),
        ("{'joy', 'gratitude'}", ["gratitude", "joy"]),
        ("[]", []),
        ("[1, 2.0]", ["1", "2"]),
        (["joy ", "joy"], ["joy"]),
        ([b"joy"], ["joy"]),
        (b"joy,love", ["joy", "love"]),
        ("joy, 1.0", ["joy", "1"]),
        ("[NSFW]", ["[NSFW]"]),
        ("[NSFW],joy", ["[NSFW]", "joy"]),
        ("(a), (b)", ["(a)", "(b)"]),
        ("(don't know)", ["(don't know)"]),
        ([decimal.Decimal("1.50"), 1.5], ["1.5"]),
    ],
)
def test_lists_are_read_where_several_labels_are_meant(value: Any, names: list[str]) -> None:
    assert several(value) == names


@pytest.mark.parametrize(
    "value",
    [
        *("[joy, gratitude]", "['joy' 'gratitude']", "['joy', ", "[['joy']]", '{"joy": 1}'),
        *("{joy, gratitude}", "(joy, gratitude)", "('joy')"),
    ],
)
def test_what_is_no_list_of_labels_is_refused(value: str) -> None:
    if value.endswith(", "):
        assert several("['joy'") == ["['joy'"]  # no bracket closes: a text like any other
        return
    with pytest.raises(UserError, match="x.csv line 2: the label"):
        several(value)


def test_labels_that_look_alike_are_named() -> None:
    names = ["Pos", "pos", "p\u200bos", "new york", "newyork", "1", "01", "neg"]
    assert look_alikes(names) == [["01", "1"], ["Pos", "pos", "p\u200bos"], ["new york", "newyork"]]


def opened(tmp_path: Path, *specs: str, schema: type[TaskSchema] = ClassificationSchema, **options: Any) -> Splits:
    return open_splits(DataConfig(train=list(specs), **options), schema, options=schema.Options(), seed=1)


def test_labels_are_equal_over_sources_and_merges_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = pyarrow.table({"text": ["c", "d"], "label": [b"1", b"Bad"]})
    pyarrow.parquet.write_table(table, tmp_path / "c.parquet")
    specs = [
        write(tmp_path / "a.csv", "text,label\na,1\nb,bad \n"),
        write(tmp_path / "b.tsv", "text\tlabel\na\t1.0\nb\tbad\n"),
        str(tmp_path / "c.parquet"),
    ]
    with caplog.at_level(logging.INFO, "bert_tf"):
        train = opened(tmp_path, *map(str, specs)).train
        assert [row.values["label"] for row in train] == ["1", "bad", "1", "bad", "1", "Bad"]
        list(train)
    said = [record.getMessage() for record in caplog.records if "read as" in record.getMessage()]
    assert len(said) == 1
    for part in ("'bad ' read as 'bad' in 1", "'1.0' read as '1' in 1"):
        assert part in said[0]
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1
    assert "the labels 'Bad' and 'bad' differ only in case" in warned[0]


@pytest.mark.parametrize(
    "numbers",
    [
        [decimal.Decimal("1.00"), decimal.Decimal("0.10")],
        np.array([1, 0.1], np.float32),
        np.array([1, 0.1], np.float16),
        [1.0, 0.1],
    ],
    ids=["decimal", "single", "half", "double"],
)
def test_equal_numbers_of_any_type_are_one_label(tmp_path: Path, numbers: Any) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": numbers}), tmp_path / "a.parquet")
    assert [row.values["label"] for row in opened(tmp_path, str(tmp_path / "a.parquet")).train] == ["1", "0.1"]
    assert [label_text(number, "x") for number in numbers] == ["1", "0.1"]


def test_conflicts_and_duplicates_are_found_between_spellings(tmp_path: Path) -> None:
    spec = write(tmp_path / "a.csv", "text,label\na,pos\na,pos \na,1\nb,1\nb,1.0\n")
    cleaning = CleaningConfig(duplicates="drop", conflicting_labels="drop")
    train = opened(tmp_path, str(spec), cleaning=cleaning).train
    assert [tuple(row.values.values()) for row in train] == [("b", "1")]


def test_several_labels_are_read_at_the_source(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spec = write(tmp_path / "a.csv", "text,label\na,\"['joy', 'love ']\"\nb,joy\n")
    with caplog.at_level(logging.INFO, "bert_tf"):
        train = opened(tmp_path, str(spec), schema=MultiLabelSchema).train
    assert [row.values["label"] for row in train] == [["joy", "love"], "joy"]
    assert "(and how often): 'love ' read as 'love' in 1" in caplog.text


def test_labels_of_earlier_models_are_found() -> None:
    assert class_index(["1.0", "pos ", "pos"]) == {"1.0": 0, "1": 0, "pos ": 1, "pos": 2}


def test_given_labels_have_the_spelling_of_the_data() -> None:
    assert given_labels(["pos ", "1.0"]) == ["pos", "1"]
    with pytest.raises(UserError, match="--data.labels: duplicate label 'pos'"):
        given_labels(["pos", "pos "])


def test_many_labels_are_counted_in_bounds() -> None:
    records = made_records({"text": "a", "label": f"{number},x "} for number in range(20_000))
    assert len(list(with_labels(records, partial(read_several, separator=",")))) == 20_000
