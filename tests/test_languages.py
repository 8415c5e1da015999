"""The English and the Chinese pages say the same: equal headings, flags, code blocks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
CHINESE = DOCS / "zh-CN"
ENGLISH_PAGES = [page for page in sorted(DOCS.rglob("*.md")) if CHINESE not in page.parents]
PAIRS = [
    (REPOSITORY / "README.md", REPOSITORY / "README.zh-CN.md"),
    *((page, CHINESE / page.relative_to(DOCS)) for page in ENGLISH_PAGES),
]
BLOCK = re.compile(r"^```(\w*)\n.*?^```", re.DOTALL | re.MULTILINE)
NAMED_BY_THE_USER = re.compile(r"(--tasks\.)\w+")


def outline(page: Path) -> dict[str, object]:
    text = page.read_text(encoding="utf-8")
    flags = re.findall(r"--[a-zA-Z][\w.]*", NAMED_BY_THE_USER.sub(r"\1NAME", text))
    return {
        "levels of headings": [len(marks) for marks in re.findall(r"^(#+) ", BLOCK.sub("", text), re.MULTILINE)],
        "flags": set(flags),
        "code blocks": BLOCK.findall(text),
    }


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].relative_to(REPOSITORY).as_posix())
def test_pages_have_one_outline(pair: tuple[Path, Path]) -> None:
    english, chinese = pair
    assert outline(chinese) == outline(english)


def test_no_page_lacks_its_counterpart() -> None:
    assert set(CHINESE.rglob("*.md")) == {counterpart for _, counterpart in PAIRS[1:]}
