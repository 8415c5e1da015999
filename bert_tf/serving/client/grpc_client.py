"""A gRPC client of TF Serving's protocol. It needs neither TensorFlow nor a tokeniser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc
import numpy as np

from bert_tf.serving.client.answers import Classification, ServingError, retrying, text_columns
from bert_tf.serving.client.messages import STATES, message
from bert_tf.serving.client.tensors import to_array, to_tensor

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
        self._predict = self._method("PredictionService/Predict", "PredictRequest", "PredictResponse")
        self._status = self._method("ModelService/GetModelStatus", "GetModelStatusRequest", "GetModelStatusResponse")
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
            inputs: input name to an array, a number, or nested lists of numbers or texts; one text is a column of one
                row.
            signature_name: of the SavedModel.
            version: number or label (such as ``"stable"``); default the newest.

        Raises:
            ServingError: the server refused, or could not be reached in time.
            ValueError: the inputs are no tensors.
        """
        request = message("PredictRequest")()
        request.model_spec.name, request.model_spec.signature_name = model, signature_name
        if isinstance(version, str):
            request.model_spec.version_label = version
        elif version is not None:
            request.model_spec.version.value = version
        for name, values in inputs.items():
            request.inputs.add(key=name, value=to_tensor(values))
        response = self._retrying(self._call, self._predict, request)
        return {output.key: to_array(output.value) for output in response.outputs}

    def classify(
        self, model: str, texts: str | Sequence[str], text_pairs: str | Sequence[str] | None = None
    ) -> list[Classification]:
        """Asks a classifier about one text, texts or pairs; there is an answer for each."""
        outputs = self.predict(model, text_columns(texts, text_pairs))
        return [
            Classification(label.decode("utf-8"), float(score), tuple(map(float, probabilities)))
            for label, score, probabilities in zip(
                outputs["label"], outputs["score"], outputs["probabilities"], strict=True
            )
        ]

    def status(self, model: str) -> dict[int, str]:
        """The state of each version, such as ``{1: "AVAILABLE"}``."""
        request = message("GetModelStatusRequest")()
        request.model_spec.name = model
        response = self._retrying(self._call, self._status, request)
        return {entry.version: STATES.get(entry.state, str(entry.state)) for entry in response.model_version_status}

    def _method(self, name: str, request: str, response: str) -> Callable[..., Any]:
        return self._channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=message(request).SerializeToString,
            response_deserializer=message(response).FromString,
        )

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
