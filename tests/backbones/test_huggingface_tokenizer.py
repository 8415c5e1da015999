"""Tokeniser files of a Hugging Face directory: the ids of ``tokenizers``, or a refusal that names the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tokenizers import BertWordPieceTokenizer, Tokenizer, models, normalizers, pre_tokenizers

from bert_tf.backbones.checkpoint_directory import read_tokenizer
from bert_tf.errors import UserError

TOKENS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "Rome",
    "rome",
    "é",
    "e",
    "É",
    "##s",
    "东",
    "京",
    "东京",
    "[",
    "]",
]
TEXTS = ["Rome romes ROME", "é É e", "东京 Rome东京", "a [E1] b"]


def reference(**options: Any) -> BertWordPieceTokenizer:
    return BertWordPieceTokenizer({token: index for index, token in enumerate(TOKENS)}, **options)


def directory(path: Path, *, vocabulary: bool = True, fast: Any = None, **files: Any) -> Path:
    path.mkdir(exist_ok=True)
    if vocabulary:
        (path / "vocab.txt").write_text("\n".join(TOKENS), encoding="utf-8")
    for name, content in ({"tokenizer": fast} if fast else {} | files).items():
        (path / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def ids(path: Path) -> list[list[int]]:
    return read_tokenizer(path, len(TOKENS)).token_ids(tf.constant(TEXTS)).to_list()


def expected(tokenizer: BertWordPieceTokenizer) -> list[list[int]]:
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]


@pytest.mark.parametrize("strip_accents", [None, True, False])
@pytest.mark.parametrize("lowercase", [True, False])
def test_case_and_accents_are_honoured_from_either_file(
    tmp_path: Path, lowercase: bool, strip_accents: bool | None
) -> None:
    wanted = reference(lowercase=lowercase, strip_accents=strip_accents)
    config = {"do_lower_case": lowercase, "strip_accents": strip_accents, "tokenizer_class": "BertTokenizerFast"}
    assert ids(directory(tmp_path / "a", tokenizer_config=config)) == expected(wanted)
    for with_vocabulary in (True, False):
        path = directory(tmp_path / f"b{with_vocabulary}", vocabulary=with_vocabulary, fast=wanted.to_str())
        assert ids(path) == expected(wanted)


def test_the_config_decides_where_the_files_differ(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = directory(tmp_path / "a", fast=reference(lowercase=False).to_str())
    directory(path, tokenizer_config={"do_lower_case": True})
    assert ids(path) == expected(reference(lowercase=True))
    assert "do_lower_case is True in tokenizer_config.json, but not in tokenizer.json" in caplog.text


CORE = {str(index): {"content": token, "special": True} for index, token in enumerate(TOKENS[:5])}


@pytest.mark.parametrize(
    "files",
    [
        {"added_tokens": {}},
        {"added_tokens": {"[MASK]": 4}},
        {"tokenizer_config": {"added_tokens_decoder": CORE, "never_split": None, "tokenize_chinese_chars": True}},
        {"tokenizer_config": {"never_split": ["[CLS]", "[MASK]"], "mask_token": {"content": "[MASK]"}}},
        {"special_tokens_map": {"cls_token": "[CLS]", "additional_special_tokens": []}},
    ],
)
def test_what_is_berts_is_read(tmp_path: Path, files: dict[str, Any]) -> None:
    assert ids(directory(tmp_path / "a", **files)) == expected(reference())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"tokenizer_config": {"tokenize_chinese_chars": False}},
            "tokenizer_config.json: tokenize_chinese_chars is false",
        ),
        ({"tokenizer_config": {"do_basic_tokenize": False}}, "do_basic_tokenize is false"),
        ({"tokenizer_config": {"clean_text": False}}, "clean_text is false"),
        ({"tokenizer_config": {"never_split": ["[E1]"]}}, "never_split keeps [E1] whole"),
        (
            {"tokenizer_config": {"tokenizer_class": "BertJapaneseTokenizer"}},
            "tokenizer_class is BertJapaneseTokenizer",
        ),
        (
            {"tokenizer_config": {"tokenizer_class": "XLMRobertaTokenizerFast"}},
            "tokenizer_class is XLMRobertaTokenizerFast",
        ),
        (
            {"config": {"tokenizer_class": "BertJapaneseTokenizer"}},
            "config.json: tokenizer_class is BertJapaneseTokenizer",
        ),
        ({"tokenizer_config": {"word_tokenizer_type": "mecab"}}, 'word_tokenizer_type is "mecab"'),
        ({"tokenizer_config": {"subword_tokenizer_type": "character"}}, 'subword_tokenizer_type is "character"'),
        ({"tokenizer_config": {"auto_map": {"AutoTokenizer": ["x.T", None]}}}, "auto_map is"),
        ({"tokenizer_config": {"do_lower_case": "false"}}, 'do_lower_case is "false"'),
        ({"tokenizer_config": {"cls_token": "<s>"}}, "cls_token is '<s>', not '[CLS]'"),
        (
            {"tokenizer_config": {"added_tokens_decoder": {**CORE, "16": {"content": "[E1]"}}}},
            "it adds the tokens [E1]",
        ),
        ({"tokenizer_config": {"additional_special_tokens": ["[E1]"]}}, "it adds the special tokens [E1]"),
        (
            {"added_tokens": {"[E1]": 16, "[E2]": 17}},
            "added_tokens.json: it adds the tokens [E1], [E2] to the vocabulary",
        ),
        (
            {"special_tokens_map": {"additional_special_tokens": [{"content": "[E1]"}]}},
            "special_tokens_map.json: it adds",
        ),
        ({"special_tokens_map": {"unk_token": {"content": "<unk>"}}}, "unk_token is '<unk>', not '[UNK]'"),
    ],
)
def test_another_tokeniser_is_refused_by_name(tmp_path: Path, files: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_tokenizer(directory(tmp_path / "a", **files), len(TOKENS))
    assert message in str(caught.value)
    assert "That is not BERT's tokeniser" in str(caught.value)


def changed(**parts: Any) -> Tokenizer:
    tokenizer = Tokenizer.from_str(reference().to_str())
    for name, value in parts.items():
        setattr(tokenizer, name, value)
    return tokenizer


def with_added_token() -> Tokenizer:
    tokenizer = changed()
    tokenizer.add_tokens(["[E1]"])
    return tokenizer


def word_pieces(**options: Any) -> models.WordPiece:
    vocabulary = {token: index for index, token in enumerate(TOKENS)}
    return models.WordPiece(vocabulary, **{"unk_token": "[UNK]", **options})


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (reference(handle_chinese_chars=False), "handle_chinese_chars is false"),
        (reference(clean_text=False), "clean_text is false"),
        (changed(normalizer=normalizers.NFKC()), "its normalizer is NFKC, not BertNormalizer"),
        (
            changed(normalizer=normalizers.Sequence([normalizers.NFKC(), normalizers.BertNormalizer()])),
            "its normalizer is NFKC, BertNormalizer, not BertNormalizer",
        ),
        (changed(normalizer=None), "its normalizer is missing"),
        (changed(pre_tokenizer=pre_tokenizers.Whitespace()), "its pre_tokenizer is Whitespace, not BertPreTokenizer"),
        (changed(model=models.BPE()), "its model is BPE, not WordPiece"),
        (changed(model=models.Unigram()), "its model is Unigram, not WordPiece"),
        (changed(model=word_pieces(max_input_chars_per_word=10)), "max_input_chars_per_word is 10, not 100"),
        (changed(model=word_pieces(continuing_subword_prefix="@@")), "continuing_subword_prefix is '@@'"),
        (with_added_token(), "tokenizer.json: it adds the tokens [E1] to the vocabulary"),
    ],
)
def test_another_fast_tokeniser_is_refused_by_name(tmp_path: Path, tokenizer: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_tokenizer(directory(tmp_path / "a", fast=tokenizer.to_str()), len(TOKENS))
    assert message in str(caught.value)


def test_the_same_steps_in_a_sequence_are_berts(tmp_path: Path) -> None:
    tokenizer = changed(
        normalizer=normalizers.Sequence([normalizers.BertNormalizer()]),
        pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer()]),
    )
    assert ids(directory(tmp_path / "a", fast=tokenizer.to_str())) == expected(reference())


def test_a_vocabulary_of_another_tokenizer_json_is_refused(tmp_path: Path) -> None:
    path = directory(tmp_path / "a", fast=reference().to_str())
    (path / "vocab.txt").write_text("\n".join([*TOKENS[:5], "x", *TOKENS[6:]]), encoding="utf-8")
    with pytest.raises(UserError, match="'Rome' has the id None in the first and 5 in the second. Remove the wrong"):
        read_tokenizer(path, len(TOKENS))
