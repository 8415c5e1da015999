"""TensorFlow Datasets: ``tfds:glue/sst2:train``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bert_tf.data.records import Row
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.data.sources import ReadOptions

SCHEME = "tfds"


def read(name: str, options: ReadOptions) -> Iterator[Row]:
    """Rows of ``NAME[:SPLIT]`` (split: train); texts are decoded, class numbers become their names.

    Raises:
        UserError: there is no such data set or split, or it is not on this machine and cannot be downloaded.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    name, _, split = name.partition(":")
    split = split or "train"
    spec = f"tfds:{name}"
    try:
        builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
    except (tfds.core.registered.DatasetNotFoundError, ValueError, AttributeError) as error:
        raise UserError(f"{spec}: there is no such data set ({str(error).strip().splitlines()[0]}).") from None
    if not _is_prepared(builder):
        try:
            builder.download_and_prepare()
        except Exception as error:  # whatever the download meets: DNS, HTTP, checksums, manual downloads, disk
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"{spec}: the data set is not in {builder.data_dir} and preparing it failed ({reason}). On a machine "
                f'with network run: python -c "import tensorflow_datasets as d; d.load({name!r})", copy the folder '
                "and set TFDS_DATA_DIR to it; or give the data as a file."
            ) from None
    if split.split("[")[0] not in {*builder.info.splits, "all"}:
        raise UserError(f"{spec}: there is no split {split!r}; there are: {', '.join(builder.info.splits)}.")
    features = builder.info.features
    read_config = tfds.ReadConfig(interleave_cycle_length=1, add_tfds_id=False)
    dataset = builder.as_dataset(split=split, shuffle_files=False, read_config=read_config)
    where = f"{spec}:{split}"
    for number, example in enumerate(tfds.as_numpy(dataset), start=1):
        yield Row(where, number, {key: _plain(features[key], value, tf) for key, value in example.items()})


def _is_prepared(builder: Any) -> bool:
    return bool(builder.info.splits)


def _plain(feature: Any, value: Any, tf: Any) -> Any:
    """bytes to text, a class number to its name (-1, GLUE's hidden test label, to nothing), numpy to Python."""
    names = getattr(feature, "names", None)
    if names is not None:
        return names[int(value)] if value >= 0 else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if getattr(value, "ndim", None) == 0 or (hasattr(value, "item") and value.size == 1) else value
