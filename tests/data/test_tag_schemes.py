"""Tags to spans and back in every scheme, and what each scheme does not allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_tf.data.tag_schemes import Scheme, SchemeFinder, Span, mistake, read_tags, spans_of, tags_of

SPANS = [Span(0, 2, "A"), Span(2, 3, "A"), Span(3, 5, "B"), Span(6, 9, "A")]
WRITTEN = {
    "iob1": "I-A I-A B-A I-B I-B O I-A I-A I-A",
    "iob2": "B-A I-A B-A B-B I-B O B-A I-A I-A",
    "bioes": "B-A E-A S-A B-B E-B O B-A I-A E-A",
    "bmes": "B-A E-A S-A B-B E-B O B-A M-A E-A",
    "bilou": "B_A L_A U_A B_B L_B O B_A I_A L_A",
}


@pytest.mark.parametrize("scheme", WRITTEN)
def test_reads(scheme: str) -> None:
    tags = WRITTEN[scheme].split()
    assert spans_of(tags) == SPANS
    finder = SchemeFinder()
    finder.add(tags)
    expected = scheme if scheme.startswith("iob") else "bioes"
    assert finder.scheme() == expected
    assert mistake(tags, finder.scheme()) is None


def test_plain_tags_and_segmentation() -> None:
    assert spans_of(["NN", "M", "VV", "O"]) == [Span(0, 1, "NN"), Span(1, 2, "M"), Span(2, 3, "VV")]
    assert spans_of(["B", "E", "S", "B", "M", "E"]) == [Span(0, 2, "word"), Span(2, 3, "word"), Span(3, 6, "word")]
    assert spans_of(["B-a-b", "I-a-b"]) == [Span(0, 2, "a-b")]
    assert spans_of([]) == []


def test_what_nothing_begins() -> None:
    assert spans_of(["O", "I-A", "I-B", "E-A", "O", "E-B"]) == [
        Span(1, 2, "A"),
        Span(2, 3, "B"),
        Span(3, 4, "A"),
        Span(5, 6, "B"),
    ]


@pytest.mark.parametrize(
    ("scheme", "tags", "index", "reason"),
    [
        ("iob2", "O I-PER", 1, "I-PER continues what no B-PER has begun"),
        ("iob2", "B-LOC I-PER", 1, "no B-PER"),
        ("iob2", "B-PER O I-PER", 2, "no B-PER"),
        ("bioes", "O E-PER", 1, "no B-PER"),
        ("bioes", "B-PER O", 1, "B-PER must be followed by an I or E of its type, not by O"),
        ("bioes", "B-PER I-PER", 1, "end of the sentence"),
        ("bioes", "S B M", 2, "end of the sentence"),
    ],
)
def test_mistakes(scheme: Scheme, tags: str, index: int, reason: str) -> None:
    found = mistake(tags.split(), scheme)
    assert found is not None
    assert found[0] == index
    assert reason in found[1]
    assert mistake(tags.split(), "iob1") is None


def test_iob2_with_a_stray_i_is_iob2() -> None:
    finder = SchemeFinder()
    for sentence in ("O I-PER I-PER", "B-LOC I-LOC"):
        finder.add(sentence.split())
    assert finder.scheme() == "iob2"
    assert mistake(["O", "I-PER", "I-PER"], finder.scheme()) is not None


@given(st.lists(st.sampled_from(["B-A", "I-A", "B-B", "I-B", "E-A", "S-B", "O"]), max_size=12))
def test_any_tags_survive_iob2(tags: list[str]) -> None:
    spans = spans_of(tags)
    written = tags_of(spans, len(tags))
    assert spans_of(written) == spans
    assert mistake(written, "iob2") is None
    covered = {index for start, end, _ in spans for index in range(start, end)}
    assert covered == {index for index, tag in enumerate(read_tags(tags)) if tag.position != "O"}
