"""What the wheel holds: all that the demo needs, without the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bert_tf import demo
from tests.conftest import REPOSITORY

SOURCES = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "configs", "bert_tf")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the wheel, as an installation lays them out."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in SOURCES:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, sources / name)
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*argv, "--wheel-dir", str(folder), str(sources)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "installed")
    return folder / "installed"


def test_the_wheel_holds_every_recipe_and_preset(installed: Path) -> None:
    for folder in ("configs", "bert_tf/backbones/presets"):
        expected = {path.relative_to(REPOSITORY / folder) for path in (REPOSITORY / folder).rglob("*.*")}
        there = installed / "bert_tf" / folder.removeprefix("bert_tf/")
        assert {path.relative_to(there) for path in there.rglob("*.*")} == expected
    assert (installed / "bert_tf" / "py.typed").exists()
    assert not (installed / "tests").exists()


def test_the_demo_finds_its_recipe_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    code = "from bert_tf import demo, config; print(demo.CONFIG); config.load(demo.CONFIG, config.ExperimentConfig)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == installed / "bert_tf" / "configs" / "demo_zh_reviews.yaml"


def test_the_demo_prints_the_python_that_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("here/.venv/bin", "elsewhere/bin"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path / "here")
    for executable, path, shown in (
        ("here/.venv/bin/python", "elsewhere/bin", ".venv/bin/python"),
        ("elsewhere/bin/python", "elsewhere/bin", "python"),
        ("elsewhere/bin/python", "nowhere", str(tmp_path / "elsewhere/bin/python")),
    ):
        monkeypatch.setattr(sys, "executable", str(tmp_path / executable))
        monkeypatch.setenv("PATH", str(tmp_path / path))
        assert demo._python() == shown
