"""``--distribution``: which devices train together."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from bert_tf.errors import UserError


def build_strategy(name: str) -> tf.distribute.Strategy:
    """Returns the strategy that ``--distribution`` names.

    ``auto`` takes every GPU of this machine, the workers that ``TF_CONFIG`` names, or the one device there is.
    ``multi_worker`` must be built before TensorFlow runs its first op, so commands call this first.

    Raises:
        UserError: the devices or the ``TF_CONFIG`` that the strategy needs are absent.
    """
    if name == "auto" and len(_workers()) > 1:
        name = "multi_worker"
    # To list devices starts TensorFlow, after which no cluster can be joined.
    devices = tf.config.list_logical_devices("GPU") if name in ("auto", "mirrored") else []
    if name == "auto":
        name = "mirrored" if len(devices) > 1 else "one_device"
    match name:
        case "one_device":
            return tf.distribute.get_strategy()
        case "mirrored":
            devices = devices or tf.config.list_logical_devices("CPU")
            if len(devices) < 2:
                raise UserError(
                    f"--distribution mirrored: this machine has {len(devices)} device ({devices[0].name}), mirrored "
                    "needs two or more. Use --distribution auto."
                )
            return tf.distribute.MirroredStrategy([device.name for device in devices])
        case "multi_worker":
            if len(_workers()) < 2:
                raise UserError(
                    "--distribution multi_worker: the environment variable TF_CONFIG must name two or more workers, "
                    'such as {"cluster": {"worker": ["host1:9000", "host2:9000"]}, '
                    '"task": {"type": "worker", "index": 0}}.'
                )
            return tf.distribute.MultiWorkerMirroredStrategy()
    raise ValueError(f"Unknown distribution {name!r}.")


def _workers() -> list[str]:
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return []
    try:
        cluster = json.loads(text)["cluster"]
        return [*cluster.get("chief", []), *cluster.get("worker", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"TF_CONFIG is not the JSON that TensorFlow describes (a cluster and a task): {text}") from None


def describe_strategy(strategy: tf.distribute.Strategy) -> str:
    """What trains, for the log, such as ``one device (CPU)``."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    replicas = strategy.num_replicas_in_sync
    return f"one device ({kind})" if replicas == 1 else f"{replicas} replicas ({kind}, {type(strategy).__name__})"


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run directory: every process does, but for the other workers of a cluster."""
    resolver = strategy.cluster_resolver
    return (
        resolver is None
        or resolver.task_type in (None, "", "chief")
        or (
            resolver.task_type == "worker"
            and resolver.task_id == 0
            and "chief" not in resolver.cluster_spec().as_dict()
        )
    )


def check_batch_size(strategy: tf.distribute.Strategy, batch_size: int, pieces: int) -> None:
    """Checks that a batch can be cut evenly over replicas and accumulation steps.

    Raises:
        UserError: it cannot.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % (replicas * pieces):
        raise UserError(
            f"--training.batch_size {batch_size} cannot be cut into {replicas} device(s) × {pieces} accumulation "
            f"step(s): use a multiple of {replicas * pieces}."
        )


def distribute(strategy: tf.distribute.Strategy, dataset: tf.data.Dataset) -> Iterable[Any]:
    """Gives each replica its equal, consecutive share of every global batch.

    Every process reads the whole order and takes its own share, so that the global batch is the same whatever the
    number of processes.

    Args:
        strategy: the replicas.
        dataset: global batches, nested tensors whose first dimension is the batch.
    """
    if strategy.num_replicas_in_sync == 1:
        return dataset

    def shares(context: tf.distribute.InputContext) -> tf.data.Dataset:
        replicas = context.num_replicas_in_sync
        here = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * here

        def cut(*batch: Any) -> tf.data.Dataset:
            def share(value: tf.Tensor) -> tf.Tensor:
                rows = value.shape[0]
                each = tf.shape(value)[0] // replicas if rows is None else rows // replicas
                parts = tf.reshape(value, [replicas, each, *tf.unstack(tf.shape(value)[1:])])
                parts.set_shape([replicas, None if rows is None else each, *value.shape[1:]])
                return parts[first : first + here]

            return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(share, batch))

        return dataset.flat_map(cut)

    return strategy.distribute_datasets_from_function(shares)
