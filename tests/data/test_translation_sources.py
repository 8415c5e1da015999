"""Parallel text files and translation memories."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bert_tf.data.sources import open_records
from bert_tf.errors import UserError
from tests.data.small_records import write

TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
  <header srclang="en" datatype="PlainText"/>
  <body>
    <tu tuid="1">
      <tuv xml:lang="en"><seg>Hello &amp; <bpt i="1">{b}</bpt>good <hi>day</hi><ept i="1">{/b}</ept>!</seg></tuv>
      <tuv xml:lang="zh-CN"><seg>你好！</seg></tuv>
    </tu>
    <tu>
      <note>no text</note>
      <tuv lang="en"><seg>Thanks.</seg></tuv>
      <tuv lang="zh-CN"><seg>谢谢。</seg></tuv>
      <tuv lang="zh-CN"><seg>多谢。</seg></tuv>
    </tu>
  </body>
</tmx>
"""
COLUMNS = {"text": "zh-CN", "translation": "en"}


def test_parallel_files(tmp_path: Path) -> None:
    zh = write(tmp_path / "a.zh", "你好\r\n\n谢谢\n")
    with gzip.open(tmp_path / "a.en.gz", "wt", encoding="utf-8") as file:
        file.write("Hello\n\nThanks")
    rows = list(open_records(f"parallel:{zh},{tmp_path}/a.en.gz", required=("text", "translation")))
    assert [(row.line, row.values) for row in rows] == [
        (1, {"text": "你好", "translation": "Hello"}),
        (3, {"text": "谢谢", "translation": "Thanks"}),
    ]


@pytest.mark.parametrize(("first", "second"), [(3, 5), (5, 3), (0, 2)])
def test_unequal_files_name_both_counts(tmp_path: Path, first: int, second: int) -> None:
    for name, count in (("a", first), ("b", second)):
        write(tmp_path / name, "x\n" * count)
    a, b = (tmp_path / "a", first), (tmp_path / "b", second)
    shorter, longer = sorted((a, b), key=lambda pair: pair[1])
    message = f"{shorter[0]} has {shorter[1]} lines, but {longer[0]} has {longer[1]}"
    with pytest.raises(UserError, match=message):
        list(open_records(f"parallel:{tmp_path}/a,{tmp_path}/b"))


@pytest.mark.parametrize("spec", ["parallel:a", "parallel:a,b,c", "parallel:,b"])
def test_parallel_needs_two_files(spec: str) -> None:
    with pytest.raises(UserError, match="give two files with a comma between them"):
        list(open_records(spec))


def test_parallel_lines_that_are_not_utf8(tmp_path: Path) -> None:
    write(tmp_path / "a", "x\ny\n")
    write(tmp_path / "b", "很好\n".encode() + b"\xe9\n")
    with pytest.raises(UserError, match="b line 2: the byte 0xe9 is not UTF-8"):
        list(open_records(f"parallel:{tmp_path}/a,{tmp_path}/b"))


def test_translation_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tmx", TMX)
    rows = list(open_records(str(path), columns=COLUMNS, required=("text", "translation")))
    assert [(row.line, row.values) for row in rows] == [
        (6, {"text": "你好！", "translation": "Hello & good day!"}),
        (10, {"text": "谢谢。", "translation": "Thanks."}),
    ]


def test_translation_memory_is_streamed(tmp_path: Path) -> None:
    head, unit, tail = TMX[: TMX.index("    <tu ")], TMX[TMX.index("    <tu>") : TMX.index("  </body>")], TMX[-17:]
    path = write(tmp_path / "a.tmx", head + unit * 3000 + tail)
    rows = iter(open_records(str(path), columns=COLUMNS, required=("text", "translation")))
    assert next(rows).values["translation"] == "Thanks."
    assert sum(1 for _ in rows) == 2999


def test_languages_are_chosen_by_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tmx", TMX)
    with pytest.raises(UserError, match="there is no column 'text'; there are: 'en', 'zh-CN'. Name the right one with"):
        list(open_records(str(path), required=("text", "translation")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TMX.replace("</tuv>", "", 1), "line 9: not valid XML: mismatched tag"),
        ("<xliff/>", "this is XML, but not TMX: its root is <xliff>, not <tmx>"),
        (TMX.replace(' xml:lang="en"', ""), "line 7: a <tuv> without xml:lang"),
        (
            TMX.replace('SYSTEM "tmx14.dtd"', '[<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]'),
            "line 2: it declares the entity 'a'; remove it",
        ),
        (TMX[:400], "not valid XML"),
    ],
)
def test_broken_translation_memories(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path / "a.tmx", content)
    with pytest.raises(UserError) as caught:
        list(open_records(str(path)))
    assert message in str(caught.value)
