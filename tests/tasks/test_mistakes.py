"""The wrong answers and nothing else, the most confident first."""

from __future__ import annotations

from bert_tf.data.records import Row
from bert_tf.insight.reports.metrics_text import comparison
from bert_tf.tasks.mistakes import Mistake, different, different_items, mistake_lines
from bert_tf.tasks.monitor import Monitor


def test_the_most_confident_mistake_comes_first() -> None:
    rows = [Row("x.tsv", number, {"text": str(number)}) for number in range(2, 5)]
    lines = mistake_lines(rows, [different("a", "b", 0.6), different("a", "a", 0.99), different("b", "a", 0.9)])
    assert [line["where"] for line in lines] == ["x.tsv line 4", "x.tsv line 2"]
    assert lines[0] == {
        "where": "x.tsv line 4",
        "expected": "b",
        "found": "a",
        "confidence": 0.9,
        "record": {"text": "4"},
    }


def test_of_several_items_the_missing_and_the_surplus_are_told_apart() -> None:
    assert different_items(["a"], {"a": 0.9}) is None
    assert different_items(["a", "b"], {"a": 0.9, "c": 0.7, "d": 0.8}) == Mistake(
        {"missing": ["b"]}, {"surplus": ["c", "d"]}, 0.8
    )
    missing = different_items(["a"], {})
    assert missing is not None
    assert missing.confidence == 0


def test_a_better_baseline_is_said() -> None:
    models = {"model": {"accuracy": 0.86, "loss": 0.5}, "majority": {"accuracy": 0.5}, "TF-IDF": {"accuracy": 0.9}}
    assert comparison(models, Monitor("accuracy", "max")).startswith(
        "TF-IDF is better than the model: accuracy 0.9000 against 0.8600."
    )
    assert comparison({**models, "model": {"accuracy": 0.95}}, Monitor("accuracy", "max")) == ""
    assert comparison({"model": {"loss": 0.5}, "b": {"loss": 0.6}}, Monitor("loss", "min")) == ""
    assert comparison({"model": {"loss": 0.5}}, Monitor("loss", "min")) == ""
