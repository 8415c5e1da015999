"""Entity scores against seqeval, which is the reference of the field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2

from bert_tf.data.tag_schemes import Span, spans_of, tags_of
from bert_tf.metrics.entity_metrics import entity_metrics, on_tokens, token_accuracy
from tests.property_tests import examples

LABELS = ["LOC", "ORG", "PER"]


def check(expected: list[list[str]], found: list[list[str]]) -> None:
    """Both sides written in IOB2, as our model's are: seqeval's strict mode and its default agree on them."""
    wanted, got = ([spans_of(tags) for tags in side] for side in (expected, found))
    expected, found = (
        [tags_of(spans, len(tags)) for spans, tags in zip(spans_by_text, side, strict=True)]
        for spans_by_text, side in ((wanted, expected), (got, found))
    )
    metrics = entity_metrics(wanted, got, LABELS)
    assert token_accuracy(wanted, got, [len(tags) for tags in expected]) == accuracy_score(expected, found)
    if not any(wanted) and not any(got):
        assert metrics["f1"] == metrics["macro_f1"] == 0.0
        return
    for mode in ({"mode": "strict", "scheme": IOB2}, {}):
        report = classification_report(expected, found, output_dict=True, zero_division=0, **mode)
        for name, value in metrics["per_label"].items():
            if name in report:
                assert [value["precision"], value["recall"], value["f1"]] == [
                    report[name]["precision"],
                    report[name]["recall"],
                    report[name]["f1-score"],
                ]
                assert value["support"] == report[name]["support"]
            else:
                assert value == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
        for prefix, average in (("", "micro avg"), ("macro_", "macro avg"), ("weighted_", "weighted avg")):
            ours = [metrics[f"{prefix}{kind}"] for kind in ("precision", "recall", "f1")]
            theirs = [report[average][kind] for kind in ("precision", "recall", "f1-score")]
            assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("B-PER I-PER O B-LOC", "B-PER I-PER O B-LOC"),
        ("B-PER B-PER B-PER", "B-PER I-PER I-PER"),  # adjacent
        ("B-PER I-PER O", "B-LOC I-LOC O"),  # right limits, wrong label
        ("B-PER I-PER O", "B-PER O O"),  # cut short
        ("O O O", "B-PER O B-ORG"),  # nothing to find
        ("B-PER O B-ORG", "O O O"),  # nothing found
        ("B-PER", "B-LOC"),
    ],
)
def test_hard_cases(expected: str, found: str) -> None:
    check([expected.split(), ["O"]], [found.split(), ["B-LOC"]])


TAG = st.sampled_from(["O", *(f"{position}-{label}" for position in "BI" for label in LABELS)])


@examples(60)
@given(st.lists(st.lists(st.tuples(TAG, TAG), min_size=1, max_size=8), min_size=1, max_size=5))
def test_any_tags(sentences: list[list[tuple[str, str]]]) -> None:
    check([[a for a, _ in pairs] for pairs in sentences], [[b for _, b in pairs] for pairs in sentences])


def test_nested_entities_count_each() -> None:
    university, city = Span(0, 4, "ORG"), Span(0, 2, "LOC")
    metrics = entity_metrics([[university, city]], [[city, city, Span(2, 4, "ORG")]], LABELS)
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (0.5, 0.5, 0.5)
    assert metrics["per_label"]["LOC"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}


def test_boundaries_are_word_segmentation() -> None:
    metrics = entity_metrics([[Span(0, 2, "n"), Span(2, 3, "v")]], [[Span(0, 2, "v"), Span(2, 4, "v")]], ["n", "v"])
    assert (metrics["f1"], metrics["boundary_f1"]) == (0.0, 0.5)


def test_no_text() -> None:
    assert entity_metrics([], [], LABELS)["f1"] == 0.0
    assert token_accuracy([], [], []) == 0.0


def test_characters_to_tokens() -> None:
    places = [(0, 4), (5, 8), (8, 9)]
    assert on_tokens([Span(0, 8, "A")], places) == [Span(0, 2, "A")]
    assert on_tokens([Span(0, 6, "A"), Span(6, 9, "B")], places) == [Span(0, 2, "A"), Span(2, 3, "B")]
    assert on_tokens([Span(1, 4, "A")], places) == []
