"""Text in any encoding, with any line end, in any wrapping: read, and said; or refused with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from bert_tf.data.sources import open_records
from bert_tf.data.text_files import open_text
from bert_tf.errors import UserError
from tests.data.small_records import write

CHINESE = [
    "我非常喜欢这本书",
    "好",
    "不好",
    "物流太慢了",
    "质量差，不推荐",
    "你好",
    "北京",
    "好不好",
    "女装夏季连衣裙",
    "iPhone不错",
]
TRADITIONAL = ["我非常喜歡這本書", "房間很乾淨，服務員態度也很好", "很好", "不好"]
JAPANESE = ["このホテルはとても良かったです", "東京", "カメラ", "とても良い。"]
KOREAN = ["이 책을 정말 좋아합니다", "서비스가 너무 나빠요", "좋아요"]
WESTERN = [
    "Très bon café, déjà vu",
    "Müller übt",
    "El niño comió piñas",
    "it’s “fine” – ok",
    "à la carte",
    "søster på øen",
]
CYRILLIC = ["Привет, как дела?", "Хороший отель"]


def read(path: Path, **options: str) -> str:
    with open_text(str(path), **options) as file:
        return file.read()


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("gbk", CHINESE),
        ("gb18030", [*CHINESE, "😀好", "繁體字也可以"]),
        ("big5", TRADITIONAL),
        ("shift_jis", JAPANESE),
        ("euc_jp", [JAPANESE[0], JAPANESE[2]]),
        ("euc_kr", KOREAN),
        ("cp1252", WESTERN),
        ("cp1251", CYRILLIC),
        ("utf-16-le", ["text\tlabel\n很好\t1\n", "很好。\n一上\n", "hello\n"]),
        ("utf-16-be", ["text\tlabel\n很好\t1\n", "hello\n"]),
        ("utf-32-le", ["很好\n"]),
    ],
)
def test_an_encoding_is_guessed_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, encoding: str, texts: list[str]
) -> None:
    for number, text in enumerate(texts):
        caplog.clear()
        path = write(tmp_path / f"{number}.txt", text.encode(encoding))
        assert read(path) == text
        assert read(path) == text
        (message,) = [record.getMessage() for record in caplog.records]  # once, though it was read twice
        assert f"{path}: read as " in message
        assert "--data.encoding NAME sets it" in message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "text,label\n很好,1\n"),
        ("x.tsv", "text\tlabel\n很好\t1\n"),
        ("x.jsonl", '{"text": "很好", "label": "1"}\n'),
        ("x.json", '[{"text": "很好", "label": "1"}]'),
    ],
)
def test_every_text_format_has_its_encoding_guessed(tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path / name, content.encode("gbk"))
    assert [row.values for row in open_records(str(path))] == [{"text": "很好", "label": "1"}]


def test_what_comes_late_decides_where_all_before_is_ascii(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", b"plain\n" * 50_000 + "物流太慢了\n".encode("gbk"))
    assert read(path).splitlines()[-1] == "物流太慢了"


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        # One broken byte makes no other encoding of a file that is UTF-8 before.
        ("很好\n".encode() * 50_000 + b"\xc4\xe3\n", {}, "line 50001: the byte 0xc4 is not UTF-8, as"),
        ("很好\n".encode() + b"a\xffb\n", {}, "x.jsonl line 2: the byte 0xff is not UTF-8, as the text before it is"),
        (b"{}\n\xff\n", {}, "line 2: the byte 0xff is not UTF-8, and what the file is in cannot be guessed"),
        ("Ça\n".encode("cp1252"), {}, 'it may be big5hkscs ("ぺ") or cp1252 ("Ça"). Say which with --data.encoding'),
        ("房间很好\n".encode("gbk") * 3 + b"\xff\n", {}, "line 4: the byte 0xff is not GB18030, which the file seemed"),
        ("很好\n".encode("gbk"), {"encoding": "utf-8"}, "the byte 0xba is not UTF-8"),
        (b"caf\xe9\n", {"encoding": "gbk"}, "line 1: the byte 0xe9 is not GB18030, which the file is said to be in"),
        (b"\xff\xfea\x00\n\x00\x00\xd8a\x00", {}, "line 2: the byte 0x00 is not UTF-16-LE, as which the file begins"),
        (b"\x00\x01\x02", {}, "this is not text (there is a zero byte at its start)"),
    ],
)  # fmt: skip
def test_bytes_of_no_or_another_encoding_are_named(
    tmp_path: Path, content: bytes, options: dict[str, str], message: str
) -> None:
    path = write(tmp_path / "x.jsonl", content.replace("很好\n".encode(), '{"a": "很好"}\n'.encode()))
    with pytest.raises(UserError) as caught:
        list(open_records(str(path), **options))
    assert message in str(caught.value)


def test_the_flag_decides_but_for_a_mark_and_warns_of_what_is_utf8(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read(write(tmp_path / "a", "是".encode("big5")), encoding="big5") == "是"
    assert read(write(tmp_path / "b", "中文".encode("utf-8-sig")), encoding="gbk") == "中文"
    assert not caplog.records
    assert read(write(tmp_path / "c", "中文".encode()), encoding="gbk") == "中文".encode().decode("gb18030")
    assert "c: it seems to be UTF-8, but is read as GB18030" in caplog.text


def test_memory_does_not_grow_with_a_file_of_a_guessed_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "物流太慢了，不推荐\n".encode("gbk") * 500_000)
    tracemalloc.start()
    assert sum(1 for _ in open_records(str(path))) == 500_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000 < path.stat().st_size


# === Line ends and wrappings ===


def test_lines_that_end_with_a_carriage_return_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "bert_tf")
    path = write(tmp_path / "x.csv", 'text,label\rgood,1\r"two\rlines",0\r')
    assert [row.values["text"] for row in open_records(str(path))] == ["good", "two\nlines"]
    assert "its lines end with a carriage return alone" in caplog.text
    assert read(write(tmp_path / "x.txt", "一\r二\r".encode("utf-16"))) == "一\n二\n"


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", gzip.compress(b"text\na\n")),
        ("x.csv", bz2.compress(b"text\na\n")),
        ("x.csv.gz", lzma.compress(b"text\na\n")),
        ("x.csv", zipped(inner="text\na\n")),
        ("x.csv.zip", zipped(inner="text\na\n")),
        ("x.csv.gz", b"text\na\n"),
    ],
    ids=["gz", "bz2", "xz", "zip", "zip by name", "plain"],  # the bytes hold the time
)
def test_compression_is_told_by_the_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    assert [row.values for row in open_records(str(write(tmp_path / name, content)))] == [{"text": "a"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", zipped(a="", b=""), "x.csv: this is a zip archive of 2 files (a, b). Unpack it and name the files."),
        ("x.csv", b"PK\x03\x04 and nothing more", "x.csv: cannot be read"),
        ("x.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "x.csv: this is an old Excel file (.xls), or a workbook with a"),
        ("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Save it as .xlsx, without a password, or as CSV."),
        (
            "x.xls",
            b"text\tlabel\n",
            "x.xls: this is no Excel workbook. If it is text, give it a name that ends in .csv",
        ),
    ],
)
def test_wrappings_that_are_not_read_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError) as caught:
        list(open_records(str(write(tmp_path / name, content))))
    assert message in str(caught.value)
