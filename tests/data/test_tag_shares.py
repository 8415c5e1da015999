"""The tags that words have, counted."""

from __future__ import annotations

import pytest

from bert_tf.data.records import Row
from bert_tf.data.span_records import with_spans
from bert_tf.data.tag_shares import TagCounter


def shares(*records: dict[str, object], labels: list[str]) -> list[float]:
    counter = TagCounter()
    for number, values in enumerate(records, 1):
        counter.add(with_spans(Row("data", number, values)))
    return counter.shares(labels)


def test_words_and_chinese_characters_count_alike() -> None:
    english = {"tokens": ["New", "York", "is", "big", "."], "tags": ["B-place", "I-place", "O", "O", "O"]}
    chinese = {"text": "他在北京，笑了", "spans": [[2, 4, "place"], [0, 1, "person"]]}
    found = shares(english, chinese, labels=["person", "place"])
    # 12 words: O 7, person 1 and 0, place 2 and 2; half a word more each.
    assert found == pytest.approx([count / 14.5 for count in (7.5, 1.5, 0.5, 2.5, 2.5)])


def test_what_does_not_occur_or_overlaps_has_a_share() -> None:
    nested = {"text": "北京大学", "spans": [[0, 4, "school"], [0, 2, "place"]]}
    found = shares(nested, labels=["place", "school", "nowhere"])
    assert min(found) > 0
    assert sum(found) == pytest.approx(1)
