"""Fills those parts of the documentation that are written elsewhere: option tables, and examples that tests run.

``python docs/generated_parts.py`` writes them; ``--check`` only says which pages are not current. A table of the
options of a plug-in lies between

    <!-- options: task classification -->
    <!-- end of options -->

and a file between

    <!-- file: tests/plugins/sample_package/pyproject.toml -->
    <!-- end of file -->

The line above a table names a kind (``task``, ``optimizer``, ``schedule``, ``hook`` or ``format``) and a
plug-in. Chinese descriptions are in ``zh-CN/option_descriptions.yaml``; an option without one keeps its English text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic.fields import FieldInfo

from bert_tf.exporting.formats import FORMATS
from bert_tf.optimization import OPTIMIZERS, SCHEDULES
from bert_tf.tasks import TASKS, find_schema
from bert_tf.training.hooks import HOOKS

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parent
CHINESE = FOLDER / "zh-CN"
TABLE = re.compile(r"(<!-- options: (\w+) (\w+) -->\n).*?(<!-- end of options -->)", re.DOTALL)
FILE = re.compile(r"(<!-- file: (\S+) -->\n).*?(<!-- end of file -->)", re.DOTALL)
HEADS = {"en": "| option | default | meaning |", "zh": "| 选项 | 默认值 | 说明 |"}


class Option(NamedTuple):
    """A row of a table.

    Attributes:
        key: of the Chinese description: kind, plug-in and name.
        flag: on the command line.
        field: as it is declared.
    """

    key: str
    flag: str
    field: FieldInfo


def options_of(kind: str, name: str) -> Iterator[Option]:
    """The options of a plug-in.

    Args:
        kind: ``task``, ``optimizer``, ``schedule``, ``hook`` or ``format``.
        name: of the plug-in.
    """
    flags = {"task": "--head.", "optimizer": "--optimizer.", "schedule": "--schedule.", "hook": f"--hooks.{name}."}
    registries = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "hook": HOOKS, "format": FORMATS}
    options = find_schema(name).Options if kind == "task" else registries[kind].options(name)
    for option, field in options.model_fields.items():
        yield Option(f"{kind}.{name}.{option}", flags.get(kind, "--") + option, field)


def plugins() -> Iterator[tuple[str, str]]:
    """Kind and name of every plug-in that has options."""
    registries = {"task": TASKS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "hook": HOOKS, "format": FORMATS}
    for kind, registry in registries.items():
        for name in registry:
            if list(options_of(kind, name)):
                yield kind, name


def table(kind: str, name: str, language: str) -> str:
    """The table of a plug-in.

    Args:
        kind: see :func:`options_of`.
        name: of the plug-in.
        language: ``en`` or ``zh``.
    """
    chinese = descriptions() if language == "zh" else {}
    rows = [HEADS[language], "| --- | --- | --- |"]
    for key, flag, field in options_of(kind, name):
        meaning = (chinese.get(key) or field.description or "").replace("|", "\\|")
        default = shown(field.get_default(call_default_factory=True))
        rows.append(f"| `{flag}` | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def descriptions() -> dict[str, str]:
    """The Chinese descriptions by key; ``task.*.NAME`` is of all tasks that have no description of their own."""
    given: dict[str, str] = yaml.safe_load((CHINESE / "option_descriptions.yaml").read_text(encoding="utf-8"))
    alike = {key.removeprefix("task.*."): text for key, text in given.items() if key.startswith("task.*.")}
    found = {f"task.{name}.{option}": text for name in TASKS for option, text in alike.items()}
    return found | given


def shown(default: Any) -> str:
    """A default as one types it; a dash where there is none."""
    if default is None or default == []:
        return "–"
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{text}`"


def pages() -> list[Path]:
    """All pages that may have such parts."""
    return [*sorted(REPOSITORY.glob("*.md")), *sorted(FOLDER.rglob("*.md"))]


def filled(page: Path) -> str:
    """The text of a page with current parts."""
    language = "zh" if CHINESE in page.parents else "en"

    def fill(found: re.Match[str]) -> str:
        return found[1] + table(found[2], found[3], language) + found[4]

    def include(found: re.Match[str]) -> str:
        file = REPOSITORY / found[2]
        language = {".py": "python"}.get(file.suffix, file.suffix[1:])
        return f"{found[1]}```{language}\n{file.read_text(encoding='utf-8')}```\n{found[3]}"

    return FILE.sub(include, TABLE.sub(fill, page.read_text(encoding="utf-8")))


def main(argv: list[str]) -> int:
    """Writes the parts, or checks them; returns the exit status."""
    old = [page for page in pages() if filled(page) != page.read_text(encoding="utf-8")]
    for page in old:
        if "--check" in argv:
            print(f"{page}: parts of it are not current; run python docs/generated_parts.py")
        else:
            page.write_text(filled(page), encoding="utf-8")
    return 1 if old and "--check" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
