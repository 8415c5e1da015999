"""Corpus preparation on one machine. Texts stream; what stays in memory of a document are a few bytes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat, tee
from typing import BinaryIO

import numpy as np

from bert_tf.data.sources import expand_specs
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_files import Part, all_parts, part_of, write_part
from bert_tf.pretraining.corpus_processes import Processes
from bert_tf.pretraining.corpus_sources import exclusion_of, read_source
from bert_tf.pretraining.corpus_steps import Cleaned, clean_document, fingerprint
from bert_tf.pretraining.near_duplicates import NearDuplicateFinder

_CHARACTERS_OF_A_TASK = 100_000
_CHARACTERS_HELD = 20_000_000


def prepare_locally(config: PreparationConfig, vocabulary: Sequence[str], folder: str, scratch: str) -> Counter[str]:
    """Writes the files of the corpus.

    Args:
        config: of the preparation.
        vocabulary: tokens by id; empty for ``--format text``.
        folder: that the files are written to.
        scratch: an empty local folder for what lies between the steps.

    Returns:
        The counts of the report.
    """
    counts: Counter[str] = Counter()
    unique_file = os.path.join(scratch, "unique.jsonl")
    signature_file = os.path.join(scratch, "signatures")
    finder = NearDuplicateFinder(config.deduplication) if config.deduplication.near else None
    with Processes(config.processes) as processes:
        documents = _cleaned(config, processes, counts)
        if config.deduplication.exact:
            documents = _unique(documents, counts)
        with open(unique_file, "wb") as texts, open(signature_file, "wb") as signatures:
            for chunk, signed in _signed(_chunks(documents), finder, processes):
                for text in chunk:
                    _write_line(texts, text)
                signatures.write(signed.tobytes())

        is_near_duplicate: Iterable[bool] = repeat(False)
        if finder is not None and os.path.getsize(signature_file):
            table = np.memmap(signature_file, np.uint32, "r").reshape(-1, finder.permutations)
            is_near_duplicate = finder.near_duplicates(table)
        _deal_out(_kept(_read_texts(unique_file), is_near_duplicate, counts), config, scratch)
        os.remove(unique_file)
        work = partial(_write_part, folder, scratch, config, tuple(vocabulary))
        # Text is only copied, which is no work to send to processes that would have to load TensorFlow first.
        results = map(work, all_parts(config)) if config.format == "text" else processes.map(work, all_parts(config))
        for part, written in zip(all_parts(config), results, strict=True):
            counts.update({f"written/{part.name}/{name}": count for name, count in written.items()})
    return counts


def _cleaned(config: PreparationConfig, processes: Processes, counts: Counter[str]) -> Iterator[str]:
    work = partial(_clean_chunk, config)
    for spec in expand_specs(config.data):
        for cleaned in processes.map(work, _chunks(read_source(spec, config))):
            for before, (text, dropped, changed_by) in cleaned:
                counts["read/documents"] += 1
                counts["read/characters"] += before
                counts.update(f"changed_by/{step}" for step in changed_by)
                if dropped is None:
                    yield text
                else:
                    counts[f"dropped/{dropped}"] += 1


def _clean_chunk(config: PreparationConfig, texts: Sequence[str]) -> list[tuple[int, Cleaned]]:
    """The documents, cleaned, each with the number of characters that it had before."""
    exclusion = exclusion_of(config.model_dump_json())
    return [(len(text), clean_document(text, config, exclusion)) for text in texts]


def _unique(texts: Iterable[str], counts: Counter[str]) -> Iterator[str]:
    """Passes the first of equal documents."""
    seen: set[bytes] = set()
    for text in texts:
        mark = fingerprint(text)
        if mark in seen:
            counts["dropped/exact_duplicates"] += 1
            continue
        seen.add(mark)
        yield text


def _signed(
    chunks: Iterator[list[str]], finder: NearDuplicateFinder | None, processes: Processes
) -> Iterator[tuple[list[str], np.ndarray]]:
    """The chunks with their signatures, ``(documents, permutations)``; without a finder ``(0,)``."""
    if finder is None:
        yield from ((chunk, np.zeros(0, np.uint32)) for chunk in chunks)
        return
    chunks, copies = tee(chunks)
    yield from zip(chunks, processes.map(finder.signatures, copies), strict=True)


def _kept(texts: Iterable[str], is_near_duplicate: Iterable[bool], counts: Counter[str]) -> Iterator[str]:
    for text, drop in zip(texts, is_near_duplicate, strict=False):  # without a finder the answers have no end
        if drop:
            counts["dropped/near_duplicates"] += 1
            continue
        counts["kept/documents"] += 1
        counts["kept/characters"] += len(text)
        yield text


def _deal_out(texts: Iterable[str], config: PreparationConfig, scratch: str) -> None:
    """Writes the documents to one scratch file per part; appended, as there may be more parts than open files."""
    held: dict[Part, list[str]] = {}
    characters = 0

    def flush() -> None:
        for part, waiting in held.items():
            with open(_scratch_file(scratch, part), "ab") as file:
                for one in waiting:
                    _write_line(file, one)
        held.clear()

    for text in texts:
        held.setdefault(part_of(text, config), []).append(text)
        characters += len(text)
        if characters > _CHARACTERS_HELD:
            flush()
            characters = 0
    flush()


def _write_part(
    folder: str, scratch: str, config: PreparationConfig, vocabulary: Sequence[str], part: Part
) -> dict[str, int]:
    path = _scratch_file(scratch, part)
    texts = list(_read_texts(path)) if os.path.exists(path) else []
    written = write_part(folder, part, texts, config, vocabulary)
    if texts:
        os.remove(path)
    return written


def _scratch_file(scratch: str, part: Part) -> str:
    return os.path.join(scratch, f"{part.name}-{part.number}")


def _read_texts(path: str) -> Iterator[str]:
    with open(path, "rb") as file:
        for line in file:
            yield json.loads(line)


def _write_line(file: BinaryIO, text: str) -> None:
    file.write(json.dumps(text).encode() + b"\n")  # ASCII: any character, halves of surrogate pairs too, comes back


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Lists of documents that are worth sending to another process."""
    chunk: list[str] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text) + 100
        if characters > _CHARACTERS_OF_A_TASK:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
