"""Zero-shot classification: the scores are those that the pairs' own answers say."""

from __future__ import annotations

from typing import Any

import pytest

from bert_tf.errors import UserError
from bert_tf.inference.predict import answer_records
from bert_tf.inference.zero_shot import Inference, classify
from bert_tf.tasks.classification import TextClassifier
from bert_tf.zero_shot import main as zero_shot
from tests.data.small_records import made_records
from tests.training.small_model import small_classifier


def inference_model(labels: list[str]) -> TextClassifier:
    """A classifier of pairs with these labels, as random as it was made."""
    task = small_classifier(pair=True)
    return TextClassifier(task.backbone, task.preprocessor, labels=labels, pair=True, dropout=0.0)


@pytest.mark.parametrize("multi_label", [False, True])
def test_scores_follow_from_the_answers_to_the_pairs(multi_label: bool) -> None:
    task = inference_model(["contradiction", "entailment", "neutral"])
    labels, texts = ["good", "book", "服务"], ["the film", "this book excellent"]
    records = made_records({"id": n, "text": text} for n, text in enumerate(texts))
    found = list(
        classify(task, records, labels, template="so {}", inference=Inference.of(task), multi_label=multi_label)
    )
    assert [row.values["id"] for row, _ in found] == [0, 1]
    for row, answer in found:
        pairs = made_records({"text": row.values["text"], "text_pair": f"so {label}"} for label in labels)
        expected: dict[str, float] = {}
        for label, (_, pair) in zip(labels, answer_records(task, pairs, batch_size=3), strict=True):
            yes, no = (pair["probabilities"][name] for name in ("entailment", "contradiction"))
            expected[label] = yes / (yes + no)
        total = 1.0 if multi_label else sum(expected.values())
        assert answer["scores"] == pytest.approx({label: value / total for label, value in expected.items()}, abs=1e-5)
        assert answer["label"] == max(answer["scores"], key=lambda label: answer["scores"][label])
        assert answer["score"] == answer["scores"][answer["label"]]
        if not multi_label:
            assert sum(answer["scores"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "given", "expected"),
    [
        (["contradiction", "entailment", "neutral"], {}, (1, 0)),
        (["Neutral", "Contradiction", "Entailment"], {}, (2, 1)),
        (["中立", "矛盾", "蕴含"], {}, (2, 1)),
        (["entailment", "not_entailment"], {}, (0, 1)),
        (["entailment", "not-entailment"], {}, (0, 1)),
        (["0", "1", "2"], {"entailment": "2", "contradiction": "0"}, (2, 0)),
    ],
)
def test_labels_of_inference_are_found(labels: list[str], given: dict[str, Any], expected: tuple[int, int]) -> None:
    found = Inference.of(inference_model(labels), **given)
    assert (found.entailment, found.contradiction) == expected


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match=r"None of the model's labels \(0, 1\) is entailment: say which with"):
        Inference.of(inference_model(["0", "1"]))
    with pytest.raises(UserError, match="--entailment x: the model has no such label; it has 0, 1"):
        Inference.of(inference_model(["0", "1"]), "x")
    with pytest.raises(UserError, match="trained on pairs of premise and hypothesis"):
        Inference.of(small_classifier())
    common = ["--run", "x", "--labels", "a", "b"]
    with pytest.raises(UserError, match="Give either --text or --data"):
        zero_shot(common)
    with pytest.raises(UserError, match="it needs {} where the label goes"):
        zero_shot([*common, "--text", "t", "--template", "about"])
    with pytest.raises(UserError, match="two different labels at least"):
        zero_shot(["--run", "x", "--text", "t", "--labels", "a", "a"])
