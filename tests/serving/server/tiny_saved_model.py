"""String-in SavedModels that answer like a classifier, or give back what they get, without a BERT inside."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

# dtypes of the signatures ``echo_…`` of :class:`Echo`.
DTYPES = (
    tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.int8, tf.int16, tf.int32, tf.int64,
    tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.bool, tf.complex64, tf.string,
)  # fmt: skip


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


class Echo(tf.Module):
    """Signatures that show what a server makes of dtypes, shapes, batches and time."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="text")])
    def scalar(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"text": text}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def complex_out(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"z": tf.complex(x, x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def batch_size(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """How many rows came together, and the characters of each, as many columns as the longest has."""
        return {
            "rows": tf.fill([tf.size(text)], tf.size(text)),
            "characters": tf.strings.unicode_split(text, "UTF-8", errors="ignore").to_tensor(),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="steps")])
    def count(self, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Counts to the largest number: 100,000 take about a second."""
        total = tf.while_loop(lambda i: i < tf.reduce_max(steps), lambda i: [i + 1], [0], parallel_iterations=1)[0]
        return {"steps": tf.fill([tf.size(steps)], total)}

    def echo(self, dtype: tf.DType, shape: list[int | None] | None) -> tf.types.experimental.ConcreteFunction:
        function = tf.function(lambda x: {"y": tf.identity(x)})
        return function.get_concrete_function(tf.TensorSpec(shape, dtype, name="x"))


def write_version(base: Path, version: int | str, offset: float = 0.0) -> None:
    """Publishes a version as export does: written elsewhere, then renamed."""
    module = TinyClassifier(offset)
    _publish(base, version, module, {"serving_default": module.classify, "add": module.add})


def write_echo(base: Path, version: int = 1) -> None:
    """Publishes :class:`Echo`; ``serving_default`` gives texts back."""
    module = Echo()
    signatures = {name: getattr(module, name) for name in ("scalar", "complex_out", "batch_size", "count")}
    for dtype in DTYPES:
        signatures[f"echo_{dtype.name}"] = module.echo(dtype, None)
    signatures["serving_default"] = module.echo(tf.string, [None])
    signatures["pairs"] = module.echo(tf.int32, [None, 2])
    _publish(base, version, module, signatures)


def _publish(base: Path, version: int | str, module: tf.Module, signatures: dict[str, object]) -> None:
    staging = base / f".{version}"
    tf.saved_model.save(module, str(staging), signatures=signatures)
    staging.rename(base / str(version))
