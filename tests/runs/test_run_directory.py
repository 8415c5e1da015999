"""What is in a run after a power cut, and while one model makes way for the next."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bert_tf.errors import UserError
from bert_tf.runs.run_directory import RunDirectory
from tests.test_atomic_file import largest_file

LINES = '{"epoch": 1, "step": 4}\n{"epoch": 2, "step": 8}\n'


@pytest.mark.parametrize("torn", ['{"epoch": 3, "st', '{"epoch"', "\0\0\0", "\n", '{"epoch": 3, "text": "\\'])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: str, caplog: pytest.LogCaptureFixture) -> None:
    run = RunDirectory(tmp_path)
    run.metrics_file.write_text(LINES + torn)
    with caplog.at_level(logging.WARNING, "bert_tf"):
        run.forget_after(4)
    assert ("is incomplete and left out" in caplog.text) == torn.startswith("{")
    run.append_metrics({"epoch": 2, "step": 9})
    assert [line["step"] for line in run.metrics()] == [4, 9]


def test_other_lines_are_named(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for text, number in (('{"ep\n' + LINES, 1), (LINES + "[1]\n", 3), ("loss 0.3\n" + LINES, 1), (LINES + "{}", 3)):
        run.metrics_file.write_text(text)
        with pytest.raises(UserError, match=rf"metrics\.jsonl line {number}: this is not a line that training writes"):
            run.metrics()
        assert run.metrics_file.read_text() == text


def test_reading_a_run_changes_nothing(trained_run: Path, tmp_path: Path) -> None:
    """While a training swaps its models, the one before answers, and the training is not disturbed."""
    for number, place in enumerate(("model", ".model.old", "model.old")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "config.yaml").write_bytes((trained_run / "config.yaml").read_bytes())
        (folder / place).symlink_to(trained_run / "model")
        run = RunDirectory.open(folder)
        assert run.model.name == place
        assert sorted(path.name for path in folder.iterdir()) == sorted(["config.yaml", place])
        RunDirectory(folder).forget_after(0)
        assert (folder / "model").exists()


def test_texts_with_odd_line_ends_are_kept(tmp_path: Path) -> None:
    texts = [{"text": "a\u2028b\x85c\u000bd\r\n"}, {"text": "e"}]
    run = RunDirectory(tmp_path)
    run.save_examples(texts)
    assert run.examples() == texts


def test_a_full_disk_is_one_message(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with largest_file(10), pytest.raises(UserError, match=r"metrics\.jsonl: cannot be written \(File too large\)"):
        run.append_metrics({"epoch": 1, "step": 4})
    run.add_to_environment(steps=4)  # where there is no file yet, too


def test_what_somebody_put_beside_a_model_stays(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.save_model(Weights("first"))
    (run.model / "assets" / "notes.txt").write_text("mine")
    run.save_model(Weights("second"))
    assert (run.model / "weights").read_text() == "second"
    assert (run.model / "assets" / "notes.txt").read_text() == "mine"


class Weights:
    """A model of one file."""

    def __init__(self, text: str) -> None:
        self.text = text

    def save_to_preset(self, folder: str) -> None:
        (Path(folder) / "assets").mkdir(parents=True)
        (Path(folder) / "weights").write_text(self.text)
