"""Checkpoints: which are kept, which is restored, and that no other run's are touched, whatever the run is called."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from bert_tf.errors import UserError
from bert_tf.training.checkpoint import Checkpoints, Progress
from tests.test_atomic_file import everything, largest_file

NAMES = ["plain", "lr[3e-5]", "x[1]", "a*b", "what?", "back\\slash", "{a,b}", "a b", "学习率"]


def checkpoints(folder: Path, progress: Progress | None = None, size: int = 3, keep: int = 2) -> Checkpoints:
    model = keras.Sequential([keras.Input((size,)), keras.layers.Dense(2)])
    optimizer = keras.optimizers.SGD()
    optimizer.build(model.trainable_variables)
    return Checkpoints(folder, model, optimizer, progress or Progress(), keep)


def save(folder: Path, *steps: int, **options: int) -> None:
    progress = Progress()
    these = checkpoints(folder, progress, **options)
    for step in steps:
        progress.step = step
        these.save()


def restored(folder: Path) -> int:
    """The step that is restored."""
    progress = Progress()
    assert checkpoints(folder, progress).restore()
    return progress.step


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_run_is_a_name(tmp_path: Path, name: str) -> None:
    neighbours = [tmp_path / other for other in ("x1", "axb", "whatx", "lr3", "a", "back")]
    for other in neighbours:
        save(other, 1)
    folder = tmp_path / name
    save(folder, 1, 2, 10, 3, keep=2)
    assert sorted(path.name for path in folder.glob("*.index")) == ["ckpt-2.index", "ckpt-3.index"]
    assert restored(folder) == 3
    assert all(restored(other) == 1 for other in neighbours)


def test_tensorflow_finds_the_newest(tmp_path: Path) -> None:
    save(tmp_path, 9, 10)
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "ckpt-10")


def test_checkpoints_of_earlier_versions_are_restored(tmp_path: Path) -> None:
    progress = Progress(step=7)
    these = checkpoints(tmp_path, progress)
    tf.train.CheckpointManager(these._checkpoint, str(tmp_path), max_to_keep=2).save(checkpoint_number=7)
    (tmp_path / "checkpoint").unlink()
    assert restored(tmp_path) == 7


def cut_data(prefix: Path) -> None:
    path = prefix.with_name(f"{prefix.name}.data-00000-of-00001")
    path.write_bytes(path.read_bytes()[:-20])


def no_data(prefix: Path) -> None:
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").unlink()


def other_data(prefix: Path) -> None:
    path = prefix.with_name(f"{prefix.name}.data-00000-of-00001")
    path.write_bytes(bytes(256 - 1 - byte for byte in path.read_bytes()))


def cut_index(prefix: Path) -> None:
    path = prefix.with_name(f"{prefix.name}.index")
    path.write_bytes(path.read_bytes()[:50])


def empty_index(prefix: Path) -> None:
    prefix.with_name(f"{prefix.name}.index").write_bytes(b"")


@pytest.mark.parametrize("damage", [cut_data, no_data, other_data, cut_index, empty_index])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 3, 6)
    damage(tmp_path / "ckpt-6")
    with caplog.at_level(logging.WARNING, "bert_tf"):
        assert restored(tmp_path) == 3
    assert "ckpt-6 is damaged" in caplog.text
    save(tmp_path, 4, keep=1)  # the good one goes only when a better one is there, and the damaged one with it
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-4.index"]
    damage(tmp_path / "ckpt-4")
    with pytest.raises(UserError, match="--resume: every checkpoint in .* is damaged"):
        restored(tmp_path)


def test_a_checkpoint_of_another_model_is_no_damaged_one(tmp_path: Path) -> None:
    save(tmp_path, 3, size=4)
    with pytest.raises(UserError, match="ckpt-3 does not fit this model"):
        checkpoints(tmp_path, size=3).restore()


def test_a_full_disk_keeps_the_last_good_one(tmp_path: Path) -> None:
    save(tmp_path, 1, size=20_000)
    before = everything(tmp_path)
    with largest_file(10_000), pytest.raises(UserError, match=r"cannot be written .*\. The last good one is .*ckpt-1;"):
        save(tmp_path, 2, size=20_000)
    assert everything(tmp_path) == before
    assert not checkpoints(tmp_path / "none").restore()
