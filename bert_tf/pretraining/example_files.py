"""Examples in sharded TFRecord files, with a description that is written last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import tensorflow as tf

from bert_tf.atomic_file import write_atomically
from bert_tf.errors import UserError
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
        UserError: there is no example, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _DESCRIPTION).unlink(missing_ok=True)
    count = tokens = 0
    try:
        writers = [
            tf.io.TFRecordWriter(str(folder / f"examples-{number:05d}-of-{shards:05d}.tfrecord"))
            for number in range(shards)
        ]
        for example in examples:
            writers[count % shards].write(_serialize(example))
            count += 1
            tokens += len(example.token_ids)
        for writer in writers:
            writer.close()
        description = Description(made_from, count, tokens)
        write_atomically(folder / _DESCRIPTION, json.dumps(asdict(description), indent=2, ensure_ascii=False) + "\n")
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"{folder}: the examples cannot be written ({str(error).splitlines()[0]}).") from None
    return description


def read_description(folder: Path) -> Description | None:
    """The description of a whole folder of examples; ``None`` if there is none or it was never finished."""
    path = folder / _DESCRIPTION
    if not path.exists():
        return None
    return Description(**json.loads(path.read_text(encoding="utf-8")))


def example_files(folder: Path) -> list[str]:
    """The TFRecord files in their order."""
    return sorted(os.fspath(path) for path in folder.glob("examples-*.tfrecord"))


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
