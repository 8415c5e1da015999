"""The Python of the page on training runs as it stands, and is the same in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "docs" / "training.md", REPOSITORY / "docs" / "zh-CN" / "training.md"]


def test_the_example_of_keras_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english, chinese = (re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL) for page in PAGES)
    assert english == chinese
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in english:
        exec(code, names)
    assert (tmp_path / "my_model" / "labels.txt").read_text("utf-8") == "差评\n好评\n"
