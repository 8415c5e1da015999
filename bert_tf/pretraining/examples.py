"""Tokenised documents to pre-training examples: pairs of segments, or packed sequences."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bert_tf.pretraining.documents import Document, Sentence

IN_ORDER, BROKEN, NO_PAIR = 0, 1, -1
"""Labels of a pair: the second segment follows the first; it does not (nsp), or they are swapped (sop); no pair."""


@dataclass(frozen=True)
class Example:
    """One sequence with its special tokens.

    Attributes:
        token_ids: ``[CLS] A [SEP] B [SEP]`` or ``[CLS] A [SEP]``, ``(tokens,)`` int32.
        continues: whether a token continues the word of the one before, ``(tokens,)`` bool.
        first_length: tokens up to and with the first ``[SEP]`` of a pair; all tokens where there is no pair.
        pair_label: ``IN_ORDER``, ``BROKEN`` or ``NO_PAIR``.
    """

    token_ids: np.ndarray
    continues: np.ndarray
    first_length: int
    pair_label: int


@dataclass(frozen=True)
class ExampleBuilder:
    """Cuts documents into examples. Equal documents, options and seed give equal examples.

    Attributes:
        objective: ``nsp``, ``sop`` or ``mlm``.
        sequence_length: longest example in tokens.
        cls_id: id of ``[CLS]``.
        sep_id: id of ``[SEP]``.
        packing: ``mlm`` fills each example with several documents.
        short_sequence_ratio: share of pairs that are shorter on purpose.

    Reference:
        Devlin et al. 2018, appendix A.2, and create_pretraining_data.py of google-research/bert (nsp); Lan et al. 2019,
        section 3.1 (sop); Liu et al. 2019, section 4.2, FULL-SENTENCES (mlm). Unlike create_pretraining_data.py, which
        takes a random second segment whenever a chunk has one sentence, a lone sentence is cut in two where the label
        says that the segments belong together: the labels stay 50/50 on corpora of short documents.
    """

    objective: str
    sequence_length: int
    cls_id: int
    sep_id: int
    packing: bool = True
    short_sequence_ratio: float = 0.1

    def build(self, documents: Sequence[Document], seed: int) -> Iterator[Example]:
        """Examples of the documents, in a random order of the documents."""
        choose = random.Random(seed)
        order = choose.sample(range(len(documents)), len(documents))
        if self.objective == "mlm":
            yield from self._packed([documents[index] for index in order])
            return
        for index in order:
            for chunk, target in self._chunks(documents[index], choose):
                label = choose.choice([IN_ORDER, BROKEN])
                first, second = _cut_in_two(chunk, choose)
                if not len(first) or not len(second):
                    continue
                if label == BROKEN and self.objective == "sop":
                    first, second = second, first
                elif label == BROKEN:
                    other = _random_segment(documents, index, target - len(first), choose)
                    if other is None:
                        continue
                    second = other
                yield self._pair(*_truncate_pair(first, second, self.sequence_length - 3, choose), label)

    def _chunks(self, document: Document, choose: random.Random) -> Iterator[tuple[list[Sentence], int]]:
        """Runs of sentences that together reach a target length, and that length."""

        def next_target() -> int:
            longest = self.sequence_length - 3
            return choose.randint(2, longest) if choose.random() < self.short_sequence_ratio else longest

        chunk: list[Sentence] = []
        target = next_target()
        for sentence in document:
            chunk.append(sentence)
            if sum(map(len, chunk)) >= target:
                yield chunk, target
                chunk, target = [], next_target()
        if chunk:
            yield chunk, target

    def _pair(self, first: Sentence, second: Sentence, label: int) -> Example:
        special = np.array([False])
        return Example(
            np.concatenate([[self.cls_id], first.token_ids, [self.sep_id], second.token_ids, [self.sep_id]]),
            np.concatenate([special, first.continues, special, second.continues, special]),
            len(first) + 2,
            label,
        )

    def _packed(self, documents: Sequence[Document]) -> Iterator[Example]:
        """One stream of tokens, ``[SEP]`` after each document, cut at the sequence length; or document by document."""
        end = Sentence(np.array([self.sep_id]), np.array([False]))
        room = self.sequence_length - 2
        streams = [documents] if self.packing else [[document] for document in documents]
        for stream in streams:
            parts: list[Sentence] = []
            size = 0
            for number, document in enumerate(stream):
                for sentence in [end, *document] if number else document:
                    parts.append(sentence)
                    size += len(sentence)
                    while size >= room:
                        whole = _join(parts)
                        yield self._single(whole, room)
                        parts, size = [_part(whole, room, size)], size - room
            if size:
                yield self._single(_join(parts), size)

    def _single(self, sentence: Sentence, length: int) -> Example:
        ids, continues = sentence.token_ids[:length], sentence.continues[:length].copy()
        continues[:1] = False  # a word that the cut before went through
        special = np.array([False])
        return Example(
            np.concatenate([[self.cls_id], ids, [self.sep_id]]),
            np.concatenate([special, continues, special]),
            length + 2,
            NO_PAIR,
        )


def _join(sentences: Sequence[Sentence]) -> Sentence:
    return Sentence(
        np.concatenate([sentence.token_ids for sentence in sentences]),
        np.concatenate([sentence.continues for sentence in sentences]),
    )


def _part(sentence: Sentence, start: int, end: int) -> Sentence:
    continues = sentence.continues[start:end].copy()
    continues[:1] = False
    return Sentence(sentence.token_ids[start:end], continues)


def _cut_in_two(chunk: Sequence[Sentence], choose: random.Random) -> tuple[Sentence, Sentence]:
    """Between two sentences; a lone sentence between two words. Empty parts where neither can be."""
    if len(chunk) > 1:
        place = choose.randint(1, len(chunk) - 1)
        return _join(chunk[:place]), _join(chunk[place:])
    (sentence,) = chunk
    words = np.flatnonzero(~sentence.continues[1:]) + 1
    place = int(choose.choice(list(words))) if len(words) else len(sentence)
    return _part(sentence, 0, place), _part(sentence, place, len(sentence))


def _random_segment(
    documents: Sequence[Document], not_this: int, target: int, choose: random.Random
) -> Sentence | None:
    """Sentences of another document from a random one on, up to a length; ``None`` if there is no other document."""
    if len(documents) < 2:
        return None
    index = choose.randrange(len(documents) - 1)
    document = documents[index + (index >= not_this)]
    parts: list[Sentence] = []
    for sentence in document[choose.randrange(len(document)) :]:
        parts.append(sentence)
        if sum(map(len, parts)) >= target:
            break
    return _join(parts)


def _truncate_pair(first: Sentence, second: Sentence, longest: int, choose: random.Random) -> tuple[Sentence, Sentence]:
    """Takes tokens from the front or the end, at random, of the longer segment until both fit."""
    bounds = [[0, len(first)], [0, len(second)]]
    while sum(end - start for start, end in bounds) > longest:
        longer = bounds[0] if bounds[0][1] - bounds[0][0] > bounds[1][1] - bounds[1][0] else bounds[1]
        if choose.random() < 0.5:
            longer[0] += 1
        else:
            longer[1] -= 1
    return _part(first, *bounds[0]), _part(second, *bounds[1])
