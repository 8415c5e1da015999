"""Examples: what they are made of, 50/50 pairs, and text that is never lost or mixed up."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.pretraining.documents import Document, Sentence
from bert_tf.pretraining.examples import BROKEN, IN_ORDER, NO_PAIR, Example, ExampleBuilder

CLS, SEP = 1, 2


def documents(count: int = 200, sentences: int = 6, words: int = 9) -> list[Document]:
    """Token ``1000 * document + position``: every id tells where it comes from. Every third token continues a word."""
    made = []
    for number in range(count):
        ids = np.arange(sentences * words) + 1000 * (number + 1)
        continues = np.arange(sentences * words) % 3 == 2
        continues[::words] = False
        made.append([Sentence(ids[i : i + words], continues[i : i + words]) for i in range(0, len(ids), words)])
    return made


def build(objective: str, length: int = 32, seed: int = 1, **options: object) -> list[Example]:
    source = documents(**{key: options.pop(key) for key in ("count", "sentences", "words") if key in options})
    return list(ExampleBuilder(objective, length, CLS, SEP, **options).build(source, seed))


def parts(example: Example) -> tuple[list[int], list[int]]:
    ids = example.token_ids.tolist()
    return ids[1 : example.first_length - 1], ids[example.first_length : -1]


@pytest.mark.parametrize("objective", ["nsp", "sop"])
@pytest.mark.parametrize("sentences", [1, 6])
def test_pairs_are_half_and_half_and_what_their_label_says(objective: str, sentences: int) -> None:
    """Also where every document is one sentence, as a product review is."""
    made = build(objective, count=2000, sentences=sentences)
    broken = np.mean([example.pair_label == BROKEN for example in made])
    assert broken == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(made)))
    for example in made:
        first, second = parts(example)
        assert first
        assert second
        same_document = first[0] // 1000 == second[0] // 1000
        if example.pair_label == IN_ORDER:
            assert same_document
            assert max(first) < min(second)
        elif objective == "nsp":
            assert not same_document
        else:
            assert same_document
            assert max(second) < min(first)


@pytest.mark.parametrize("objective", ["nsp", "sop", "mlm"])
def test_special_tokens_lengths_and_words(objective: str) -> None:
    made = build(objective)
    for example in made:
        ids = example.token_ids
        assert ids[0] == CLS
        assert ids[-1] == ids[example.first_length - 1] == SEP
        assert len(ids) == len(example.continues) <= 32
        specials = np.isin(ids, [CLS, SEP])
        assert not example.continues[specials].any()
        assert not example.continues[1:][specials[:-1]].any()  # a segment begins with a whole word
        inside = example.continues & ~specials
        assert np.all(np.diff(ids)[inside[1:]] == 1)  # a continuation follows its own word
    assert {example.pair_label for example in made} == ({NO_PAIR} if objective == "mlm" else {IN_ORDER, BROKEN})


def test_packing_fills_every_example_and_keeps_every_token() -> None:
    made = build("mlm", words=9, sentences=2)
    assert {len(example.token_ids) for example in made[:-1]} == {32}
    found = sorted(i for example in made for i in example.token_ids.tolist() if i not in (CLS, SEP))
    assert found == sorted(int(i) for d in documents(words=9, sentences=2) for s in d for i in s.token_ids)


def test_without_packing_no_example_holds_two_documents() -> None:
    for example in build("mlm", packing=False):
        assert len({i // 1000 for i in example.token_ids.tolist() if i not in (CLS, SEP)}) == 1


def test_equal_seeds_equal_examples() -> None:
    def ids(seed: int) -> list[list[int]]:
        return [example.token_ids.tolist() for example in build("nsp", seed=seed)]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


def test_one_document_has_no_other_to_take_from() -> None:
    assert {example.pair_label for example in build("nsp", count=1, sentences=40)} == {IN_ORDER}
