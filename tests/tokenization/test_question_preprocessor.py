"""Windows are those of Google's run_squad.py, and every context token is in one that sees most around it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.question_preprocessor import QuestionPreprocessor

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", *"0123456789"]


def preprocessor(**options: int) -> QuestionPreprocessor:
    return QuestionPreprocessor(ExactBertTokenizer(VOCABULARY, lowercase=True), **options)


def reference(lengths: list[int], room: int, stride: int) -> list[tuple[int, int, int, list[int]]]:
    """Record, first token, token behind, own tokens of each window, as run_squad.py finds them step by step."""
    found = []
    for record, length in enumerate(lengths):
        spans, start = [], 0
        while not spans or start < length:
            size = min(length - start, room)
            spans.append((start, start + size))
            if start + size >= length:
                break
            start += min(size, stride)
        own: list[list[int]] = [[] for _ in spans]
        for token in range(length):
            shown = [
                min(token - first, after - 1 - token) + 0.01 * (after - first) if first <= token < after else -1
                for first, after in spans
            ]
            own[int(np.argmax(shown))].append(token)
        found += [(record, first, after, tokens) for (first, after), tokens in zip(spans, own, strict=True)]
    return found


@pytest.mark.parametrize("stride", [1, 3, 7, 12, 100])
def test_windows_equal_run_squad(stride: int) -> None:
    lengths = [0, 1, 11, 12, 13, 14, 25, 40, 61]
    contexts = [" ".join(str(n % 10) for n in range(length)) for length in lengths]
    cut = preprocessor(sequence_length=18, stride=stride, max_query_length=3).windows(
        tf.constant(["a b c d e"] * len(lengths)), tf.constant(contexts)
    )
    expected = reference(lengths, room=12, stride=stride)
    ends = zip(cut.own_first.numpy(), cut.own_after.numpy(), strict=True)
    own = [list(range(first, after)) for first, after in ends]
    assert list(zip(cut.record.numpy(), cut.first.numpy(), cut.after.numpy(), own, strict=True)) == expected
    zero = VOCABULARY.index("0")
    for (_, first, after, _), ids, segments, place in zip(
        expected,
        cut.features["token_ids"].to_list(),
        cut.features["segment_ids"].to_list(),
        cut.context_place.numpy(),
        strict=True,
    ):
        assert ids == [2, 5, 6, 7, 3, *(zero + n % 10 for n in range(first, after)), 3]
        assert segments == [0] * 5 + [1] * (after - first + 1)
        assert place == 5


def test_each_question_leaves_its_own_room() -> None:
    cut = preprocessor(sequence_length=16, stride=100, max_query_length=4).windows(
        tf.constant(["", "a b", "a b c d e f"]), tf.constant(["1 " * 20] * 3)
    )
    assert cut.record.numpy().tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert [len(ids) for ids in cut.features["token_ids"].to_list()] == [16, 10, 16, 14, 16, 16, 9]


def test_offsets_are_those_of_the_context() -> None:
    cut = preprocessor(sequence_length=20, max_query_length=4).windows(tf.constant(["a"]), tf.constant(["a  😀 É1 ２"]))
    assert cut.starts.to_list() == [[0, 3, 5, 8]]
    assert cut.ends.to_list() == [[1, 4, 7, 9]]


def test_no_room_for_a_context() -> None:
    with pytest.raises(ValueError, match="74 tokens have no room for 64 of the question, 3 special ones and 8 of the"):
        preprocessor(sequence_length=74, max_query_length=64)
    again = QuestionPreprocessor.from_config(preprocessor(sequence_length=75, stride=9).get_config())
    assert (again.sequence_length, again.stride, again.max_query_length) == (75, 9, 64)
