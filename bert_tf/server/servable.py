"""One loaded version of a model: a SavedModel and its signatures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of tokenisers)
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from bert_tf.plain_path import plain_path
from bert_tf.server.request_error import RequestError

DEFAULT_SIGNATURE = "serving_default"
_WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"


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
        self.signature_defs: dict[str, meta_graph_pb2.SignatureDef] = dict(graph.signature_def)
        self._play_warmup(path / _WARMUP_FILE)

    def signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        """The inputs and outputs of a signature.

        Raises:
            RequestError: there is no such signature.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self._functions:
            raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        return self.signature_defs[name]

    def predict(
        self, signature_name: str, inputs: Mapping[str, tf.Tensor], output_filter: Collection[str] = ()
    ) -> dict[str, np.ndarray]:
        """Answers one request.

        Args:
            signature_name: empty for ``serving_default``.
            inputs: tensors by input name.
            output_filter: names of the outputs that are wanted; empty for all.

        Raises:
            RequestError: a name, a dtype or a shape does not fit the signature.
        """
        name = signature_name or DEFAULT_SIGNATURE
        signature = self.signature(name)
        self._check(inputs, signature)
        unknown = sorted(set(output_filter) - set(signature.outputs))
        if unknown:
            raise _invalid(f"output tensor alias not found in signature: {unknown[0]}")
        try:
            outputs = self._functions[name](**inputs)
        except (tf.errors.InvalidArgumentError, tf.errors.FailedPreconditionError, ValueError) as error:
            raise _invalid(str(error).splitlines()[0]) from None
        return {key: value.numpy() for key, value in outputs.items() if not output_filter or key in output_filter}

    @staticmethod
    def _check(inputs: Mapping[str, tf.Tensor], signature: meta_graph_pb2.SignatureDef) -> None:
        expected, given = set(signature.inputs), set(inputs)
        if expected != given:
            raise _invalid(f"input names do not match the signature: expected {sorted(expected)}, got {sorted(given)}")
        for name, tensor in inputs.items():
            spec = signature.inputs[name]
            dtype, shape = tf.as_dtype(spec.dtype), tf.TensorShape(spec.tensor_shape)
            if tensor.dtype != dtype:
                raise _invalid(f"input {name}: expected {dtype.name}, got {tensor.dtype.name}")
            if not shape.is_compatible_with(tensor.shape):
                raise _invalid(f"input {name}: expected shape {shape}, got {tensor.shape}")

    def _play_warmup(self, path: Path) -> None:
        if not path.exists():
            return
        from tensorflow_serving.apis import prediction_log_pb2

        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
            self.predict(request.model_spec.signature_name, inputs)


def _invalid(message: str) -> RequestError:
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)
