"""The metrics of retrieval: whether what belongs to a query stands at the top of the ranking."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

RECALL_AT = (1, 5, 10)
NDCG_AT = 10
_QUERIES_AT_ONCE = 256


def retrieval_metrics(
    queries: np.ndarray, documents: np.ndarray, relevant: Sequence[Collection[int]]
) -> dict[str, float]:
    """Ranks all documents for each query by their dot product and scores the rankings.

    Of documents with equal scores the first comes first.

    Args:
        queries: ``(queries, dim)`` float.
        documents: ``(documents, dim)`` float.
        relevant: indices of the documents that belong to each query, at least one each.

    Returns:
        ``recall@1``, ``recall@5``, ``recall@10`` (share of a query's documents found among the first k), ``mrr`` (mean
        of 1 / rank of the first that belongs to it, over the whole ranking) and ``ndcg@10`` (binary relevance,
        discount ``1 / log2(rank + 1)``; Järvelin & Kekäläinen 2002), averaged over the queries.
    """
    sums = dict.fromkeys([*(f"recall@{k}" for k in RECALL_AT), "mrr", f"ndcg@{NDCG_AT}"], 0.0)
    gains = 1 / np.log2(np.arange(2, NDCG_AT + 2))
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        scores = queries[start : start + _QUERIES_AT_ONCE] @ documents.T
        for row, wanted in zip(scores, relevant[start : start + _QUERIES_AT_ONCE], strict=True):
            ranks = np.array([_rank(row, document) for document in wanted])
            for k in RECALL_AT:
                sums[f"recall@{k}"] += float(np.mean(ranks < k))
            sums["mrr"] += 1 / (ranks.min() + 1)
            found = gains[ranks[ranks < NDCG_AT]].sum()
            sums[f"ndcg@{NDCG_AT}"] += found / gains[: len(ranks)].sum()
    return {name: float(value / len(queries)) for name, value in sums.items()}


def _rank(scores: np.ndarray, document: int) -> int:
    """Number of documents that stand before this one."""
    score = scores[document]
    return int(np.sum(scores > score) + np.sum(scores[:document] == score))
