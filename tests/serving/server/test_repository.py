"""Version folders over time: names, rollback, failed loads that are tried again, and base paths that cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from bert_tf.errors import UserError
from bert_tf.serving.server.model_config import ServedModel
from bert_tf.serving.server.repository import Repository, Retries, State
from bert_tf.serving.server.request_error import RequestError
from bert_tf.serving.server.versions import find_versions, version_of_name


class Constant(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"text": text}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "1"
    module = Constant()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.answer})
    return path


def repository(*bases: Path, retries: Retries | None = None, newest: int | None = 1) -> Repository:
    models = {base.name: ServedModel(base, newest=newest) for base in bases}
    return Repository(models, poll_seconds=0, retries=retries)


def answering(watched: Repository, name: str) -> int | None:
    try:
        return watched.find(name)[0]
    except RequestError:
        return None


def break_version(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"no model")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("1", 1), ("0", 0), ("007", 7), ("00000123", 123), ("0" * 200 + "5", 5), (str(2**63 - 1), 2**63 - 1),
        ("9" * 20, None), (str(2**63), None), ("9" * 250, None), ("٣", None), ("³", None), ("1a", None), ("-1", None),
        ("+1", None), ("1.0", None), (" 1", None), ("1\n", None), ("", None), (".1", None), ("1_0", None),
    ],
)  # fmt: skip
def test_names_of_version_folders(name: str, number: int | None) -> None:
    assert version_of_name(name) == number


def test_folders_keep_their_own_names_and_odd_ones_harm_nobody(tmp_path: Path, saved: Path) -> None:
    base = tmp_path / "m"
    for name in ("00000123", "007", "7", "٣", "99999999999999999999", "tmp", "-1"):
        shutil.copytree(saved, base / name)
    (base / "500").mkdir()  # without a SavedModel: not there yet
    (base / "600").write_text("a file")
    assert {number: path.name for number, path in find_versions(base).items()} == {7: "7", 123: "00000123"}
    watched = repository(base, newest=None)
    watched.start()
    assert {number: state.state for number, state in watched.status("m").items()} == {
        123: State.AVAILABLE,
        7: State.AVAILABLE,
    }
    assert answering(watched, "m") == 123


def test_rollback_by_deleting_the_newest_folder(tmp_path: Path, saved: Path) -> None:
    base = tmp_path / "m"
    for name in ("1", "2"):
        shutil.copytree(saved, base / name)
    watched = repository(base)
    watched.start()
    assert answering(watched, "m") == 2
    shutil.rmtree(base / "2")
    watched.refresh()
    assert answering(watched, "m") == 1
    shutil.copytree(saved, base / "2")
    watched.refresh()
    assert answering(watched, "m") == 2
    shutil.rmtree(base / "2")
    shutil.rmtree(base / "1")
    watched.refresh()
    assert answering(watched, "m") is None
    assert not watched.ready()
    assert {state.state for state in watched.status("m").values()} == {State.END}
    shutil.copytree(saved, base / "1")
    watched.refresh()
    assert answering(watched, "m") == 1


def test_a_base_path_that_is_gone_for_a_while_changes_nothing(tmp_path: Path, saved: Path) -> None:
    base = tmp_path / "m"
    shutil.copytree(saved, base / "1")
    watched = repository(base)
    watched.start()
    base.rename(tmp_path / "elsewhere")
    watched.refresh()
    assert answering(watched, "m") == 1
    (tmp_path / "elsewhere").rename(base)
    watched.refresh()
    assert answering(watched, "m") == 1


def test_the_old_version_answers_until_the_wanted_one_can_be_loaded(tmp_path: Path, saved: Path) -> None:
    base = tmp_path / "m"
    shutil.copytree(saved, base / "1")
    watched = repository(base)
    watched.start()
    break_version(base / "2")
    watched.refresh()
    assert answering(watched, "m") == 1
    assert "cannot be loaded" in watched.status("m", 2)[2].error
    shutil.rmtree(base / "2")
    shutil.copytree(saved, base / "2")
    watched.refresh()  # the folder has changed: no need to wait for the next attempt
    assert answering(watched, "m") == 2
    assert watched.status("m", 1)[1].state == State.END


def test_failed_loads_are_tried_again_as_often_as_asked(
    tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "m"
    break_version(base / "1")
    watched = repository(base, retries=Retries(most=2, interval_seconds=60))
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    watched.start()

    def attempts() -> int:
        watched.refresh()
        return watched.status("m")[1].attempts

    assert attempts() == 1
    now[0] += 61
    assert attempts() == 2
    assert attempts() == 2
    now[0] += 61
    assert attempts() == 3
    now[0] += 1000
    assert attempts() == 3  # two more than the first, as asked
    (base / "1" / "saved_model.pb").write_bytes(b"still no model")
    assert attempts() == 1


@pytest.mark.parametrize("trouble", ["missing", "a file", "a loop", "too long"])
def test_a_base_path_that_cannot_be_read_stops_no_other_model(tmp_path: Path, saved: Path, trouble: str) -> None:
    bad, good = tmp_path / ("x" * 300 if trouble == "too long" else "bad"), tmp_path / "good"
    if trouble == "a file":
        bad.write_text("")
    elif trouble == "a loop":
        bad.symlink_to(bad)
    shutil.copytree(saved, good / "1")
    watched = repository(bad, good)
    watched.start()
    assert answering(watched, "good") == 1
    assert not watched.ready()
    shutil.copytree(saved, good / "2")
    watched.refresh()
    assert answering(watched, "good") == 2
    if trouble == "missing":
        shutil.copytree(saved, bad / "1")
        watched.refresh()
        assert watched.ready()
    with pytest.raises(UserError, match="cannot be read"):
        repository(tmp_path / "nowhere").start()


def test_a_version_folder_that_cannot_be_read_is_reported(tmp_path: Path, saved: Path) -> None:
    base = tmp_path / "m"
    shutil.copytree(saved, base / "1")
    (base / "2").mkdir()
    (base / "2" / "saved_model.pb").symlink_to(base / "2" / "saved_model.pb")  # a loop
    (base / "3").symlink_to(base / "3")
    watched = repository(base)
    watched.start()
    assert answering(watched, "m") == 1
