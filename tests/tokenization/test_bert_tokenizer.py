"""Token ids against Hugging Face's fast tokeniser, which is the reference and the one users' checkpoints come from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer
from tokenizers.normalizers import BertNormalizer

from bert_tf.tokenization import character_classes as classes
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from tests.property_tests import examples

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


CODE_POINTS = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_code_point(lowercase: bool) -> None:
    ours, reference = PAIRS[lowercase]
    # Several to a text: that costs a third of the time.
    texts = [
        " ".join(f"a{c}b {c} 中{c}A" for c in CODE_POINTS[start : start + 16])
        for start in range(0, len(CODE_POINTS), 16)
    ]
    found = ours.token_ids(tf.constant(texts)).to_list()
    assert [
        text for text, got, want in zip(texts, found, expected_ids(reference, texts), strict=True) if got != want
    ] == []


@pytest.mark.parametrize(("lowercase", "strip_accents"), [(True, None), (False, None), (True, False)])
def test_any_character_may_be_in_the_vocabulary(lowercase: bool, strip_accents: bool | None) -> None:
    """Above, an odd character is unknown to both; here it has an id. Every character that needs care is there."""
    normalizer = BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    odd = classes.WORD_BUT_NOT_IN_TF_TEXT + classes.ALONE_BUT_WORD_IN_TF_TEXT
    ranges = [(int(a, 16), int(b or a, 16)) for a, b in re.findall(r"x\{(\w+)\}(?:-\\x\{(\w+)\})?", odd)]
    characters = [chr(code) for first, last in ranges for code in range(first, last + 1)]
    characters += classes.NEWER_CAPITALS + "\u0378\U00040000\U00040001\U00040002" + "".join(CODE_POINTS[:0x3000])
    known = {c for text in characters for c in text + normalizer.normalize_str(text)}
    known = {c for c in known if normalizer.normalize_str(c).strip()} - {"\U00040001"} | set("abA中")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(x for c in sorted(known) for x in (c, f"##{c}"))]
    ids = {token: index for index, token in enumerate(vocabulary)}
    reference = BertWordPieceTokenizer(ids, lowercase=lowercase, strip_accents=strip_accents)
    ours = ExactBertTokenizer(vocabulary, lowercase=lowercase, strip_accents=strip_accents)
    texts = [f"a{c}b {c} 中{c}A" for c in characters]
    found = ours.token_ids(tf.constant(texts)).to_list()
    assert [
        text for text, got, want in zip(texts, found, expected_ids(reference, texts), strict=True) if got != want
    ] == []


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


@examples(200)
@given(st.lists(ANY_TEXT | MIXED_TEXT, min_size=1, max_size=20))
@pytest.mark.parametrize("lowercase", [True, False])
def test_random_texts(lowercase: bool, texts: list[str]) -> None:
    ours, reference = PAIRS[lowercase]
    texts = [text.replace("[", "(") for text in texts]  # the reference takes [UNK] in a text for the special token
    assert ours.token_ids(tf.constant(texts)).to_list() == expected_ids(reference, texts)


@pytest.mark.parametrize("length", [99, 100, 101, 133, 134, 400, 401])
@pytest.mark.parametrize("letter", ["a", "é", "ก", "😀", "中"])
def test_long_words(tokenizers: Pair, length: int, letter: str) -> None:
    ours, reference = tokenizers
    texts = [letter * length, f"ab {letter * length} ab", f"{letter * length}.{letter * length}"]
    assert ours.token_ids(tf.constant(texts)).to_list() == expected_ids(reference, texts)


@pytest.mark.parametrize("text", ["[CLS] ab [MASK]love[SEP]", "[MASK]", "", "[mask] [PAD] [UNK]", "中[MASK]\u0300 é"])
def test_special_tokens_in_a_text_on_request(text: str) -> None:
    vocabulary = list(dict.fromkeys(VOCABULARY))
    ours = ExactBertTokenizer(vocabulary, lowercase=True, special_tokens_in_strings=True)
    reference = pair(True)[1]
    reference.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    assert ours.token_ids(tf.constant([text, "a"])).to_list() == expected_ids(reference, [text, "a"])


def test_odd_vocabularies_work() -> None:
    """Real vocab.txt files hold empty lines, repeated tokens, spaces and control characters."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "", "a", "##a", "a b", " ", "\x11", "##\x11", "##"]
    tokens += ["##b", "a.b", "a.", ".a", "##.", ".", "\u3000", "a\u3000b", "中文", "a中", "##中", "é", "A", "\ufffd"]
    reference = BertWordPieceTokenizer({token: index for index, token in enumerate(tokens)}, lowercase=True)
    texts = [
        "a aa ab",
        "a\x11b ##",
        "b",
        "a.b a. .a .",
        "\u3000a\u3000b a\u3000b",
        "中文 a中 é A",
        "\U00040000 6 \x0111",
    ]
    assert ExactBertTokenizer(tokens, lowercase=True).token_ids(tf.constant(texts)).to_list() == expected_ids(
        reference, texts
    )


def test_detokenizes_as_kerashub_does_in_a_graph() -> None:
    tokenizer = PAIRS[True][0]
    words = tf.function(tokenizer.detokenize)(tokenizer.token_ids(tf.constant(["unaffable lovely"])))
    assert words.numpy().tolist() == [b"unaffable lovely"]


def test_options_that_would_change_the_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="splits"):
        ExactBertTokenizer(VOCABULARY, split_on_cjk=False)


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
