"""``tfds:`` on data sets that are really prepared, in a folder of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from bert_tf.data.sources import open_records
from bert_tf.errors import UserError

LABELS = ["negative", "positive"]


def build_reviews(folder: Path) -> None:
    """Prepares ``bert_tf_reviews/zh`` with 10 training and 2 test rows; test labels are hidden as in GLUE."""
    with tfds.core.registered.skip_registration():

        class BertTfReviews(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")
            BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="zh", version="1.0.0")]  # noqa: RUF012  (TFDS's own form)

            def _info(self) -> Any:
                features = {
                    "sentence": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=LABELS),
                    "stars": tfds.features.Scalar(np.float32),
                    "tags": tfds.features.Sequence(tfds.features.ClassLabel(names=LABELS)),
                    "meta": {"words": tfds.features.Sequence(tfds.features.Text())},
                }
                return tfds.core.DatasetInfo(
                    builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
                )

            def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
                return {"train": self._generate_examples(10), "test": self._generate_examples(2)}

            def _generate_examples(self, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
                for number in range(count):
                    yield (
                        number,
                        {
                            "sentence": f"很好 {number}",
                            "label": number % 2 if count == 10 else -1,
                            "stars": number / 2,
                            "tags": ["positive"] * (number % 3),
                            "meta": {"words": ["很", "好"]},
                        },
                    )

    BertTfReviews(data_dir=folder, config="zh").download_and_prepare()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tfds")
    build_reviews(folder)
    return folder


@pytest.fixture(autouse=True)
def _tfds_data_dir(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))


def test_rows_are_plain_python_and_in_equal_order() -> None:
    records = open_records(
        "tfds:bert_tf_reviews/zh", columns={"text": "sentence"}, required=("text", "label"), text_columns=("text",)
    )
    rows = list(records)
    assert rows == list(records)
    assert rows[1].where() == "tfds:bert_tf_reviews/zh:train line 2"
    assert rows[1].values == {
        "text": "很好 1",
        "label": "positive",
        "stars": 0.5,
        "tags": ["positive"],
        "meta": {"words": ["很", "好"]},
    }
    assert [row.values["label"] for row in rows] == LABELS * 5


@pytest.mark.parametrize(("split", "count"), [("test", 2), ("train[:30%]", 3), ("train+test", 12), ("train[4:6]", 2)])
def test_splits(split: str, count: int) -> None:
    assert open_records(f"tfds:bert_tf_reviews/zh:{split}").count() == count


def test_a_hidden_label_is_missing() -> None:
    with pytest.raises(UserError, match="tfds:bert_tf_reviews/zh:test line 1: the label is empty"):
        list(open_records("tfds:bert_tf_reviews/zh:test", required=("label",)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bert_tf_reviews/zh:dev", "tfds:bert_tf_reviews/zh: there is no split 'dev'; there are: train, test"),
        ("bert_tf_reviews/zh:train[:x]", "there is no split 'train[:x]'"),
        ("no_such_data_set", "tfds:no_such_data_set: there is no such data set in "),
        ("no such name", "tfds:no such name: there is no such data set in "),
        ("glue/no_such_config", "tfds:glue/no_such_config: there is no such data set in "),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        list(open_records(f"tfds:{name}"))
    assert message in str(caught.value)


class BertTfUnreachable(tfds.core.GeneratorBasedBuilder):
    """A data set whose preparation fails: its files would have to be fetched by hand."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Fetch it."

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"text": tfds.features.Text()}))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(dl_manager.manual_dir)}

    def _generate_examples(self, folder: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        yield 0, {"text": str(folder)}


def test_a_data_set_that_cannot_be_prepared(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError) as caught:
        list(open_records("tfds:bert_tf_unreachable"))
    message = str(caught.value)
    assert f"tfds:bert_tf_unreachable: the data set is not in {data_dir} and preparing it failed (" in message
    assert "set TFDS_DATA_DIR" in message
    assert "d.load('bert_tf_unreachable')" in message
    assert capsys.readouterr().out == ""
