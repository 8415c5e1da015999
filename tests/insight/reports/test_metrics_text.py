"""Tables of a terminal."""

from __future__ import annotations

from bert_tf.insight.reports.metrics_text import confusion_table, label_table, metrics_table, table

METRICS = {
    "accuracy": 0.5,
    "examples": 4,
    "per_label": {"好": {"f1": 0.5, "support": 2}, "bad": {"f1": 0.25, "support": 2}},
    "confusion_matrix": [[1, 1], [10, 0]],
}


def test_numbers_only_and_a_dash_for_what_a_model_lacks() -> None:
    lines = metrics_table({"model": METRICS, "baseline": {"accuracy": 0.25}}).splitlines()
    assert lines[0].split() == ["model", "baseline"]
    assert lines[2].split() == ["accuracy", "0.5000", "0.2500"]
    assert lines[3].split() == ["examples", "4", "-"]
    assert len(lines) == 4


def test_chinese_cells_take_two_columns() -> None:
    assert table([["", "好"], ["喜欢", "1"], ["abc", "23"]]).splitlines() == [
        "      好",
        "--------",
        "喜欢   1",
        "abc   23",
    ]


def test_confusion_and_labels() -> None:
    assert [line.split() for line in confusion_table(METRICS).splitlines()[2:]] == [
        ["好", "1", "1"],
        ["bad", "10", "0"],
    ]
    assert [line.split() for line in label_table(METRICS).splitlines()[2:]] == [
        ["好", "0.5000", "2"],
        ["bad", "0.2500", "2"],
    ]
    assert confusion_table({}) == label_table({}) == ""
