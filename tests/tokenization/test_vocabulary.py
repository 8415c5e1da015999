"""A vocabulary learned from texts: the same in every process, within its size, and what it leaves out."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bert_tf.errors import UserError
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS, check_vocabulary, learn_vocabulary
from tests.conftest import REPOSITORY, toy_rows

TEXTS = [text for text, _ in toy_rows(80)] + ["Ünïted Stätes", "中文分词 abcabc", "𝕏 😀 ﬁ"]

LEARN = """
from bert_tf.tokenization.vocabulary import learn_vocabulary
from tests.tokenization.test_vocabulary import TEXTS
print(ascii(learn_vocabulary(lambda: TEXTS, 150)))
"""


def test_every_process_learns_the_same() -> None:
    """Hugging Face's learner hashes with a random seed of its own, so that one process alone proves nothing."""
    found = set()
    for seed in ("1", "2", "3", "4"):
        argv = [sys.executable, "-c", LEARN]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        found.add(subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, check=True).stdout)
    assert len(found) == 1


def test_the_order_of_texts_does_not_matter() -> None:
    assert learn_vocabulary(lambda: TEXTS, 150) == learn_vocabulary(lambda: reversed(TEXTS), 150)


def test_reserved_tokens_characters_continuations_pieces() -> None:
    tokens = learn_vocabulary(lambda: TEXTS, 400, min_frequency=2)
    check_vocabulary(tokens, "learned")
    assert tuple(tokens[:5]) == RESERVED_TOKENS
    characters = [token for token in tokens if len(token) == 1]
    assert tokens[5 : 5 + len(characters)] == sorted(characters)
    assert "中" in tokens
    assert "##中" not in tokens  # Chinese characters stand alone
    assert "u" in tokens
    assert "ü" not in tokens  # accents are stripped with the case
    assert "excellent" in tokens


def test_case_and_accents_are_kept_on_request() -> None:
    tokens = learn_vocabulary(lambda: TEXTS, 400, lowercase=False)
    assert {"Ü", "##ï", "S"} <= set(tokens)


@pytest.mark.parametrize("size", [7, 30, 80, 150])
def test_size_is_kept_and_frequent_characters_come_first(size: int) -> None:
    texts = ["a a a a b b b c c 中 中 中 中 中 文"] * 3 + [" ".join(map(chr, range(0x4E10, 0x4E80)))]
    tokens = learn_vocabulary(lambda: texts, size)
    assert len(tokens) <= size
    assert "中" in tokens
    assert ("文" in tokens) == (size > 7)
    if size in (30, 80):
        assert len(tokens) == size


@pytest.mark.parametrize(("texts", "size", "message"), [([], 100, "texts are empty"), (["a"], 6, "no room")])
def test_nothing_to_learn_is_one_message(texts: list[str], size: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        learn_vocabulary(lambda: texts, size)


def test_a_vocabulary_is_checked() -> None:
    with pytest.raises(UserError, match=r"vocab.txt: the vocabulary lacks \[MASK\]"):
        check_vocabulary(RESERVED_TOKENS[:4], "vocab.txt")
    with pytest.raises(UserError, match="vocab.txt line 7: the token 'a' stands there twice"):
        check_vocabulary([*RESERVED_TOKENS, "a", "a"], "vocab.txt")
