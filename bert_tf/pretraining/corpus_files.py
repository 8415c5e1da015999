"""The files of a prepared corpus: which one a document goes to, and how one is written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import tensorflow as tf

from bert_tf.data.cleaning import hash_of
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.documents import is_held_out, load_segmenter, tokenize_documents
from bert_tf.pretraining.example_files import shard_name, write_shard
from bert_tf.pretraining.examples import Example, ExampleBuilder
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer


class Part(NamedTuple):
    """One file of the output.

    Attributes:
        name: ``documents``, ``train`` or ``validation``.
        number: of the file, from 0.
        shards: number of files with that name.
    """

    name: str
    number: int
    shards: int


def all_parts(config: PreparationConfig) -> list[Part]:
    """All files of the output."""
    return [Part(name, number, count) for name, count in _shards(config).items() for number in range(count)]


def part_of(text: str, config: PreparationConfig) -> Part:
    """The file that a document goes to. Its text alone decides, whatever runs the preparation."""
    shards = _shards(config)
    name = "documents"
    if config.format == "examples":
        name = "validation" if is_held_out(text, config.validation_ratio, config.seed) else "train"
    return Part(name, hash_of(text, config.seed) % shards[name], shards[name])


def write_part(
    folder: str, part: Part, texts: Sequence[str], config: PreparationConfig, vocabulary: Sequence[str]
) -> dict[str, int]:
    """Writes one file, local or remote.

    Args:
        folder: of the corpus.
        part: which file.
        texts: its documents in their order.
        config: of the preparation.
        vocabulary: tokens by id; empty for ``--format text``.

    Returns:
        What was written: documents, and of examples also their number and their tokens.
    """
    if part.name == "documents":
        path = os.path.join(folder, f"documents-{part.number:05d}-of-{part.shards:05d}.jsonl")
        with tf.io.gfile.GFile(path, "w") as file:
            for text in texts:
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        return {"documents": len(texts)}
    path = os.path.join(folder, part.name, shard_name(part.number, part.shards))
    examples, tokens = write_shard(path, _examples(part, texts, config, vocabulary))
    return {"documents": len(texts), "examples": examples, "tokens": tokens}


def _shards(config: PreparationConfig) -> dict[str, int]:
    if config.format == "text":
        return {"documents": config.corpus.shards}
    shards = {"train": config.corpus.shards}
    if config.validation_ratio:
        shards["validation"] = max(1, round(config.corpus.shards * config.validation_ratio))
    return shards


def _examples(
    part: Part, texts: Sequence[str], config: PreparationConfig, vocabulary: Sequence[str]
) -> Iterator[Example]:
    tokenizer = _tokenizer(tuple(vocabulary), config.lowercase)
    builder = ExampleBuilder(
        config.corpus.objective,
        config.sequence_length,
        tokenizer.cls_token_id,
        tokenizer.sep_token_id,
        config.corpus.packing,
        config.corpus.short_sequence_ratio,
    )
    documents = list(tokenize_documents(texts, tokenizer, load_segmenter(config.corpus.segmenter)))
    # Held-out examples are cut once: their number decides nothing.
    for round_ in range(1 if part.name == "validation" else config.corpus.duplicates):
        yield from builder.build(documents, hash_of(f"{part.name} {part.number} {round_}", config.seed))


@lru_cache(maxsize=1)
def _tokenizer(vocabulary: tuple[str, ...], lowercase: bool) -> ExactBertTokenizer:
    return ExactBertTokenizer(list(vocabulary), lowercase=lowercase)
