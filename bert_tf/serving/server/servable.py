"""One loaded version of a model: a SavedModel and its signatures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of tokenisers)
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from bert_tf.plain_path import plain_path
from bert_tf.serving.server.tensor_protos import array_of

DEFAULT_SIGNATURE = "serving_default"
_WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
_LARGEST_WARMUP_TENSOR = 2**31 - 1


class Servable:
    """A SavedModel that answers requests; safe to use from several threads.

    Args:
        path: version directory.
    """

    def __init__(self, path: Path) -> None:
        with plain_path(path) as readable:
            self._model = tf.saved_model.load(str(readable))
        self._functions = dict(self._model.signatures)
        proto = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
        graph = next(graph for graph in proto.meta_graphs if "serve" in graph.meta_info_def.tags)
        self.signature_defs: dict[str, meta_graph_pb2.SignatureDef] = {
            name: signature for name, signature in graph.signature_def.items() if name in self._functions
        }
        self._play_warmup(path / _WARMUP_FILE)

    def run(self, signature_name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs a signature once, on inputs that were checked; strings are ``bytes`` in object arrays."""
        function, signature = self._functions[signature_name], self.signature_defs[signature_name]
        outputs = function(
            **{name: tf.constant(value, tf.as_dtype(signature.inputs[name].dtype)) for name, value in inputs.items()}
        )
        return {
            name: np.asarray(value.numpy(), object if value.dtype == tf.string else None)
            for name, value in outputs.items()
        }

    def _play_warmup(self, path: Path) -> None:
        if not path.exists():
            return
        from tensorflow_serving.apis import prediction_log_pb2

        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: array_of(name, value, _LARGEST_WARMUP_TENSOR) for name, value in request.inputs.items()}
            self.run(request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs)
