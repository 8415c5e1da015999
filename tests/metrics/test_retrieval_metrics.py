"""Retrieval metrics against rankings that are sorted out one by one."""

from __future__ import annotations

import numpy as np
import pytest

from bert_tf.errors import UserError
from bert_tf.metrics.embedding_metrics import pair_metrics
from bert_tf.metrics.retrieval_metrics import retrieval_metrics


def by_sorting(queries: np.ndarray, documents: np.ndarray, relevant: list[set[int]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for query, wanted in zip(queries, relevant, strict=True):
        ranking = sorted(range(len(documents)), key=lambda d: (-float(query @ documents[d]), d))
        hits = [document in wanted for document in ranking]
        for k in (1, 5, 10):
            found.setdefault(f"recall@{k}", []).append(sum(hits[:k]) / len(wanted))
        found.setdefault("mrr", []).append(1 / (hits.index(True) + 1))
        best = sum(1 / np.log2(rank + 2) for rank in range(min(10, len(wanted))))
        gain = sum(hit / np.log2(rank + 2) for rank, hit in enumerate(hits[:10]))
        found.setdefault("ndcg@10", []).append(gain / best)
    return {name: float(np.mean(values)) for name, values in found.items()}


@pytest.mark.parametrize("seed", range(5))
def test_equals_sorting(seed: int) -> None:
    """Small integers, so that many scores are equal; up to 12 documents belong to a query."""
    choose = np.random.default_rng(seed)
    queries, documents = choose.integers(-2, 3, (300, 3)), choose.integers(-2, 3, (40, 3))
    relevant = [set(choose.choice(40, choose.integers(1, 13), replace=False).tolist()) for _ in queries]
    assert retrieval_metrics(queries, documents, relevant) == pytest.approx(by_sorting(queries, documents, relevant))


def test_pairs_search_for_their_second_texts() -> None:
    vectors = np.eye(3)
    texts = [("q", "a"), ("q", "b"), ("r", "c"), ("s", "c")]
    first = vectors[[0, 0, 2, 1]]
    second = vectors[[0, 1, 2, 2]]
    metrics = pair_metrics(texts, first, second, np.full(4, np.nan))
    # q finds a at once and b (an equal score of 0, but before c) second, r finds c at once, s finds it third.
    assert metrics["mrr"] == metrics["score"] == pytest.approx((1 + 1 + 1 / 3) / 3)
    assert metrics["recall@1"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert (metrics["documents"], metrics["examples"]) == (3, 4)


def test_scored_pairs_are_correlated() -> None:
    first = np.array([[1.0, 0.0]] * 3)
    second = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    texts = [("a", "b")] * 3
    metrics = pair_metrics(texts, first, second, np.array([5.0, 4.0, 1.0]))
    assert metrics["spearman"] == metrics["score"] == pytest.approx(1)
    assert metrics["pearson"] == pytest.approx(np.corrcoef([1, 0.6, 0], [5, 4, 1])[0, 1])
    assert pair_metrics(texts, first, second, np.array([2.0, 2.0, 2.0]))["score"] == 0
    with pytest.raises(UserError, match="1 of 3 pairs have no score in 'label'"):
        pair_metrics(texts, first, second, np.array([2.0, np.nan, 2.0]))
