"""From a config to the three sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bert_tf.config import DataConfig
from bert_tf.data.records import Records
from bert_tf.data.splits import Splits, open_splits
from bert_tf.errors import UserError
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tasks.embedding import SentenceEncoder
from tests.data.small_records import write


def opened(**options: Any) -> Splits:
    return open_splits(DataConfig(**options), TextClassifier, options=None, seed=1)


def texts(records: Records | None) -> list[str]:
    assert records is not None
    return [row.values["text"] for row in records]


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    rows = [f"text {number % 50}\t{number % 2}" for number in range(100)]
    return write(tmp_path / "reviews.tsv", "\n".join(["sentence\tpolarity", *rows]))


COLUMNS = {"text": "sentence", "label": "polarity"}


def test_one_file_becomes_three_sets_without_leaks(reviews: Path) -> None:
    splits = opened(train=str(reviews), split=[0.8, 0.1, 0.1], columns=COLUMNS, cleaning={"duplicates": "drop"})
    train, validation, test = (set(texts(part)) for part in (splits.train, splits.validation, splits.test))
    assert (len(train), len(validation), len(test)) == (40, 5, 5)
    assert len(train | validation | test) == 50
    assert splits.train.name == f"{reviews} (train part)"


def test_a_given_set_is_cleaned_but_never_thinned(reviews: Path) -> None:
    cleaning = {"duplicates": "drop", "conflicting_labels": "drop"}
    splits = opened(train=str(reviews), validation=str(reviews), columns=COLUMNS, cleaning=cleaning)
    assert (len(texts(splits.train)), len(texts(splits.validation)), splits.test) == (50, 100, None)


def test_a_mapping_that_no_column_of_the_task_has(reviews: Path) -> None:
    with pytest.raises(UserError) as caught:
        opened(train=str(reviews), columns={**COLUMNS, "txt": "sentence"})
    assert str(caught.value) == ("--data.columns.txt: this task has no such column; it reads text, text_pair, label.")


def test_a_named_text_column_is_not_optional(reviews: Path) -> None:
    with pytest.raises(UserError, match="there is no column 'sentence2'"):
        opened(train=str(reviews), columns={**COLUMNS, "text_pair": "sentence2"})


def test_validation_has_the_text_columns_of_training(tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", "text\ttext_pair\tlabel\na\tb\t1\n")
    validation = write(tmp_path / "dev.tsv", "text\tlabel\na\t1\n")
    with pytest.raises(UserError, match="dev.tsv: there is no column 'text_pair'; there are: 'text', 'label'"):
        opened(train=str(train), validation=str(validation))
    # The other way round the second text is not read.
    assert texts(opened(train=str(validation), validation=str(train)).validation) == ["a"]


def test_validation_needs_no_negatives(tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", "text\ttext_pair\tnegative\na\tb\tc\n")
    validation = write(tmp_path / "dev.tsv", "text\ttext_pair\nd\te\n")
    splits = open_splits(
        DataConfig(train=[str(train)], validation=[str(validation)]), SentenceEncoder, options=None, seed=1
    )
    assert [row.values["negative"] for row in splits.train] == ["c"]
    assert texts(splits.validation) == ["d"]


def test_training_data_is_required() -> None:
    with pytest.raises(UserError, match="--data.train is required"):
        opened()
