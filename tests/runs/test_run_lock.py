"""One process at a time writes a run, and a process that has ended holds nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bert_tf.errors import UserError
from bert_tf.runs.run_lock import locked

HOLD = """
import sys
from pathlib import Path
from bert_tf.runs.run_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_writes(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(UserError, match=rf"another process writes this run \(process {holder.pid} on "),
            locked(run),
        ):
            pass
        assert json.loads((run / "run.lock").read_text())["process"] == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (run / "run.lock").exists()  # without a process it holds nothing
    with locked(run):
        pass
    assert os.listdir(run) == []


def test_a_lock_ends_with_its_block(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "x"
    with locked(run), pytest.raises(UserError, match="another process writes this run"), locked(run):
        pass
    with pytest.raises(KeyError), locked(run):
        raise KeyError
    with locked(run):
        (run / "file").touch()


def test_what_fails_at_once_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError), locked(tmp_path / "runs" / "x"):
        raise UserError
    assert os.listdir(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--output .*file/x: cannot be written"), locked(tmp_path / "file" / "x"):
        pass
