"""MinHash signatures against exact similarities, and the rule against its definition."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_config import DeduplicationConfig
from bert_tf.pretraining.near_duplicates import NearDuplicateFinder

LETTERS = {"zh": [chr(code) for code in range(0x4E00, 0x4E00 + 2000)], "en": list("abcdefghijklmnopqrst ")}


def finder(**options: Any) -> NearDuplicateFinder:
    return NearDuplicateFinder(DeduplicationConfig(**options))


def random_text(choose: random.Random, language: str, length: int = 200) -> str:
    return "".join(choose.choices(LETTERS[language], k=length))


def mutated(text: str, choose: random.Random, changes: int) -> str:
    """The text with some characters replaced."""
    characters = list(text)
    for place in choose.sample(range(len(text)), changes):
        characters[place] = "变" if characters[place] >= "\u4e00" else "z"
    return "".join(characters)


def jaccard(first: str, second: str, length: int = 5) -> float:
    def shingles(text: str) -> set[str]:
        text = "".join(text.lower().split())
        return {text[i : i + length] for i in range(len(text) - length + 1)}

    return len(shingles(first) & shingles(second)) / len(shingles(first) | shingles(second))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_signatures_estimate_the_similarity(language: str) -> None:
    choose = random.Random(1)
    signer = finder(permutations=512)
    for changes in (0, 2, 5, 15, 60):
        text = random_text(choose, language)
        other = mutated(text, choose, changes)
        a, b = signer.signature(text), signer.signature(other)
        true = jaccard(text, other)
        # Four standard deviations of 512 draws.
        assert np.mean(a == b) == pytest.approx(true, abs=4 * np.sqrt(true * (1 - true) / 512) + 1e-9)


def test_case_and_whitespace_do_not_count_and_short_texts_have_signatures() -> None:
    signer = finder()
    np.testing.assert_array_equal(signer.signature("Good\nBooks 好书"), signer.signature("good books好 书"))
    assert not np.array_equal(signer.signature("好"), signer.signature("坏"))


def test_near_duplicates_follow_from_their_definition() -> None:
    """An earlier document shares a bucket and enough hashes, whatever happened to that one."""
    choose = random.Random(2)
    texts = [random_text(choose, "zh", 80) for _ in range(20)]
    texts += [mutated(choose.choice(texts), choose, choose.randint(0, 6)) for _ in range(180)]
    signer = finder(threshold=0.7, permutations=64)
    signatures = signer.signatures(texts)
    buckets = [signer.bucket(signatures, band) for band in range(signer.bands)]
    matches = [
        {
            other
            for other in range(place)
            if any(bucket[other] == bucket[place] for bucket in buckets)
            and np.mean(signatures[other] == signatures[place]) >= 0.7
        }
        for place in range(len(texts))
    ]
    near = signer.near_duplicates(signatures)
    assert near.tolist() == [bool(earlier) for earlier in matches]
    dropped = set(np.flatnonzero(near))
    assert any(earlier and earlier <= dropped for earlier in matches)  # a chain: dropped documents drop others


def test_near_duplicates_are_found_and_others_are_not() -> None:
    choose = random.Random(3)
    originals = [random_text(choose, language) for language in ("zh", "en") for _ in range(100)]
    copies = [mutated(text, choose, 2) for text in originals]  # Jaccard about 0.9
    different = [mutated(text, choose, 20) for text in originals]  # about 0.3
    signer = finder()
    near = signer.near_duplicates(signer.signatures([*originals, *copies, *different]))
    assert not near[:200].any()
    assert np.mean(near[200:400]) > 0.98
    assert not near[400:].any()


def test_equal_documents_and_no_documents() -> None:
    signer = finder()
    assert signer.near_duplicates(signer.signatures(["我喜欢这本书。"] * 4)).tolist() == [False, True, True, True]
    assert not len(signer.near_duplicates(np.zeros((0, 128), np.uint32)))


def test_a_threshold_that_cannot_be_told() -> None:
    with pytest.raises(UserError, match="--deduplication.threshold 0.99 is too high"):
        finder(threshold=0.99, permutations=16)
