"""Corpus preparation by Apache Beam: the steps of corpus_local.py, spread over any number of machines.

Every step is a function of one document, of the documents with an equal text, of one bucket, or of one file of the
output, so that the files equal those of the local path.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import TaggedOutput
from apache_beam.runners.runner import PipelineState

from bert_tf.data.sources import expand_specs
from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_files import Part, all_parts, part_of, write_part
from bert_tf.pretraining.corpus_sources import exclusion_of, read_source
from bert_tf.pretraining.corpus_steps import clean_document, fingerprint
from bert_tf.pretraining.near_duplicates import NearDuplicateFinder

_COUNTS = "counts"
_COUNTS_FILE = "counts.json"

Key = tuple[int, int]
"""A document's place, by which documents are ordered: number of the source, number in the source."""

Count = tuple[str, int]


def prepare_with_beam(
    config: PreparationConfig, vocabulary: Sequence[str], folder: str, flags: Sequence[str]
) -> Counter[str]:
    """Writes the files of the corpus.

    Args:
        config: of the preparation; its ``runner`` is a name that Beam knows.
        vocabulary: tokens by id; empty for ``--format text``.
        folder: that the files are written to; every worker must see it.
        flags: further flags for Beam.

    Returns:
        The counts of the report.

    Raises:
        UserError: Beam does not know the runner or a flag, or a worker met an error that the user can put right.
    """
    options = _options(config.runner, flags)
    logging.getLogger("apache_beam.runners.common").addFilter(_is_no_user_error)
    try:
        pipeline = beam.Pipeline(options=options)
    except (ValueError, ImportError) as error:  # an unknown runner, or one whose packages are not installed
        raise UserError(f"--runner {config.runner}: {' '.join(str(error).split())}") from None
    try:
        _build(pipeline, config, vocabulary, folder)
        state = pipeline.run().wait_until_finish()
    except Exception as error:
        raise _as_user_error(error) from error
    if state != PipelineState.DONE:
        raise UserError(f"--runner {config.runner}: the pipeline ended as {state}; see its log.")
    path = os.path.join(folder, _COUNTS_FILE)
    with tf.io.gfile.GFile(path) as file:
        counts = Counter(json.loads(file.read()))
    tf.io.gfile.remove(path)
    return counts


def _options(runner: str, flags: Sequence[str]) -> PipelineOptions:
    options = PipelineOptions([*flags, f"--runner={runner}"])
    known = options.get_all_options(retain_unknown_options=False)
    unknown = options.get_all_options(retain_unknown_options=True).keys() - known.keys()
    if unknown:
        raise UserError(
            f"{', '.join(f'--{name}' for name in sorted(unknown))}: neither prepare_corpus nor Apache Beam knows this "
            "flag (see python -m bert_tf.prepare_corpus --help)."
        )
    return options


def _build(pipeline: beam.Pipeline, config: PreparationConfig, vocabulary: Sequence[str], folder: str) -> None:
    cleaned = (
        pipeline
        | "sources" >> beam.Create(list(enumerate(expand_specs(config.data))))
        | "one source, one worker" >> beam.Reshuffle()
        | "read" >> beam.FlatMap(_read, config)
        | "any document, any worker" >> beam.Reshuffle()
        | "clean" >> beam.FlatMap(_clean, config).with_outputs(_COUNTS, main="documents")
    )
    documents, counts = cleaned.documents, [cleaned[_COUNTS]]
    if config.deduplication.exact:
        unique = (
            documents
            | "by text" >> beam.Map(lambda item: (fingerprint(item[1]), (*item, 1)))
            # Combined, not grouped: a text that stands there a million times is not sent to one place as often.
            | "first of equal ones" >> beam.CombinePerKey(_first_and_count)
            | "count" >> beam.FlatMap(_count_equal).with_outputs(_COUNTS, main="documents")
        )
        documents = unique.documents
        counts.append(unique[_COUNTS])
    near = pipeline | "no near duplicates" >> beam.Create([])
    if config.deduplication.near:
        finder = NearDuplicateFinder(config.deduplication)
        near = (
            documents
            | "buckets" >> beam.FlatMap(_buckets, finder)
            | "by bucket" >> beam.GroupByKey()
            | "compare" >> beam.FlatMap(_near_duplicates, finder)
        )
    kept = (
        {"text": documents, "near": near}
        | "by key" >> beam.CoGroupByKey()
        | "keep" >> beam.FlatMap(_keep).with_outputs(_COUNTS, main="documents")
    )
    by_part = kept.documents | "part" >> beam.Map(lambda item: (tuple(part_of(item[1], config)), item))
    # A file without documents is written, too.
    every_part = pipeline | "parts" >> beam.Create([(tuple(part), None) for part in all_parts(config)])
    written = (
        (by_part, every_part)
        | "documents and parts" >> beam.Flatten()
        | "by part" >> beam.GroupByKey()
        | "write" >> beam.FlatMap(_write, config, tuple(vocabulary), folder)
    )
    _ = (
        (*counts, kept[_COUNTS], written)
        | "counts" >> beam.Flatten()
        | "sums" >> beam.CombinePerKey(sum)
        | "report" >> beam.combiners.ToDict()
        | "write counts" >> beam.Map(_write_counts, os.path.join(folder, _COUNTS_FILE))
    )


