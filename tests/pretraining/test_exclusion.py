"""Evaluation texts stay out of a corpus: equal ones, nearly equal ones, quoted ones, and no others."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bert_tf.config import ExperimentConfig
from bert_tf.errors import UserError
from bert_tf.pretraining.exclusion import Exclusion, held_out_texts
from bert_tf.pretraining.pretraining_config import PretrainingConfig
from bert_tf.pretraining.pretraining_experiment import corpus_texts

HELD_OUT = "酒店的位置很方便，离地铁站只有五分钟，房间干净，早餐也不错。"
OTHER = "这本书的内容非常充实，作者的文笔也很好，值得一读再读。"


@pytest.mark.parametrize(
    ("text", "out"),
    [
        (HELD_OUT, True),
        (HELD_OUT.replace("，", " , ").replace("。", "!!"), True),  # other punctuation
        (HELD_OUT.replace("五分钟", "10分钟").replace("也不错", "也还可以"), True),  # retold
        (OTHER + HELD_OUT + OTHER + OTHER, True),  # quoted
        (HELD_OUT[:16], True),  # a piece
        (OTHER, False),
        (
            "酒店的位置很方便，但是服务员的态度让人失望，以后再也不会来这里住了，大家小心。",
            False,
        ),  # one clause in common
        ("", False),
        ("！！！", False),
    ],
)
def test_what_is_kept_out(text: str, out: bool) -> None:
    assert Exclusion([HELD_OUT, "", "……"]).matches(text) is out


def test_short_texts_only_match_themselves() -> None:
    exclusion = Exclusion(["很好"])
    assert exclusion.matches("很好！")
    assert not exclusion.matches("真的很好看")


def test_a_long_english_text_matches_what_it_quotes_alone() -> None:
    """Any page of English holds most runs of five letters of a sentence that it does not hold."""
    words = "the hotel was near to station and we had a very good room with breakfast staff were friendly but not"
    choose = random.Random(5)
    page = " ".join(choose.choices(words.split(), k=900))
    sentence = "The staff were not very friendly, but we had a nice breakfast and the station is near."
    exclusion = Exclusion([sentence])
    assert not exclusion.matches(page)
    assert exclusion.matches(page[:2000] + sentence + page[2000:])
    assert exclusion.matches(sentence.replace("nice", "good"))


def test_of_a_document_of_several_lines_the_others_are_kept() -> None:
    exclusion = Exclusion([HELD_OUT])
    assert exclusion.without_matches(f"{OTHER}\n{HELD_OUT}\n第二段。") == f"{OTHER}\n第二段。"
    assert exclusion.without_matches(HELD_OUT) == ""
    assert exclusion.without_matches(f"{HELD_OUT[:14]}\n{HELD_OUT[14:]}") == ""
    assert Exclusion([]).without_matches(HELD_OUT) == HELD_OUT


def test_the_held_out_part_of_an_experiment_is_in_no_corpus(tmp_path: Path) -> None:
    """Texts that differ in a number alone are near duplicates: a text of its own for each row."""
    rows = [
        ("".join(chr(0x4E00 + (37 * i * i + 101 * i + k * (i + 7)) % 9000) for k in range(30)), i % 2)
        for i in range(60)
    ]
    train = tmp_path / "train.tsv"
    train.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    experiment = ExperimentConfig(
        backbone="scratch:tiny", output="x", data={"train": str(train), "split": [0.6, 0.2, 0.2]}
    )
    file = tmp_path / "experiment.yaml"
    file.write_text(experiment.to_yaml(), encoding="utf-8")
    held_out = set(held_out_texts(file))
    config = PretrainingConfig(
        backbone="scratch:tiny", data=str(train), output="y", exclude_splits_of=[str(file)], validation_ratio=0.0
    )
    corpus = set(corpus_texts(config, held_out=False))
    assert len(held_out) == 24
    assert corpus == {text for text, _ in rows} - held_out


def test_an_experiment_that_holds_nothing_out_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("text\tlabel\na\t1\nb\t2\n")
    file = tmp_path / "experiment.yaml"
    file.write_text(f"backbone: scratch:tiny\noutput: x\ndata:\n  train: {tmp_path / 'train.tsv'}\n")
    with pytest.raises(UserError, match="neither validation nor test data"):
        list(held_out_texts(file))
