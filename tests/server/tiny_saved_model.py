"""A string-in SavedModel that answers like a classifier, without a BERT inside."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf


class TinyClassifier(tf.Module):
    """Texts with ``好`` or ``good`` are positive; ``offset`` tells versions apart."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = tf.Variable(offset)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        positive = tf.cast(tf.strings.regex_full_match(text, "(?s).*(好|good).*"), tf.float32)
        probability = 0.1 + 0.7 * positive + self.offset
        return {
            "label": tf.where(positive > 0, "positive", "negative"),
            "score": tf.maximum(probability, 1 - probability),
            "probabilities": tf.stack([1 - probability, probability], axis=1),
        }

    @tf.function(
        input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x"), tf.TensorSpec([], tf.int32, name="n")]
    )
    def add(self, x: tf.Tensor, n: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": x + tf.cast(n, tf.float32)}


def write_version(base: Path, version: int, offset: float = 0.0) -> None:
    """Publishes a version as export does: written elsewhere, then renamed."""
    staging = base / f".{version}"
    module = TinyClassifier(offset)
    signatures = {"serving_default": module.classify, "add": module.add}
    tf.saved_model.save(module, str(staging), signatures=signatures)
    staging.rename(base / str(version))