def _read(source: tuple[int, str], config: PreparationConfig) -> Iterator[tuple[Key, str]]:
    number, spec = source
    for place, text in enumerate(read_source(spec, config)):
        yield (number, place), text


def _clean(item: tuple[Key, str], config: PreparationConfig) -> Iterator[tuple[Key, str] | TaggedOutput]:
    key, text = item
    cleaned, dropped, changed_by = clean_document(text, config, exclusion_of(config.model_dump_json()))
    counts: list[Count] = [("read/documents", 1), ("read/characters", len(text))]
    counts += [(f"changed_by/{step}", 1) for step in changed_by]
    counts += [(f"dropped/{dropped}", 1)] if dropped is not None else []
    yield from (TaggedOutput(_COUNTS, count) for count in counts)
    if dropped is None:
        yield key, cleaned


def _first_and_count(items: Iterable[tuple[Key, str, int]]) -> tuple[Key, str, int] | None:
    """The first of documents with an equal text, and their count; can be applied to its own results."""
    first, count = None, 0
    for item in items:
        if item is not None:  # the result for no documents
            first = item if first is None else min(first, item)
            count += item[2]
    return None if first is None else (first[0], first[1], count)


def _count_equal(group: tuple[bytes, tuple[Key, str, int]]) -> Iterator[tuple[Key, str] | TaggedOutput]:
    key, text, count = group[1]
    yield key, text
    yield TaggedOutput(_COUNTS, ("dropped/exact_duplicates", count - 1))


def _buckets(item: tuple[Key, str], finder: NearDuplicateFinder) -> Iterator[tuple[tuple[int, int], tuple[Key, bytes]]]:
    key, text = item
    signature = finder.signature(text)
    for band in range(finder.bands):
        yield (band, int(finder.bucket(signature[None], band)[0])), (key, signature.tobytes())


def _near_duplicates(
    bucket: tuple[tuple[int, int], Iterable[tuple[Key, bytes]]], finder: NearDuplicateFinder
) -> Iterator[tuple[Key, None]]:
    members = sorted(bucket[1])
    signatures = np.stack([np.frombuffer(signature, np.uint32) for _, signature in members])
    near = finder.near_duplicates_in_bucket(signatures)
    yield from ((key, None) for (key, _), drop in zip(members, near, strict=True) if drop)


def _keep(joined: tuple[Key, dict[str, Iterable[str | None]]]) -> Iterator[tuple[Key, str] | TaggedOutput]:
    key, found = joined
    (text,) = found["text"]
    assert text is not None
    if list(found["near"]):
        yield TaggedOutput(_COUNTS, ("dropped/near_duplicates", 1))
        return
    yield key, text
    yield TaggedOutput(_COUNTS, ("kept/documents", 1))
    yield TaggedOutput(_COUNTS, ("kept/characters", len(text)))


def _write(
    group: tuple[tuple[str, int, int], Iterable[tuple[Key, str] | None]],
    config: PreparationConfig,
    vocabulary: tuple[str, ...],
    folder: str,
) -> Iterator[Count]:
    part = Part(*group[0])
    documents = sorted(item for item in group[1] if item is not None)
    written = write_part(folder, part, [text for _, text in documents], config, vocabulary)
    yield from ((f"written/{part.name}/{name}", count) for name, count in written.items())


def _write_counts(counts: dict[str, int], path: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(counts))


def _is_no_user_error(record: logging.LogRecord) -> bool:
    """Whether Beam is to log an error with its traceback: one that the user can put right is told in one line."""
    return not (record.exc_info and isinstance(record.exc_info[1], UserError))


def _as_user_error(error: BaseException) -> BaseException:
    """The user's mistake that a worker met, without Beam's wrapping; any other error as it is."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, UserError):
            return UserError(str(found).split(" [while running")[0])
        found = found.__cause__ or found.__context__
    return error
