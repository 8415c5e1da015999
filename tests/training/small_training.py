"""A small deterministic training, run as a process of its own by the distribution tests.

``python small_training.py OUTPUT.npz STRATEGY BATCH_SIZE [--logical_devices 2] [--xla] [--accumulate N]``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("strategy")
    parser.add_argument("batch_size", type=int)
    parser.add_argument("--logical_devices", type=int, default=1)
    parser.add_argument("--xla", action="store_true")
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--steps_per_call", type=int, default=1)
    parser.add_argument("--mixed_precision", default="none")
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
    from bert_tf.training.loop import train
    from bert_tf.training.run_directory import RunDirectory
    from tests.training.small_model import small_batches, small_classifier

    with strategy.scope():
        task = small_classifier()
    recipe = TrainingConfig(
        epochs=2,
        batch_size=arguments.batch_size,
        gradient_accumulation_steps=arguments.accumulate,
        steps_per_call=arguments.steps_per_call,
        learning_rate=1e-3,
        gradient_clip_norm=0.5,
        xla=arguments.xla,
        mixed_precision=arguments.mixed_precision,
        checkpoint_every=1000,
    )
    with tempfile.TemporaryDirectory() as folder:
        train(task, small_batches(task, arguments.batch_size), recipe, RunDirectory(folder), strategy=strategy)
    np.savez(arguments.output, *[np.asarray(keras.ops.convert_to_numpy(v)) for v in task.trainable_variables])


if __name__ == "__main__":
    main()
