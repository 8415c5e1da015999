"""Token ids against Hugging Face's fast tokeniser, which is the reference and the one users' checkpoints come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer

FIXTURE = Path(__file__).with_name("tokenizer_reference.json")
REFERENCE = json.loads(FIXTURE.read_text(encoding="utf-8"))

# Every fast or slow path of the ops meets known letters, so that a wrong drop or split changes the ids.
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *(piece for c in "abcdefghijklmnopqrstuvwxyz0123456789" for piece in (c, f"##{c}")),
    *(piece for c in "äéßσςıçñаеиояжкㄱᄀ가がｱアａ３ﬁ" for piece in (c, f"##{c}")),
    *"ABCÄÉΣ中文书很喜欢这本我非常。，！？!?.,;:'\"()[]<>/\\-_@#$%&*+=~`^{}|«»“”…—·、😀",
    *("ab", "##ab", "love", "##ly", "un", "##aff", "##able"),
]

Pair = tuple[ExactBertTokenizer, BertWordPieceTokenizer]


def pair(lowercase: bool, strip_accents: bool | None = None) -> Pair:
    ids = {token: index for index, token in enumerate(dict.fromkeys(VOCABULARY))}
    reference = BertWordPieceTokenizer(ids, lowercase=lowercase, strip_accents=strip_accents)
    return ExactBertTokenizer(list(ids), lowercase=lowercase, strip_accents=strip_accents), reference


PAIRS = {lowercase: pair(lowercase) for lowercase in (True, False)}


@pytest.fixture(
    scope="module", params=[(True, None), (False, None), (True, False)], ids=["uncased", "cased", "accents"]
)
def tokenizers(request: pytest.FixtureRequest) -> Pair:
    return pair(*request.param)


def expected_ids(reference: BertWordPieceTokenizer, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in reference.encode_batch(texts, add_special_tokens=False)]


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_code_point(lowercase: bool) -> None:
    ours, reference = PAIRS[lowercase]
    codes = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    wrong = []
    for start in range(0, len(codes), 50_000):
        texts = [f"a{c}b {c} 中{c}A" for c in map(chr, codes[start : start + 50_000])]
        found = ours.token_ids(tf.constant(texts)).to_list()
        for text, got, want in zip(texts, found, expected_ids(reference, texts), strict=True):
            if got != want:
                wrong.append(text)
    assert wrong == []


@pytest.mark.parametrize("name", sorted(REFERENCE["cases"]))
@pytest.mark.parametrize("lowercase", [True, False])
def test_stored_reference(name: str, lowercase: bool) -> None:
    case = REFERENCE["cases"][name]
    tokenizer = ExactBertTokenizer(REFERENCE["vocabulary"], lowercase=lowercase)
    assert tokenizer.token_ids(tf.constant([case["text"]])).to_list() == [case["uncased" if lowercase else "cased"]]


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
MIXED_TEXT = st.text(
    st.sampled_from("abzABZ 0９é\u0301ßΣς中文，。。!\u00ad\u200b\ufeff\t\n\u3000😀\U0001f1e8가İı\ufffd"), max_size=60
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_TEXT | MIXED_TEXT, min_size=1, max_size=20))
@pytest.mark.parametrize("lowercase", [True, False])
def test_random_texts(lowercase: bool, texts: list[str]) -> None:
    ours, reference = PAIRS[lowercase]
    # TensorFlow and the reference disagree on nothing but letters newer than the ops' Unicode tables; of those, no
    # vocabulary token exists, so that ids are equal all the same.
    assert ours.token_ids(tf.constant(texts)).to_list() == expected_ids(reference, texts)


@pytest.mark.parametrize("length", [99, 100, 101, 133, 134, 400, 401])
@pytest.mark.parametrize("letter", ["a", "é", "ก", "😀", "中"])
def test_long_words(tokenizers: Pair, length: int, letter: str) -> None:
    ours, reference = tokenizers
    texts = [letter * length, f"ab {letter * length} ab", f"{letter * length}.{letter * length}"]
    assert ours.token_ids(tf.constant(texts)).to_list() == expected_ids(reference, texts)


def test_special_tokens_in_a_text_are_text() -> None:
    tokenizer = PAIRS[True][0]
    ids = tokenizer.token_ids(tf.constant(["[CLS] [MASK] a [SEP]"])).to_list()[0]
    assert not set(ids) & {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id}


def test_invalid_utf8_is_dropped() -> None:
    tokenizer = PAIRS[True][0]
    broken = tokenizer.token_ids(tf.constant([b"a\xffb", b"\xe4\xb8", b"a\x00b"])).to_list()
    assert broken == tokenizer.token_ids(tf.constant(["ab", "", "ab"])).to_list()


def test_is_a_kerashub_tokenizer(tmp_path: Path) -> None:
    tokenizer = PAIRS[True][0]
    tokenizer.save_to_preset(str(tmp_path))
    again = ExactBertTokenizer.from_config(tokenizer.get_config())
    again.load_preset_assets(str(tmp_path))
    assert again.lowercase
    assert again.get_vocabulary() == tokenizer.get_vocabulary()
    assert again("ab lovely").numpy().tolist() == tokenizer("ab lovely").numpy().tolist()
    assert again(["ab", "lovely a"]) == tokenizer.token_ids(tf.constant(["ab", "lovely a"])).to_list()
