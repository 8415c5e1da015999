"""Two epochs of the small tasks on two logical devices: ``python small_training.py FOLDER`` writes ``two.npz``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def main(folder: Path) -> None:
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)])

    import numpy as np

    from bert_tf.config import TrainingConfig
    from bert_tf.runs.run_directory import RunDirectory
    from bert_tf.training.loop import train
    from bert_tf.training.strategy import build_strategy
    from tests.multi_task.small_tasks import small_tasks, small_updates

    strategy = build_strategy("mirrored")
    recipe = TrainingConfig(epochs=2, batch_size=16, learning_rate=1e-3, tensorboard=False, checkpoint_every=1000)
    with strategy.scope():
        model = small_tasks(loss_weights=None)
    train(
        model, small_updates(model, recipe, strategy=strategy), recipe, RunDirectory(folder / "run"), strategy=strategy
    )
    np.savez(folder / "two.npz", *[variable.numpy() for variable in model.trainable_variables])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
