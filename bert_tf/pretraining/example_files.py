"""Examples in sharded TFRecord files, with a description that is written last."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import tensorflow as tf

from bert_tf.errors import UserError, first_line
from bert_tf.pretraining.examples import Example

_DESCRIPTION = "description.json"

FEATURES = {
    "token_ids": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
    "continues": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
    "first_length": tf.io.FixedLenFeature([], tf.int64),
    "pair_label": tf.io.FixedLenFeature([], tf.int64),
}
"""How ``tf.io.parse_example`` reads a record; the fields are those of :class:`Example`."""


@dataclass(frozen=True)
class Description:
    """What a folder of examples holds.

    Attributes:
        made_from: everything that decides the examples, to be compared before they are used again.
        examples: number of examples.
        tokens: tokens in them, special ones included.
    """

    made_from: dict[str, object]
    examples: int
    tokens: int


def write_examples(
    folder: Path, examples: Iterable[Example], *, shards: int, made_from: dict[str, object]
) -> Description:
    """Deals the examples out to ``shards`` files. The folder is whole once it has its description.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _DESCRIPTION).unlink(missing_ok=True)
    count = tokens = 0
    try:
        writers = [tf.io.TFRecordWriter(str(folder / shard_name(number, shards))) for number in range(shards)]
        for example in examples:
            writers[count % shards].write(_serialize(example))
            count += 1
            tokens += len(example.token_ids)
        for writer in writers:
            writer.close()
        description = Description(made_from, count, tokens)
        write_description(str(folder), description)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"{folder}: the examples cannot be written ({first_line(error)}).") from None
    return description


def shard_name(number: int, shards: int) -> str:
    """Name of one file of examples."""
    return f"examples-{number:05d}-of-{shards:05d}.tfrecord"


def write_shard(path: str, examples: Iterable[Example]) -> tuple[int, int]:
    """Writes one file of examples, local or remote; returns how many there are, and how many tokens."""
    count = tokens = 0
    with tf.io.TFRecordWriter(path) as writer:
        for example in examples:
            writer.write(_serialize(example))
            count += 1
            tokens += len(example.token_ids)
    return count, tokens


def write_description(folder: str, description: Description) -> None:
    """Makes a folder of examples whole."""
    path = os.path.join(folder, _DESCRIPTION)
    with tf.io.gfile.GFile(f"{path}.tmp", "w") as file:
        file.write(json.dumps(asdict(description), indent=2, ensure_ascii=False) + "\n")
    tf.io.gfile.rename(f"{path}.tmp", path, overwrite=True)


def read_description(folder: str | Path) -> Description | None:
    """The description of a whole folder of examples; ``None`` if there is none or it was never finished."""
    path = os.path.join(folder, _DESCRIPTION)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return Description(**json.loads(file.read()))


def example_files(folder: str | Path) -> list[str]:
    """The TFRecord files in their order."""
    return sorted(tf.io.gfile.glob(os.path.join(glob.escape(os.fspath(folder)), "examples-*.tfrecord")))


def _serialize(example: Example) -> bytes:
    def integers(values: Iterable[int]) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    features = {
        "token_ids": integers(example.token_ids.tolist()),
        "continues": integers(example.continues.astype(int).tolist()),
        "first_length": integers([example.first_length]),
        "pair_label": integers([example.pair_label]),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)
