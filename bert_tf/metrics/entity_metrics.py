"""Precision, recall and F1 of entities: one counts only if its limits and its label are exactly right.

Equal to seqeval's (and so to conlleval's) where both apply; these also count entities that are nested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bert_tf.data.tag_schemes import Span, tags_of


def entity_metrics(
    expected: Sequence[Iterable[Span]], found: Sequence[Iterable[Span]], labels: Sequence[str]
) -> dict[str, Any]:
    """Scores the entities found in each text; an entity that is named twice counts once.

    Args:
        expected: the true entities of each text.
        found: those that the model gave.
        labels: all labels, in their order.

    Returns:
        ``precision``, ``recall``, ``f1`` over all entities (micro), their means over labels that occur (``macro_…``)
        and the means weighted by how often (``weighted_…``), ``boundary_f1`` (labels do not matter: the F1 of word
        segmentation), ``per_label``, ``examples``. What has no denominator is 0.
    """
    right, given, true = Counter[str](), Counter[str](), Counter[str]()
    same_boundary = given_boundaries = true_boundaries = 0
    for wanted, got in zip(map(set, expected), map(set, found), strict=True):
        right.update(span.label for span in wanted & got)
        given.update(span.label for span in got)
        true.update(span.label for span in wanted)
        wanted_limits, got_limits = ({(span.start, span.end) for span in spans} for spans in (wanted, got))
        same_boundary += len(wanted_limits & got_limits)
        given_boundaries += len(got_limits)
        true_boundaries += len(wanted_limits)

    per_label = {name: _scores(right[name], given[name], true[name]) for name in labels}
    occurring = [name for name in labels if given[name] or true[name]]
    weights = [true[name] for name in occurring]
    metrics = _scores(right.total(), given.total(), true.total())
    metrics["boundary_f1"] = _scores(same_boundary, given_boundaries, true_boundaries)["f1"]
    for kind in ("precision", "recall", "f1"):
        values = [per_label[name][kind] for name in occurring]
        metrics[f"macro_{kind}"] = sum(values) / len(values) if values else 0.0
        weighted = sum(weight * value for weight, value in zip(weights, values, strict=True))
        metrics[f"weighted_{kind}"] = weighted / sum(weights) if sum(weights) else 0.0
    return {**metrics, "examples": len(expected), "per_label": per_label}


def token_accuracy(
    expected: Sequence[Sequence[Span]], found: Sequence[Sequence[Span]], lengths: Sequence[int]
) -> float:
    """Share of tokens whose IOB2 tag is right; 0 if there is no token. Spans count tokens."""
    right = 0
    for wanted, got, length in zip(expected, found, lengths, strict=True):
        right += sum(a == b for a, b in zip(tags_of(wanted, length), tags_of(got, length), strict=True))
    return right / sum(lengths) if sum(lengths) else 0.0


def on_tokens(spans: Iterable[Span], places: Sequence[tuple[int, int]]) -> list[Span]:
    """Spans of characters as spans of tokens: a token belongs to the span that holds its first character."""
    found = []
    for start, end, label in sorted(spans):
        inside = [index for index, (first, _) in enumerate(places) if start <= first < end]
        if inside:
            found.append(Span(inside[0], inside[-1] + 1, label))
    return found


def _scores(right: int, given: int, true: int) -> dict[str, Any]:
    precision = right / given if given else 0.0
    recall = right / true if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": true}
