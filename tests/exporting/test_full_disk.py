"""A disk that is full while an export is written: one message, and nothing is left."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable
from bert_tf.exporting.formats.saved_model import export_saved_model
from bert_tf.exporting.publish import publish
from bert_tf.runs.run_directory import RunDirectory
from tests.test_atomic_file import largest_file


def as_saved_model(run: RunDirectory, output: Path) -> None:
    export_saved_model(run.load_model(), output, texts=[])


def as_huggingface_directory(run: RunDirectory, output: Path) -> None:
    publish("huggingface", Exportable.of_backbone(load_backbone(str(run.model))), output)


def as_preset(run: RunDirectory, output: Path) -> None:
    publish("preset", Exportable(preset=run.model), output)


@pytest.mark.parametrize("write", [as_saved_model, as_huggingface_directory, as_preset])
def test_full_disk_leaves_nothing(trained_run: Path, tmp_path: Path, write: Callable[..., None]) -> None:
    run = RunDirectory.open(trained_run)
    with largest_file(300_000), pytest.raises(UserError, match=r"^--output .*new.x: cannot be written \(.*\)\.$"):
        write(run, tmp_path / "new" / "x")
    assert os.listdir(tmp_path) == []
