"""A small deterministic training, run as a process of its own by the distribution tests.

``python small_training.py FOLDER STRATEGY RECIPE… [--logical_devices 2]`` trains once by each recipe, JSON such
as ``{"jit_compile": true}`` (``max_tokens_per_batch``: batches of so many tokens), and writes the weights to
``FOLDER/0.npz``, ``FOLDER/1.npz`` and so on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("strategy")
    parser.add_argument("recipes", nargs="+", type=json.loads)
    parser.add_argument("--logical_devices", type=int, default=1)
    arguments = parser.parse_args()

    import tensorflow as tf

    if arguments.logical_devices > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(arguments.logical_devices)]
        )
    from bert_tf.training.strategy import build_strategy

    strategy = build_strategy(arguments.strategy)

    import keras
    import numpy as np

    from bert_tf.config import TrainingConfig
    from bert_tf.runs.run_directory import RunDirectory
    from bert_tf.training.loop import train
    from tests.training.small_model import small_batches, small_classifier, small_token_batches

    base = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "global_clipnorm": 0.5, "checkpoint_every": 1000}
    for number, changes in enumerate(arguments.recipes):
        with strategy.scope():
            task = small_classifier()
        tokens = changes.pop("max_tokens_per_batch", None)
        recipe = TrainingConfig(**(base | changes))
        if tokens is None:
            batches = small_batches(task, recipe.batch_size)
        else:
            batches = small_token_batches(task, tokens, strategy.num_replicas_in_sync)
        with tempfile.TemporaryDirectory() as folder:
            train(task, batches, recipe, RunDirectory(folder), strategy=strategy)
        weights = [keras.ops.convert_to_numpy(variable) for variable in task.trainable_variables]
        np.savez(arguments.folder / f"{number}.npz", *weights)


if __name__ == "__main__":
    main()
