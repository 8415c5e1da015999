"""Packing and padding against Hugging Face's, in tf.data and in an exported graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.text_preprocessor import TextPreprocessor
from tests.property_tests import examples

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh这本书很差好"]
PREPROCESSOR = TextPreprocessor(ExactBertTokenizer(VOCABULARY, lowercase=True), sequence_length=12)
REFERENCE = BertWordPieceTokenizer({token: index for index, token in enumerate(VOCABULARY)}, lowercase=True)
REFERENCE.enable_truncation(12, strategy="longest_first")

WORDS = st.text(st.sampled_from("ab书很 "), max_size=40)


@examples(200)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5))
def test_pairs_equal_the_reference(pairs: list[tuple[str, str]]) -> None:
    first, second = zip(*pairs, strict=True)
    packed = PREPROCESSOR.pack(tf.constant(first), tf.constant(second))
    expected = REFERENCE.encode_batch(pairs)
    assert packed["token_ids"].to_list() == [encoding.ids for encoding in expected]
    assert packed["segment_ids"].to_list() == [encoding.type_ids for encoding in expected]


@examples(50)
@given(st.lists(WORDS, min_size=1, max_size=5))
def test_single_texts_equal_the_reference(texts: list[str]) -> None:
    packed = PREPROCESSOR.pack(tf.constant(texts))
    assert packed["token_ids"].to_list() == [encoding.ids for encoding in REFERENCE.encode_batch(texts)]
    assert set(packed["segment_ids"].flat_values.numpy()) == {0}


def test_padding_reaches_the_longest_row_only() -> None:
    packed = PREPROCESSOR.pack(tf.constant(["a", "a b c"]))
    dense = PREPROCESSOR.pad(packed)
    assert dense["token_ids"].numpy().tolist() == [[2, 5, 3, 0, 0], [2, 5, 6, 7, 3]]
    assert dense["padding_mask"].numpy().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert PREPROCESSOR.pad(packed, multiple_of=8)["token_ids"].shape == (2, 8)
    assert PREPROCESSOR.pad(packed, multiple_of=64)["token_ids"].shape == (2, 12)
    assert PREPROCESSOR.pad(packed, length=7)["token_ids"].shape == (2, 7)
    assert all(value.dtype == tf.int32 for value in dense.values())


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (["书", "a b"], [[2, 15, 3, 0], [2, 5, 6, 3]]),
        ("a b", [2, 5, 6, 3]),
        ((["a"], ["b"]), [[2, 5, 3, 6, 3]]),
        ({"text": ["a"], "text_pair": ["b"]}, [[2, 5, 3, 6, 3]]),
    ],
)
def test_call_takes_what_kerashub_users_give(x: object, expected: object) -> None:
    assert PREPROCESSOR(x=x)["token_ids"].numpy().tolist() == expected


def test_same_ids_in_tf_data_with_labels() -> None:
    dataset = tf.data.Dataset.from_tensor_slices((["a b", "书"], [1, 0])).batch(2).map(PREPROCESSOR)
    features, labels = next(iter(dataset))
    assert features["token_ids"].numpy().tolist() == [[2, 5, 6, 3], [2, 15, 3, 0]]
    assert labels.numpy().tolist() == [1, 0]


def test_same_ids_in_an_exported_graph(tmp_path: Path) -> None:
    texts = ["", "a" * 3000, "书很差", "\x00\ufeff", "a b c d e f g h a b c d e f"]

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.preprocessor = PREPROCESSOR

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.preprocessor(texts)

    tf.saved_model.save(Module(), str(tmp_path))
    served = tf.saved_model.load(str(tmp_path))(tf.constant([*texts, "x"]))
    expected = PREPROCESSOR([*texts, "x"])
    for name, value in expected.items():
        assert served[name].numpy().tolist() == value.numpy().tolist()
    assert tf.saved_model.load(str(tmp_path))(tf.constant([b"a\xff"]))["token_ids"].numpy().tolist() == [[2, 5, 3]]


def test_config_and_assets_round_trip(tmp_path: Path) -> None:
    PREPROCESSOR.save_to_preset(str(tmp_path))
    again = TextPreprocessor.from_config(PREPROCESSOR.get_config())
    again.load_preset_assets(str(tmp_path))
    assert again.sequence_length == 12
    assert again("a 书")["token_ids"].numpy().tolist() == PREPROCESSOR("a 书")["token_ids"].numpy().tolist()
