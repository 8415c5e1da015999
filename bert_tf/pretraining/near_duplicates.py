"""Near-duplicates by MinHash and locality-sensitive hashing, in a form that needs no index.

The rule, the same on one machine and on many: a document is a near-duplicate if an earlier one shares one of its bands'
buckets and agrees with it in enough hashes, whether or not that one is itself a near-duplicate. So the answer does not
depend on the order of the work, and every bucket can be looked at alone.

Reference:
    Broder 1997, "On the resemblance and containment of documents"; Leskovec et al., Mining of Massive Datasets,
    chapter 3. Signatures and the number of bands are datasketch's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from datasketch import MinHash, MinHashLSH

from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_config import DeduplicationConfig

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MISSES_WEIGH = 0.9
"""A pair that shares a bucket without being alike costs a comparison; a pair that shares none is missed."""

_ROWS = 1 << 16


class NearDuplicateFinder:
    """Signatures, buckets, and the comparison within a bucket.

    Args:
        config: threshold, permutations and shingle.

    Raises:
        UserError: so few permutations cannot tell so high a threshold.
    """

    def __init__(self, config: DeduplicationConfig) -> None:
        self.permutations = config.permutations
        self._shingle = config.shingle
        self._enough = math.ceil(config.threshold * config.permutations - 1e-9)
        try:
            index = MinHashLSH(
                threshold=config.threshold, num_perm=config.permutations, weights=(1 - _MISSES_WEIGH, _MISSES_WEIGH)
            )
        except ValueError:
            raise UserError(
                f"--deduplication.threshold {config.threshold} is too high for --deduplication.permutations "
                f"{config.permutations}: lower the one or raise the other."
            ) from None
        self.bands, self.rows = index.b, index.r

    @cached_property
    def _empty(self) -> MinHash:
        return MinHash(self.permutations, hashfunc=int)  # the shingles come as numbers; datasketch mixes them

    def signature(self, text: str) -> np.ndarray:
        """The MinHash of a text's shingles, ``(permutations,)`` uint32. Case and whitespace do not count."""
        minhash = self._empty.copy()
        minhash.update_batch(_shingles("".join(text.lower().split()), self._shingle).tolist())
        return minhash.hashvalues

    def signatures(self, texts: Sequence[str]) -> np.ndarray:
        """The signatures of one text or more, ``(texts, permutations)`` uint32."""
        return np.stack([self.signature(text) for text in texts])

    def bucket(self, signatures: np.ndarray, band: int) -> np.ndarray:
        """The buckets of one band, ``(documents,)`` uint64.

        Args:
            signatures: ``(documents, permutations)`` uint32.
            band: from 0.
        """
        columns = signatures[:, band * self.rows : (band + 1) * self.rows]
        key = np.zeros(len(columns), np.uint64)
        for row in range(self.rows):
            key = (key ^ (key >> np.uint64(29))) * _MULTIPLIER + columns[:, row]
        return key

    def near_duplicates_in_bucket(self, signatures: np.ndarray) -> np.ndarray:
        """Whether each document of a bucket nearly equals an earlier one of it, ``(documents,)`` bool.

        Args:
            signatures: ``(documents, permutations)`` uint32, in the order of the documents.
        """
        near = np.zeros(len(signatures), bool)
        undecided = np.arange(1, len(signatures))
        for earlier in range(len(signatures) - 1):
            undecided = undecided[undecided > earlier]
            if not len(undecided):
                break
            alike = np.count_nonzero(signatures[undecided] == signatures[earlier], axis=1) >= self._enough
            near[undecided[alike]] = True
            undecided = undecided[~alike]
        return near

    def near_duplicates(self, signatures: np.ndarray) -> np.ndarray:
        """Whether each document nearly equals an earlier one, over all bands, ``(documents,)`` bool.

        Args:
            signatures: ``(documents, permutations)`` uint32, in the order of the documents; may be a file in memory.
        """
        count = len(signatures)
        near = np.zeros(count, bool)
        for band in range(self.bands):
            starts = range(0, count, _ROWS)
            buckets = np.concatenate(
                [self.bucket(signatures[start : start + _ROWS], band) for start in starts] or [np.zeros(0, np.uint64)]
            )
            for members in _groups(buckets):
                near[members] |= self.near_duplicates_in_bucket(signatures[members])
        return near


def _shingles(text: str, length: int) -> np.ndarray:
    """Hashes of the distinct runs of ``length`` characters, uint32; of a shorter text, of the whole."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    length = min(length, len(codes))
    count = len(codes) - length + 1
    hashes = np.zeros(count, np.uint64)
    for place in range(length):
        hashes = hashes * _MULTIPLIER + codes[place : place + count]
    hashes = (hashes ^ (hashes >> np.uint64(32))) * _MULTIPLIER
    return np.unique((hashes >> np.uint64(32)).astype(np.uint32))


def _groups(buckets: np.ndarray) -> Iterator[np.ndarray]:
    """The places of equal values, where there are two or more, each group in ascending order."""
    order = np.argsort(buckets, kind="stable")
    ordered = buckets[order]
    ends = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]])[: len(order)]) + 1
    starts = np.concatenate([[0], ends[:-1]])[: len(ends)].astype(int)
    for start, end in zip(starts, ends, strict=True):
        if end - start > 1:
            yield order[start:end]
