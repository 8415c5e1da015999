"""What the documentation shows of other files: option tables, worked examples, the floors."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from bert_tf.tasks import TASKS, find_schema
from tests.conftest import REPOSITORY


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated_parts", REPOSITORY / "docs" / "generated_parts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PARTS = load_script()
PLUGINS = list(PARTS.plugins())
LANGUAGES = ("en", "zh")


def pages(language: str) -> str:
    chosen = [page for page in PARTS.pages() if ("zh-CN" in page.parts) == (language == "zh")]
    return "\n".join(page.read_text(encoding="utf-8") for page in chosen)


@pytest.mark.parametrize("page", PARTS.pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_pages_are_current(page: Path) -> None:
    assert PARTS.filled(page) == page.read_text(encoding="utf-8"), "run python docs/generated_parts.py"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_options_are_documented(kind: str, name: str, language: str) -> None:
    assert f"<!-- options: {kind} {name} -->" in pages(language)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_page_in_both_languages(name: str) -> None:
    for folder in ("docs/tasks", "docs/zh-CN/tasks"):
        tables = [f"<!-- options: task {name} -->" in page.read_text() for page in (REPOSITORY / folder).glob("*.md")]
        assert sum(tables) == (1 if find_schema(name).Options.model_fields else 0)


def test_chinese_descriptions_are_of_options_that_exist() -> None:
    known = {option.key for kind, name in PLUGINS for option in PARTS.options_of(kind, name)}
    given = PARTS.yaml.safe_load((PARTS.CHINESE / "option_descriptions.yaml").read_text(encoding="utf-8"))
    general = {f"task.*.{key.rpartition('.')[2]}" for key in known if key.startswith("task.")}
    assert set(given) <= known | general
    assert known <= set(PARTS.descriptions())  # every option of ours has one


def test_the_sample_package_is_shown_whole() -> None:
    shown = re.findall(r"<!-- file: (\S+) -->", (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    sample = REPOSITORY / "tests" / "plugins" / "sample_package"
    files = {str(file.relative_to(REPOSITORY)) for file in [sample / "pyproject.toml", *sample.glob("*/[!_]*.py")]}
    assert set(shown) == files


def test_the_drawing_of_the_floors_is_what_is_checked() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    [floors] = [each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]
    drawing = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = re.findall(r"^ +(floor\d+)\[\"([\w |]+)<br/>", drawing, re.MULTILINE)
    assert [floor for _, floor in drawn] == floors["layers"]
    assert " --> ".join(name for name, _ in drawn) in drawing
