"""How well the cosines of sentence vectors say what belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from bert_tf.errors import UserError
from bert_tf.metrics.retrieval_metrics import retrieval_metrics


def pair_metrics(
    texts: Sequence[tuple[str, str]], first: np.ndarray, second: np.ndarray, scores: np.ndarray
) -> dict[str, Any]:
    """Scores vectors on pairs: against people's scores where there are any, else as a search.

    Args:
        texts: the pairs.
        first: vectors of length 1 of their first texts, ``(pairs, dim)``.
        second: of their second texts.
        scores: ``(pairs,)``, all numbers or all NaN.

    Returns:
        ``score``, and with scores ``spearman`` (which ``score`` is) and ``pearson`` of the cosines; without, each text
        searches for its own second texts among all of them: :func:`retrieval_metrics` (``score`` is ``mrr``).

    Raises:
        UserError: some pairs have scores and others have not.
    """
    missing = np.isnan(scores)
    if missing.any() and not missing.all():
        raise UserError(f"{int(missing.sum())} of {len(scores)} pairs have no score in 'label'. Give all or none.")
    if not missing.any():
        cosines = np.sum(first * second, axis=1)
        varied = np.ptp(cosines) > 0 and np.ptp(scores) > 0
        spearman, pearson = (
            float(correlate(cosines, scores).statistic) if varied else 0.0
            for correlate in (stats.spearmanr, stats.pearsonr)
        )
        return {"score": spearman, "spearman": spearman, "pearson": pearson, "examples": len(scores)}
    queries, documents = _places(text for text, _ in texts), _places(text for _, text in texts)
    relevant: list[set[int]] = [set() for _ in queries]
    numbers = {text: number for number, text in enumerate(queries)}, {text: n for n, text in enumerate(documents)}
    for text, pair in texts:
        relevant[numbers[0][text]].add(numbers[1][pair])
    metrics = retrieval_metrics(first[list(queries.values())], second[list(documents.values())], relevant)
    return {"score": metrics["mrr"], **metrics, "documents": len(documents), "examples": len(texts)}


def _places(texts: Any) -> dict[str, int]:
    """Each text once, with the place where it stands first."""
    places: dict[str, int] = {}
    for place, text in enumerate(texts):
        places.setdefault(text, place)
    return places
