"""A gRPC client of TF Serving's protocol. tensorflow-serving-api's messages make it import TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from bert_tf.client.answers import Classification, ServingError, retrying

_RETRIED = {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}
_LARGEST_MESSAGE = 64 * 2**20


class GrpcClient:
    """Asks a model server over gRPC.

    Args:
        target: such as ``localhost:8500``.
        timeout: deadline of one attempt in seconds.
        attempts: attempts in all while the server is unreachable or overloaded, with growing pauses.
    """

    def __init__(self, target: str, *, timeout: float = 10.0, attempts: int = 4) -> None:
        options = [
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
        ]
        self._channel = grpc.insecure_channel(target, options=options)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._timeout = timeout
        self._retrying = retrying(_RETRIED, attempts)

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature_name: str = "serving_default",
        version: int | str | None = None,
    ) -> dict[str, np.ndarray]:
        """Sends tensors and returns the outputs by name; texts come back as ``bytes``.

        Args:
            model: name of the model.
            inputs: input name to whatever ``tf.make_tensor_proto`` takes.
            signature_name: of the SavedModel.
            version: number or label (such as ``"stable"``); default the newest.

        Raises:
            ServingError: the server refused, or could not be reached in time.
        """
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature_name
        if isinstance(version, str):
            request.model_spec.version_label = version
        elif version is not None:
            request.model_spec.version.value = version
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        response = self._retrying(self._call, self._predictions.Predict, request)
        return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}

    def classify(
        self, model: str, texts: Sequence[str], text_pairs: Sequence[str] | None = None
    ) -> list[Classification]:
        """Asks a classifier about texts or pairs."""
        inputs = {"text": list(texts)} if text_pairs is None else {"text": list(texts), "text_pair": list(text_pairs)}
        outputs = self.predict(model, inputs)
        return [
            Classification(label.decode("utf-8"), float(score), tuple(map(float, probabilities)))
            for label, score, probabilities in zip(
                outputs["label"], outputs["score"], outputs["probabilities"], strict=True
            )
        ]

    def status(self, model: str) -> dict[int, str]:
        """The state of each version, such as ``{1: "AVAILABLE"}``."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        response = self._retrying(self._call, self._models.GetModelStatus, request)
        names = get_model_status_pb2.ModelVersionStatus.State
        return {entry.version: names.Name(entry.state) for entry in response.model_version_status}

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise ServingError(error.code().name, error.details()) from None

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def __enter__(self) -> GrpcClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
