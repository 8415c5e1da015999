"""Files are whole or absent, whatever fails; nobody else's file is touched on the way."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bert_tf.atomic_file import (
    OutputIfPossible,
    open_atomically,
    open_bytes_atomically,
    refuse_input_as_output,
    staged_folder,
    write_atomically,
    write_errors,
)
from bert_tf.errors import UserError


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing beyond ``size`` bytes of a file fails, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder and what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_full_disk_is_one_message_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("before")
    with (
        largest_file(100_000),
        pytest.raises(UserError, match=r"^--output .*out\.jsonl: cannot be written \(File too large\)\.$"),
        open_atomically(path, "--output") as file,
    ):
        file.writelines("x" * 10_000 for _ in range(100))
    assert everything(tmp_path) == {"out.jsonl": b"before"}


def test_unwritable_places_are_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path, reason in [
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / "file" / "out", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
        ("/dev/full", "No space left on device"),
    ]:
        with pytest.raises(UserError, match=f"cannot be written \\({reason}\\)"):
            write_atomically(path, "text")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_what_fails_inside_leaves_no_new_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_atomically(tmp_path / "a" / "b" / "out") as file:
        file.write(f"text {1 / 0}")
    assert os.listdir(tmp_path) == []


def test_devices_and_links_are_written_through(tmp_path: Path) -> None:
    write_atomically("/dev/null", "text")
    assert Path("/dev/null").is_char_device()
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real").chmod(0o600)
    write_atomically(tmp_path / "link", "after\r\n")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"after\r\n"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o600


def test_temporary_names_are_nobody_elses(tmp_path: Path) -> None:
    for name in ("out.tmp", ".out.tmp", "out.new"):
        (tmp_path / name).write_text("the user's")
    write_atomically(tmp_path / "out", "text")
    with open_bytes_atomically(tmp_path / "out") as file:
        file.write(b"text")
    assert {name: text for name, text in everything(tmp_path).items() if name != "out"} == {
        "out.tmp": b"the user's",
        ".out.tmp": b"the user's",
        "out.new": b"the user's",
    }


def test_an_input_is_never_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data.tsv"
    data.write_text("text\n")
    (tmp_path / "link").symlink_to(data)
    os.link(data, tmp_path / "hard")
    monkeypatch.chdir(tmp_path)
    for output in (data, "data.tsv", "./data.tsv", "link", "hard", f"../{tmp_path.name}/data.tsv"):
        with pytest.raises(UserError, match=f"^--output {output}: this is also an input"):
            refuse_input_as_output(output, [data])
    refuse_input_as_output("new.tsv", [data])
    refuse_input_as_output("link", ["nowhere.tsv"])


def test_staged_folder_is_whole_or_absent(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "a" / "x") as folder:
        (folder / "file").touch()
        assert not (tmp_path / "a" / "x").exists()
    assert everything(tmp_path) == {"a/x/file": b""}
    with pytest.raises(UserError, match="exists already, and is never overwritten"), staged_folder(tmp_path / "a"):
        pass
    with (
        largest_file(10),
        pytest.raises(UserError, match="--output .*y: cannot be written"),
        staged_folder(tmp_path / "b" / "y") as folder,
        write_errors(f"--output {tmp_path / 'b' / 'y'}"),
    ):
        (folder / "file").write_text("x" * 100)
    assert os.listdir(tmp_path) == ["a"]


def test_output_beside_something_that_matters_more(tmp_path: Path) -> None:
    with largest_file(100_000), OutputIfPossible(tmp_path / "out") as output:
        for _ in range(100):
            output.writelines(["x" * 10_000])
    assert "cannot be written (File too large)" in str(output.error)
    assert os.listdir(tmp_path) == []
    with OutputIfPossible(tmp_path / "out") as output:
        output.writelines(["text"])
    assert output.error is None
    assert everything(tmp_path) == {"out": b"text"}
    with OutputIfPossible(None) as output:
        output.writelines(["text"])


def test_a_full_disk_has_one_name_in_every_library() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    full = "No space left on device"

    class SafetensorError(Exception):
        pass

    for error in (
        OSError(errno.ENOSPC, full, "a", None, "b"),
        shutil.Error([("a", "b", f"[Errno 28] {full}: 'a' -> 'b'"), ("c", "d", f"[Errno 28] {full}: 'c' -> 'd'")]),
        RuntimeError(
            f"Can't decrement id ref count (unable to extend file properly, errno = 28, error message = '{full}')"
        ),
        SafetensorError(f"Error while serializing: I/O error: {full} (os error 28)"),
        tensorflow.errors.ResourceExhaustedError(None, None, f"{{node}} e/variables; {full} [Op:SaveV2]"),
    ):
        with (
            pytest.raises(UserError, match=rf"^--output e: cannot be written \({full}\)\.$"),
            write_errors("--output e"),
        ):
            raise error
