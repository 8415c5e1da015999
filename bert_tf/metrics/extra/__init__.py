"""Metrics beside those of a task, one file each: ``--training.metrics NAME …``.

A metric has ``NAMES``, the names of the scores that it gives, and ``compute(targets, answers)``, which gives a number
for each of them. ``LOWER_IS_BETTER`` names those of which less is better.

* ``targets``: what each record should be answered, as the task reads it; a class by its label.
* ``answers``: what ``predict`` writes for each record, such as ``{"label": …, "score": …, "probabilities": {…}}``.

Any of the names may be ``--training.monitor``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bert_tf.errors import UserError
from bert_tf.plugins import Registry

METRICS = Registry("metric", "bert_tf.metrics.extra", "--training.metrics", group="bert_tf.metrics")


def extra_names(metrics: Sequence[str], own: Collection[str] = ()) -> list[str]:
    """The names of the scores that extra metrics give, without importing them.

    Args:
        metrics: their names.
        own: the scores of the task.

    Raises:
        UserError: there is no such metric, or two scores have one name.
    """
    found: list[str] = []
    for metric in metrics:
        for name in METRICS.declared(metric, "NAMES", ()):
            if name in own or name in found:
                raise UserError(f"--training.metrics {metric}: there is a score {name!r} already. Leave one out.")
            found.append(name)
    return found


def lower_is_better(metrics: Sequence[str]) -> frozenset[str]:
    """Of the scores of extra metrics, those of which less is better."""
    return frozenset(name for metric in metrics for name in METRICS.declared(metric, "LOWER_IS_BETTER", ()))


def extra_scores(
    metrics: Sequence[str], targets: Sequence[Any], answers: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """The scores of extra metrics.

    Args:
        metrics: their names.
        targets: what each record should be answered.
        answers: what it was answered.

    Raises:
        UserError: there is no such metric, or it does not give the scores that it names.
    """
    scores: dict[str, float] = {}
    for metric in metrics:
        given = METRICS.module(metric).compute(targets, answers)
        names = METRICS.declared(metric, "NAMES", ())
        if set(given) != set(names):
            raise UserError(
                f"--training.metrics {metric}: it gave {', '.join(sorted(given)) or 'nothing'}, but its NAMES are "
                f"{', '.join(names)}."
            )
        scores |= {name: float(given[name]) for name in names}
    return scores
