"""Corpus preparation on one machine. Texts stream; what stays in memory of a document are a few bytes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import tee
from typing import BinaryIO

import numpy as np

from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_files import Part, all_parts, part_of, write_part
from bert_tf.pretraining.corpus_processes import Processes
from bert_tf.pretraining.corpus_sources import Source, read_source
from bert_tf.pretraining.corpus_steps import Document, Key, clean_chunk, fingerprint
from bert_tf.pretraining.near_duplicates import NO_MATCH, NearDuplicateFinder

_CHARACTERS_OF_A_TASK = 100_000
_CHARACTERS_HELD = 20_000_000


def prepare_locally(
    config: PreparationConfig, sources: Sequence[Source], vocabulary: Sequence[str], folder: str, scratch: str
) -> Counter[str]:
    """Writes the files of the corpus.

    Args:
        config: of the preparation.
        sources: in their order, the excluded ones first.
        vocabulary: tokens by id; empty for ``--format text``.
        folder: that the files are written to.
        scratch: an empty local folder for what lies between the steps.

    Returns:
        The counts of the report.
    """
    counts: Counter[str] = Counter()
    unique_file = os.path.join(scratch, "unique.jsonl")
    signature_file = os.path.join(scratch, "signatures")
    first_of_data = sum(source.excluded for source in sources)
    finder = NearDuplicateFinder(config.deduplication) if config.deduplication.near else None
    with Processes(config.processes) as processes:
        documents = _unique(_cleaned(sources, config, processes, counts), config, first_of_data, counts)
        with open(unique_file, "wb") as texts, open(signature_file, "wb") as signatures:
            for chunk, signed in _signed(_chunks(documents), finder, processes):
                for document in chunk:
                    _write_line(texts, [*document.key, document.text])
                signatures.write(signed.tobytes())

        matches: np.ndarray | None = None
        if finder is not None and os.path.getsize(signature_file):
            table = np.memmap(signature_file, np.uint32, "r").reshape(-1, finder.permutations)
            matches = finder.all_first_matches(table)
        kept = _kept(_read_unique(unique_file), matches, first_of_data, counts)
        _deal_out(kept, config, scratch)
        os.remove(unique_file)
        work = partial(_write_part, folder, scratch, config, tuple(vocabulary))
        # Text is only copied, which is no work to send to processes that would have to load TensorFlow first.
        results = map(work, all_parts(config)) if config.format == "text" else processes.map(work, all_parts(config))
        for part, written in zip(all_parts(config), results, strict=True):
            counts.update({f"written/{part.name}/{name}": count for name, count in written.items()})
    return counts


def _cleaned(
    sources: Sequence[Source], config: PreparationConfig, processes: Processes, counts: Counter[str]
) -> Iterator[Document]:
    for source in sources:
        work = partial(clean_chunk, config, source.excluded)
        for cleaned in processes.map(work, _chunks(read_source(source, config))):
            for before, (document, dropped, changed_by) in cleaned:
                if source.excluded:
                    counts["texts_to_exclude"] += 1
                else:
                    counts["read/documents"] += 1
                    counts["read/characters"] += before
                    counts.update(f"changed_by/{step}" for step in changed_by)
                    if dropped is not None:
                        counts[f"dropped/{dropped}"] += 1
                if dropped is None:
                    yield document


def _unique(
    documents: Iterable[Document], config: PreparationConfig, first_of_data: int, counts: Counter[str]
) -> Iterator[Document]:
    """Passes the first of equal documents, and none that equals an excluded one."""
    excluded: set[bytes] = set()
    seen: set[bytes] = set()
    for document in documents:
        mark = fingerprint(document.text)
        if document.key.source < first_of_data:
            if mark in excluded:
                continue
            excluded.add(mark)
        elif mark in excluded:
            counts["dropped/excluded"] += 1
            continue
        elif config.deduplication.exact:
            if mark in seen:
                counts["dropped/exact_duplicates"] += 1
                continue
            seen.add(mark)
        yield document


def _signed(
    chunks: Iterator[list[Document]], finder: NearDuplicateFinder | None, processes: Processes
) -> Iterator[tuple[list[Document], np.ndarray]]:
    """The chunks with their signatures, ``(documents, permutations)``; without a finder ``(0,)``."""
    if finder is None:
        yield from ((chunk, np.zeros(0, np.uint32)) for chunk in chunks)
        return
    chunks, copies = tee(chunks)
    work = processes.map(finder.signatures, ([document.text for document in chunk] for chunk in copies))
    yield from zip(chunks, work, strict=True)


def _kept(
    documents: Iterable[Document], matches: np.ndarray | None, first_of_data: int, counts: Counter[str]
) -> Iterator[Document]:
    """Passes the documents of the data that nearly equal no earlier one."""
    number_excluded = 0
    for place, document in enumerate(documents):
        if document.key.source < first_of_data:
            number_excluded = place + 1
        elif matches is None or matches[place] == NO_MATCH:
            counts["kept/documents"] += 1
            counts["kept/characters"] += len(document.text)
            yield document
        elif matches[place] < number_excluded:
            counts["dropped/nearly_excluded"] += 1
        else:
            counts["dropped/near_duplicates"] += 1


def _deal_out(documents: Iterable[Document], config: PreparationConfig, scratch: str) -> None:
    """Writes the documents to one scratch file per part; appended, as there may be more parts than open files."""
    held: dict[Part, list[str]] = {}
    characters = 0

    def flush() -> None:
        for part, texts in held.items():
            with open(_scratch_file(scratch, part), "ab") as file:
                for text in texts:
                    _write_line(file, text)
        held.clear()

    for document in documents:
        held.setdefault(part_of(document.text, config), []).append(document.text)
        characters += len(document.text)
        if characters > _CHARACTERS_HELD:
            flush()
            characters = 0
    flush()


def _write_part(
    folder: str, scratch: str, config: PreparationConfig, vocabulary: Sequence[str], part: Part
) -> dict[str, int]:
    path = _scratch_file(scratch, part)
    texts: list[str] = []
    if os.path.exists(path):
        with open(path, "rb") as file:
            texts = [json.loads(line) for line in file]
    written = write_part(folder, part, texts, config, vocabulary)
    if texts:
        os.remove(path)
    return written


def _scratch_file(scratch: str, part: Part) -> str:
    return os.path.join(scratch, f"{part.name}-{part.number}")


def _read_unique(path: str) -> Iterator[Document]:
    with open(path, "rb") as file:
        for line in file:
            source, number, text = json.loads(line)
            yield Document(Key(source, number), text)


def _write_line(file: BinaryIO, value: object) -> None:
    file.write(json.dumps(value).encode() + b"\n")  # ASCII: any character, halves of surrogate pairs too, comes back


def _chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Lists of documents that are worth sending to another process."""
    chunk: list[Document] = []
    characters = 0
    for document in documents:
        chunk.append(document)
        characters += len(document.text) + 100
        if characters > _CHARACTERS_OF_A_TASK:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
