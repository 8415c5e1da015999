"""BLEU and chrF are sacrebleu's, and say how they were made."""

from __future__ import annotations

import sys

import pytest
import sacrebleu

from bert_tf.errors import UserError
from bert_tf.metrics.translation_metrics import tokenizer_for, translation_metrics

ENGLISH = ["The cat sat on the mat.", "I don't know, Tom.", "Yes."]
CHINESE = ["我非常喜欢这本书。", "我不知道，汤姆。", "是的。"]


def test_equal_to_sacrebleu() -> None:
    made = ["The cat sat on a mat.", "I do not know, Tom.", ""]
    scores = translation_metrics(made, ENGLISH)
    assert scores["bleu"] == sacrebleu.corpus_bleu(made, [ENGLISH]).score
    assert scores["chrf"] == sacrebleu.corpus_chrf(made, [ENGLISH]).score
    assert "tok:13a" in scores["bleu_signature"]
    assert "nc:6" in scores["chrf_signature"]


def test_chinese_is_cut_into_characters() -> None:
    made = ["我很喜欢这本书。", "我不知道，汤姆。", "不是。"]
    scores = translation_metrics(made, CHINESE)
    assert scores["bleu"] == sacrebleu.corpus_bleu(made, [CHINESE], tokenize="zh").score
    assert "tok:zh" in scores["bleu_signature"]
    assert translation_metrics(made, CHINESE, tokenize="none")["bleu"] < scores["bleu"]


def test_perfect_and_hopeless() -> None:
    assert translation_metrics(CHINESE, CHINESE)["bleu"] == pytest.approx(100)
    assert translation_metrics(["", "", ""], CHINESE)["bleu"] == 0


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (ENGLISH, "13a"),
        (CHINESE, "zh"),
        ([*CHINESE, "OK."], "zh"),
        (["これはペンです。", "日本語です。"], "char"),
        (["สวัสดี"], "char"),
        (["한국어 문장입니다."], "13a"),
    ],
)
def test_the_tokenizer_follows_the_script(texts: list[str], name: str) -> None:
    assert tokenizer_for(texts) == name


def test_sacrebleu_is_named_when_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(UserError, match=r'pip install "bert-tf\[translation\]"'):
        translation_metrics(ENGLISH, ENGLISH)
