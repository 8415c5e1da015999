"""The gRPC side: PredictionService and ModelService. What they do not offer is UNIMPLEMENTED."""

from __future__ import annotations

import concurrent.futures
import logging
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

from bert_tf.serving.server.limits import ByteBudget, Limits
from bert_tf.serving.server.model_status import status_response
from bert_tf.serving.server.prediction import predict
from bert_tf.serving.server.repository import Repository
from bert_tf.serving.server.request_error import RequestError, exhausted, invalid
from bert_tf.serving.server.servable import DEFAULT_SIGNATURE, Servable
from bert_tf.serving.server.tensor_protos import array_of, proto_of
from bert_tf.serving.server.work_queue import Steps, WorkQueue

logger = logging.getLogger("bert_tf")

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"


def generic_handlers(
    repository: Repository, queue: WorkQueue, budget: ByteBudget, limits: Limits, *, as_content: bool
) -> tuple[grpc.GenericRpcHandler, ...]:
    """Handlers of both services. Requests are parsed here, so that one that cannot be parsed gets a clear answer.

    Args:
        repository: the models.
        queue: runs the predictions.
        budget: of bytes that requests may hold.
        limits: of one request.
        as_content: numeric outputs as ``tensor_content``.
    """
    predictions = _Predictions(repository, queue, budget, limits, as_content)
    services = {
        PREDICTION_SERVICE: {
            "Predict": predictions.predict,
            "GetModelMetadata": _answering(
                get_model_metadata_pb2.GetModelMetadataRequest, lambda request: _metadata(request, repository)
            ),
        },
        MODEL_SERVICE: {
            "GetModelStatus": _answering(
                get_model_status_pb2.GetModelStatusRequest, lambda request: _status(request, repository)
            )
        },
    }
    return tuple(
        grpc.method_handlers_generic_handler(
            service,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    method, response_serializer=lambda message: message.SerializeToString()
                )
                for name, method in methods.items()
            },
        )
        for service, methods in services.items()
    )


class _Predictions:
    """Predict."""

    def __init__(
        self, repository: Repository, queue: WorkQueue, budget: ByteBudget, limits: Limits, as_content: bool
    ) -> None:
        self._repository, self._queue, self._budget, self._limits = repository, queue, budget, limits
        self._as_content = as_content

    def predict(self, message: bytes, context: grpc.ServicerContext) -> predict_pb2.PredictResponse:
        """Waits for the answer, as long as the client does."""
        try:
            self._budget.take(len(message))
        except RequestError as error:
            _abort(context, error)
        try:
            future = self._queue.submit(self._steps(message), len(message))
            if not context.add_callback(future.cancel):
                future.cancel()
            return future.result(context.time_remaining())
        except concurrent.futures.TimeoutError:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "No answer within the deadline.")
        except concurrent.futures.CancelledError:
            context.abort(grpc.StatusCode.CANCELLED, "The request was cancelled, or the server is stopping.")
        except Exception as error:
            _abort(context, error)
        finally:
            self._budget.give_back(len(message))

    def _steps(self, message: bytes) -> Steps[predict_pb2.PredictResponse]:
        request = _parse(predict_pb2.PredictRequest, message)
        spec = request.model_spec
        number, servable = _find(spec, self._repository)
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name not in servable.signature_defs:
            raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name[:200]}" not found.')
        largest = self._limits.max_request_bytes
        inputs = {key: array_of(key, value, largest) for key, value in request.inputs.items()}
        outputs = yield from predict(servable, name, inputs, list(request.output_filter), self._limits)
        answered = model_pb2.ModelSpec(name=spec.name, signature_name=name)
        answered.version.value = number
        return predict_pb2.PredictResponse(
            model_spec=answered,
            outputs={key: proto_of(value, as_content=self._as_content) for key, value in outputs.items()},
        )


def _answering(kind: Any, work: Callable[[Any], Any]) -> Callable[[bytes, grpc.ServicerContext], Any]:
    def method(message: bytes, context: grpc.ServicerContext) -> Any:
        try:
            return work(_parse(kind, message))
        except Exception as error:
            _abort(context, error)

    return method


def _parse(kind: Any, message: bytes) -> Any:
    try:
        return kind.FromString(message)
    except DecodeError:
        raise invalid(f"The message is not a {kind.DESCRIPTOR.name}.") from None


def _abort(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """Ends the call with an error."""
    if isinstance(error, MemoryError):
        error = exhausted("There is not enough memory for the request.")
    if not isinstance(error, RequestError):
        logger.error("a request failed", exc_info=error)
        error = RequestError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
    context.abort(error.code, str(error))
    raise AssertionError("abort() raises")


def _version(spec: model_pb2.ModelSpec, repository: Repository) -> int | None:
    if not spec.name:
        raise invalid("ModelSpec has no name specified")
    if spec.WhichOneof("version_choice") == "version_label":
        return repository.version_of_label(spec.name, spec.version_label)
    return spec.version.value if spec.HasField("version") else None


def _find(spec: model_pb2.ModelSpec, repository: Repository) -> tuple[int, Servable]:
    return repository.find(spec.name, _version(spec, repository))


def _metadata(
    request: get_model_metadata_pb2.GetModelMetadataRequest, repository: Repository
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    unknown = [field for field in request.metadata_field if field != "signature_def"]
    if unknown:
        raise invalid(f"Metadata field {unknown[0][:200]} is not supported")
    number, servable = _find(request.model_spec, repository)
    response = get_model_metadata_pb2.GetModelMetadataResponse(
        model_spec=model_pb2.ModelSpec(name=request.model_spec.name)
    )
    response.model_spec.version.value = number
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signature_defs)
    response.metadata["signature_def"].Pack(signatures)
    return response


def _status(
    request: get_model_status_pb2.GetModelStatusRequest, repository: Repository
) -> get_model_status_pb2.GetModelStatusResponse:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return status_response(repository, request.model_spec.name, _version(request.model_spec, repository))
