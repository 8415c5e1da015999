"""Records to documents to tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bert_tf.data.records import Records
from bert_tf.data.sources import open_records
from bert_tf.pretraining.documents import (
    LONGEST_TEXT,
    is_held_out,
    load_segmenter,
    read_documents,
    tokenize_documents,
)
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS

TOKENIZER = ExactBertTokenizer([*RESERVED_TOKENS, *"我喜欢北京天安门。", "un", "##able", "to", "."], lowercase=True)


def text_records(folder: Path, **files: str) -> Records:
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
    return open_records(str(folder / "*.txt"), required=("text",), text_columns=("text",))


def test_blank_lines_and_files_part_documents(tmp_path: Path) -> None:
    records = text_records(tmp_path, a="one\ntwo\n\n\nthree\n", b="four")
    assert list(read_documents(records)) == ["one\ntwo", "three", "four"]


def test_text_without_blank_lines_is_cut(tmp_path: Path) -> None:
    line = "很" * 1000
    found = list(read_documents(text_records(tmp_path, a="\n".join([line] * 12))))
    assert [len(text.split("\n")) for text in found] == [5, 5, 2]
    assert LONGEST_TEXT == 5000


def test_every_row_of_other_formats_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\n"one\n\ntwo"\n""\nthree\n', encoding="utf-8")
    records = open_records(str(tmp_path / "a.csv"), required=("text",), text_columns=("text",))
    assert list(read_documents(records)) == ["one\n\ntwo", "three"]


def test_held_out_share_is_decided_by_the_text() -> None:
    texts = [f"document {number}" for number in range(5000)]
    held_out = [is_held_out(text, 0.1, 1) for text in texts]
    assert np.mean(held_out) == pytest.approx(0.1, abs=0.02)
    assert held_out == [is_held_out(text, 0.1, 1) for text in texts]
    assert held_out != [is_held_out(text, 0.1, 2) for text in texts]
    assert not any(is_held_out(text, 0.0, 1) for text in texts)


def continued(text: str, segmenter: str = "none") -> list[list[int]]:
    (document,) = tokenize_documents([text], TOKENIZER, load_segmenter(segmenter))
    assert [sentence.token_ids.tolist() for sentence in document] == TOKENIZER([text])
    return [sentence.continues.astype(int).tolist() for sentence in document]


def test_word_pieces_continue_their_word() -> None:
    assert continued("unable to") == [[0, 1, 0]]


def test_chinese_characters_are_words_unless_a_segmenter_says_otherwise() -> None:
    assert continued("我喜欢北京天安门") == [[0] * 8]
    pytest.importorskip("rjieba", reason="rjieba is not installed")
    assert continued("我喜欢北京天安门", "rjieba") == [[0, 0, 1, 0, 1, 0, 1, 1]]


def test_documents_keep_their_order_and_empty_ones_go() -> None:
    documents = list(tokenize_documents(["我。喜欢。", "", "\x00", "北京"], TOKENIZER))
    assert [len(document) for document in documents] == [2, 1]
