"""The gRPC side: PredictionService and ModelService, over tensorflow-serving-api's stubs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from bert_tf.server.repository import Repository
from bert_tf.server.request_error import RequestError
from bert_tf.server.servable import DEFAULT_SIGNATURE

Response = TypeVar("Response")


def _version_of(spec: model_pb2.ModelSpec, repository: Repository) -> int | None:
    if spec.WhichOneof("version_choice") == "version_label":
        return repository.version_of_label(spec.name, spec.version_label)
    return spec.version.value if spec.HasField("version") else None


def _answer(context: grpc.ServicerContext, work: Callable[[], Response]) -> Response:
    try:
        return work()
    except RequestError as error:
        abort(context, error.code, str(error))
    except (ValueError, TypeError) as error:  # a TensorProto whose content contradicts its shape
        abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error).splitlines()[0])


def abort(context: grpc.ServicerContext, code: grpc.StatusCode, message: str) -> NoReturn:
    """Ends the call with an error."""
    context.abort(code, message)
    raise AssertionError("abort() raises")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; Classify, Regress and MultiInference answer UNIMPLEMENTED."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def Predict(  # noqa: N802  (the protocol's name)
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        def work() -> predict_pb2.PredictResponse:
            spec = request.model_spec
            number, servable = self._repository.find(spec.name, _version_of(spec, self._repository))
            inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
            outputs = servable.predict(spec.signature_name, inputs, request.output_filter)
            answered = model_pb2.ModelSpec(name=spec.name, signature_name=spec.signature_name or DEFAULT_SIGNATURE)
            answered.version.value = number
            return predict_pb2.PredictResponse(
                model_spec=answered,
                outputs={name: tf.make_tensor_proto(value) for name, value in outputs.items()},
            )

        return _answer(context, work)

    def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        def work() -> get_model_metadata_pb2.GetModelMetadataResponse:
            unknown = [field for field in request.metadata_field if field != "signature_def"]
            if unknown or not request.metadata_field:
                raise RequestError(
                    grpc.StatusCode.INVALID_ARGUMENT, f"Metadata field {''.join(unknown[:1])} is not supported"
                )
            spec = request.model_spec
            number, servable = self._repository.find(spec.name, _version_of(spec, self._repository))
            response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=model_pb2.ModelSpec(name=spec.name))
            response.model_spec.version.value = number
            signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signature_defs)
            response.metadata["signature_def"].Pack(signatures)
            return response

        return _answer(context, work)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        spec = request.model_spec
        return _answer(
            context, lambda: status_response(self._repository, spec.name, _version_of(spec, self._repository))
        )


def status_response(
    repository: Repository, name: str, version: int | None
) -> get_model_status_pb2.GetModelStatusResponse:
    """The states of a model's versions as the protocol's message."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state in repository.status(name, version).items():
        entry: Any = response.model_version_status.add(version=number, state=state.state)
        if state.error:
            entry.status.error_code, entry.status.error_message = 2, state.error
    return response
