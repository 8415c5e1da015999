"""A model whose files are missing, cut off or another's is refused by name, and never answers with random weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bert_tf.backbones.loading import load_backbone
from bert_tf.backbones.model_files import check_files, write_checksums
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable
from bert_tf.exporting.publish import publish
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tasks.classification import TextClassifier

FILES = [
    "task.weights.h5",
    "model.weights.h5",
    "task.json",
    "config.json",
    "tokenizer.json",
    "preprocessor.json",
    "labels.txt",
    "assets/tokenizer/vocabulary.txt",
]


def remove(file: Path) -> None:
    file.unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def swap(file: Path) -> None:
    """Another file of the same size."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> RunDirectory:
    """A copy, to be broken."""
    return RunDirectory(shutil.copytree(trained_run, tmp_path / "run"))


@pytest.mark.parametrize("damage", [remove, cut, swap])
@pytest.mark.parametrize("name", FILES)
def test_incomplete_models_are_refused_by_name(run: RunDirectory, name: str, damage: Callable[[Path], None]) -> None:
    damage(run.model / name)
    for use in (
        lambda: RunDirectory.open(run.path).load_model(),
        lambda: load_backbone(str(run.model)),
        lambda: publish("preset", Exportable(preset=run.model), run.path / "copy"),
    ):
        with pytest.raises(UserError, match=f"model/{name}"):
            use()
    assert not (run.path / "copy").exists()


def test_files_beside_the_model_do_not_matter(run: RunDirectory) -> None:
    (run.model / "README.md").write_text("mine")
    assert check_files(run.model)


def test_broken_checksums_are_named(run: RunDirectory) -> None:
    for text in ("", "[]", '{"files": {"config.json": 1}}'):
        (run.model / "checksums.json").write_text(text)
        with pytest.raises(UserError, match="checksums.json: it cannot be read"):
            check_files(run.model)


def test_models_without_checksums_are_checked_by_names_and_shapes(run: RunDirectory) -> None:
    (run.model / "checksums.json").unlink()
    assert not check_files(run.model)
    RunDirectory.open(run.path).load_model()
    config = json.loads((run.model / "task.json").read_text())
    config["config"] |= {"labels": ["bad", "good", "odd"], "positive_label": None}
    whole = (run.model / "task.json").read_text()
    (run.model / "task.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="the model cannot be read"):
        RunDirectory.open(run.path).load_model()
    (run.model / "task.json").write_text(whole)
    for name in ("task.weights.h5", "model.weights.h5", "assets/tokenizer/vocabulary.txt"):
        (run.model / name).rename(run.path / "away")
        with pytest.raises(UserError, match=str(run.model)):
            RunDirectory.open(run.path).load_model()
        (run.path / "away").rename(run.model / name)


def test_random_weights_are_to_be_had_by_asking(run: RunDirectory) -> None:
    (run.model / "task.weights.h5").unlink()
    assert TextClassifier.from_preset(str(run.model), load_weights=False).labels == ["bad", "good"]


def test_checksums_are_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("x")
    write_checksums(tmp_path)
    known = json.loads((tmp_path / "checksums.json").read_text())
    assert known["files"] == {
        "a/x": {"size": 1, "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}
    }
