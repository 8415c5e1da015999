"""Windows that cover a document, and its head and tail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.document_preprocessor import DocumentPreprocessor

WORDS = [f"w{number}" for number in range(40)]
TOKENIZER = ExactBertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS], lowercase=True)


def text(words: int) -> str:
    return " ".join(WORDS[:words])


def packed(words: int, **options: Any) -> list[Any]:
    preprocessor = DocumentPreprocessor(TOKENIZER, sequence_length=8, **options)
    return (preprocessor.pack(tf.constant([text(words)]))["token_ids"] - 5).to_list()[0]


@pytest.mark.parametrize("stride", [1, 4, 6])
@pytest.mark.parametrize("words", [0, 1, 5, 6, 7, 12, 13, 40])
def test_windows_cover_every_token_and_none_too_many(words: int, stride: int) -> None:
    windows = packed(words, stride=stride, max_windows=100)
    covered = set()
    for number, window in enumerate(windows):
        assert [window[0], window[-1]] == [-3, -2]  # [CLS] and [SEP]
        inner = window[1:-1]
        assert inner == list(range(number * stride, number * stride + len(inner)))
        assert len(inner) == 6 or number == len(windows) - 1
        covered |= set(inner)
    assert covered == set(range(words))
    assert len(windows) == max(1, 1 + -(-(words - 6) // stride))


def test_windows_behind_the_last_are_not_read() -> None:
    assert [window[1] for window in packed(40, stride=4, max_windows=3)] == [0, 4, 8]


@pytest.mark.parametrize(("head", "kept"), [(2, [0, 1, 16, 17, 18, 19]), (0, [*range(14, 20)]), (6, [*range(6)])])
def test_head_and_tail(head: int, kept: list[int]) -> None:
    assert packed(20, strategy="head_tail", head_tokens=head) == [-3, *kept, -2]
    assert packed(6, strategy="head_tail", head_tokens=head) == [-3, *range(6), -2]  # what fits stays whole


def test_documents_of_a_batch_are_filled_up_to_the_longest() -> None:
    preprocessor = DocumentPreprocessor(TOKENIZER, sequence_length=8, stride=4)
    texts = tf.constant([text(1), text(14), ""])
    dense = preprocessor.pad(preprocessor.pack(texts))
    assert dense.keys() == {"token_ids", "segment_ids", "padding_mask"}
    assert all(value.shape.as_list() == [3, 3, 8] for value in dense.values())
    assert dense["padding_mask"].numpy().sum(-1).tolist() == [[3, 0, 0], [8, 8, 8], [2, 0, 0]]
    np.testing.assert_array_equal(dense["token_ids"][0, 0, :3], [2, 5, 3])
    assert not np.any(dense["token_ids"][0, 1:])
    again = DocumentPreprocessor.from_config(preprocessor.get_config())
    assert (again.stride, again.max_windows, again.strategy) == (4, 8, "windows")
