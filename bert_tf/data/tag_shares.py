"""How often each tag occurs, for a tagger to begin with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from bert_tf.data.records import Row
from bert_tf.data.span_records import spans_in

# Chinese and Japanese characters and punctuation, each alone; other words whole. Near enough to BERT's words for a
# beginning, without a tokeniser.
_WORD = re.compile(r"[\u2e80-\u9fff]|[^\W\u2e80-\u9fff]+|[^\w\s]")


class TagCounter:
    """Counts the IOB2 tags that the words of texts with spans have."""

    def __init__(self) -> None:
        self._words = 0
        self._first: Counter[str] = Counter()
        self._inside: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Counts one record, which went through :func:`bert_tf.data.span_records.with_spans`."""
        text = row.values["text"]
        self._words += _count(text)
        for span in spans_in(row):
            self._first[span.label] += 1
            self._inside[span.label] += max(0, _count(text[span.start : span.end]) - 1)

    def shares(self, labels: Sequence[str]) -> list[float]:
        """The share of words that are tagged O, then B and I of each label in turn; they add up to 1.

        Each count has half a word more, for tags that do not occur; where spans overlap, O has what is left, if any.
        """
        tagged = [count[label] for label in labels for count in (self._first, self._inside)]
        counts = [max(0, self._words - sum(tagged)), *tagged]
        return [(count + 0.5) / (sum(counts) + 0.5 * len(counts)) for count in counts]


def _count(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))
