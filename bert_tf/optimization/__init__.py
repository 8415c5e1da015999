"""What changes the weights: parameter groups, optimisers and learning-rate schedules, one file each."""

from bert_tf.plugins import Registry

OPTIMIZERS = Registry("optimizer", "bert_tf.optimization.optimizers", "--training.optimizer")
SCHEDULES = Registry("schedule", "bert_tf.optimization.schedules", "--training.schedule")
