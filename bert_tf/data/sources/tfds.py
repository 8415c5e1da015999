"""TensorFlow Datasets: ``tfds:glue/sst2:train``."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import numpy as np

from bert_tf.data.records import Row
from bert_tf.errors import UserError, first_line

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SCHEME = "tfds"

logger = logging.getLogger("bert_tf")


def read(name: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of ``NAME[:SPLIT]`` (split: train), from ``TFDS_DATA_DIR``; class numbers become their names.

    Raises:
        UserError: there is no such data set or split, or it is not on this machine and cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    name, _, split = name.partition(":")
    split = split or "train"
    spec = f"tfds:{name}"
    builder = _builder(name, spec)
    read_config = tfds.ReadConfig(interleave_cycle_length=1)  # one file after the other: the order is always equal
    try:
        dataset = builder.as_dataset(split=split, shuffle_files=False, read_config=read_config)
    except (ValueError, KeyError, AssertionError):
        known = ", ".join(builder.info.splits)
        raise UserError(f"{spec}: there is no split {split!r}; there are: {known} (or parts: train[:10%]).") from None
    features = builder.info.features
    for number, example in enumerate(tfds.as_numpy(dataset), start=1):
        yield Row(f"{spec}:{split}", number, {key: _plain(features[key], value) for key, value in example.items()})


def _builder(name: str, spec: str) -> Any:
    """The data set, prepared."""
    import tensorflow_datasets as tfds

    data_dir = os.environ.get("TFDS_DATA_DIR")
    place = data_dir or "~/tensorflow_datasets"
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # a wrong name in many ways: not found, not parsed, no such config, no such host
        raise UserError(f"{spec}: there is no such data set in {place} or TFDS ({first_line(error)}).") from None
    if builder.info.splits:
        return builder
    logger.warning("%s is not in %s: preparing it, which needs the network and can take minutes", spec, place)
    try:
        with redirect_stdout(sys.stderr):  # TFDS reports with print
            builder.download_and_prepare()
    except Exception as error:  # whatever the download meets: DNS, HTTP, checksums, manual downloads, disk
        raise UserError(
            f"{spec}: the data set is not in {place} and preparing it failed ({first_line(error)}). On a machine with "
            f'network run: TFDS_DATA_DIR=data python -c "import tensorflow_datasets as d; d.load({name!r})", copy the '
            "folder data here and set TFDS_DATA_DIR to it; or give the data as a file."
        ) from None
    return builder


def _plain(feature: Any, value: Any) -> Any:
    """bytes to text, a class number to its name (-1, GLUE's hidden test label, to nothing), numpy to Python."""
    names = getattr(feature, "names", None)
    if names is not None and np.ndim(value) == 0:
        return names[int(value)] if value >= 0 else None
    if isinstance(value, dict):
        return {key: _plain(feature[key], part) for key, part in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return [_plain(getattr(feature, "feature", None), part) for part in value]
    return value.item() if isinstance(value, np.generic) else value
