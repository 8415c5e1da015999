"""``scratch:``: sizes, seeds, the vocabulary it reads or learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bert_tf.backbones.loading import load_backbone
from bert_tf.backbones.sources.scratch import read_vocabulary
from bert_tf.config import ScratchConfig
from bert_tf.errors import UserError
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS

TEXTS = ["Good films, bad books.", "这本书很好。"] * 5


def test_equal_seeds_give_equal_weights() -> None:
    first, again, other = (load_backbone("scratch:tiny", texts=lambda: TEXTS, seed=seed) for seed in (1, 1, 2))
    assert first.tokenizer.get_vocabulary() == again.tokenizer.get_vocabulary()
    pairs = list(zip(first.backbone.get_weights(), again.backbone.get_weights(), strict=True))
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert not np.array_equal(first.backbone.get_weights()[0], other.backbone.get_weights()[0])


def test_size_is_that_of_the_paper() -> None:
    """Turc et al. 2019, table 1, has 4.4 M parameters for BERT-tiny with the 30,522 tokens of English BERT."""
    loaded = load_backbone("scratch:tiny", texts=lambda: TEXTS)
    tokens = len(loaded.tokenizer.get_vocabulary())
    assert loaded.backbone.vocabulary_size == tokens
    assert loaded.backbone.count_params() + (30_522 - tokens) * 128 == pytest.approx(4.4e6, rel=0.01)


def test_layers_and_width_may_be_given() -> None:
    backbone = load_backbone("scratch:3x192", texts=lambda: TEXTS).backbone
    assert (backbone.num_layers, backbone.hidden_dim, backbone.num_heads, backbone.intermediate_dim) == (3, 192, 3, 768)
    with pytest.raises(UserError, match="scratch:3x100: there is no such size; .* multiple of 64"):
        load_backbone("scratch:3x100", texts=lambda: TEXTS)


def test_given_vocabulary_and_case_are_used(tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_bytes("\r\n".join([*RESERVED_TOKENS, "A", "a", "书"]).encode() + b"\r\n\r\n")
    config = ScratchConfig(vocabulary=str(vocabulary), lowercase=False)
    tokenizer = load_backbone("scratch:mini", scratch=config).tokenizer
    assert tokenizer(["A a 书"]) == [[5, 6, 7]]


def test_positions_reach_as_far_as_the_sequences() -> None:
    assert load_backbone("scratch:tiny", texts=lambda: TEXTS).backbone.max_sequence_length == 512
    long = load_backbone("scratch:tiny", texts=lambda: TEXTS, sequence_length=1024)
    assert long.backbone.max_sequence_length == 1024


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the vocabulary lacks [PAD], [UNK], [CLS], [SEP], [MASK]"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\na\n", "vocab.txt line 7: the token 'a' stands there twice"),
        (b"\xff\xfe", "vocab.txt: the vocabulary cannot be read ("),
        (None, "vocab.txt: the vocabulary cannot be read ("),
    ],
)
def test_flaws_of_a_vocabulary_are_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "vocab.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_vocabulary(path)
    assert message in str(caught.value)


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="--backbone scratch:huge: there is no such size; there are: tiny, mini,"):
        load_backbone("scratch:huge", texts=lambda: TEXTS)
    with pytest.raises(UserError, match="give a vocabulary with --scratch.vocabulary vocab.txt"):
        load_backbone("scratch:tiny")
    with pytest.raises(UserError, match="the texts are empty"):
        load_backbone("scratch:tiny", texts=list)
