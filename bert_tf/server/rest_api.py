"""The REST side, as TF Serving's RESTful API: status, metadata, and ``:predict`` in row and column format."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from bert_tf.server.grpc_services import status_response
from bert_tf.server.repository import Repository
from bert_tf.server.request_error import RequestError
from bert_tf.server.servable import DEFAULT_SIGNATURE


def build_app(repository: Repository, max_body_bytes: int) -> Starlette:
    """The REST application.

    Args:
        repository: the models.
        max_body_bytes: a larger request body is answered with 413.
    """

    def target(request: Request) -> tuple[str, int | None]:
        name, label = request.path_params["name"], request.path_params.get("label")
        if label is not None:
            return name, repository.version_of_label(name, label)
        return name, request.path_params.get("version")

    async def status(request: Request) -> Response:
        name, version = target(request)
        if ":" in name:  # GET …/NAME:predict
            raise HTTPException(405, "Method Not Allowed")
        return _message(status_response(repository, name, version))

    async def metadata(request: Request) -> Response:
        name, version = target(request)
        number, servable = repository.find(name, version)
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signature_defs)
        return JSONResponse(
            {
                "model_spec": {"name": name, "signature_name": "", "version": str(number)},
                "metadata": {"signature_def": json_format.MessageToDict(signatures, preserving_proto_field_name=True)},
            }
        )

    async def predict(request: Request) -> Response:
        name, version = target(request)
        body = await _read_body(request, max_body_bytes)
        return await run_in_threadpool(answer, name, version, body)

    def answer(name: str, version: int | None, body: bytes) -> Response:
        _, servable = repository.find(name, version)
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _invalid(f"JSON Parse error: {error}") from None
        if not isinstance(content, dict):
            raise _invalid("Request body must be a JSON object.")
        signature_name = content.get("signature_name", DEFAULT_SIGNATURE)
        if not isinstance(signature_name, str) or signature_name not in servable.signature_defs:
            raise _invalid(f'Serving signature name: "{signature_name}" not found in signature def')
        signature = servable.signature(signature_name)
        if ("instances" in content) == ("inputs" in content):
            raise _invalid("Request needs either 'instances' (row format) or 'inputs' (column format).")
        rows = "instances" in content
        inputs = _from_rows(content["instances"], signature) if rows else _from_columns(content["inputs"], signature)
        outputs = servable.predict(signature_name, inputs)
        return Response(
            json.dumps({"predictions": _to_rows(outputs)} if rows else {"outputs": _to_columns(outputs)}),
            media_type="application/json",
        )

    def on_error(request: Request, error: Exception) -> Response:
        if isinstance(error, RequestError):
            return JSONResponse({"error": str(error)}, error.http_status)
        if isinstance(error, HTTPException):
            return JSONResponse({"error": error.detail}, error.status_code)
        return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 500)

    routes = []
    for version in ("", "/versions/{version:int}", "/labels/{label}"):
        base = f"/v1/models/{{name}}{version}"
        routes += [
            Route(f"{base}/metadata", metadata, methods=["GET"]),
            Route(f"{base}:predict", predict, methods=["POST"]),
            Route(base, status, methods=["GET"]),
        ]
    handlers: dict[Any, Callable[..., Any]] = {RequestError: on_error, HTTPException: on_error, Exception: on_error}
    return Starlette(routes=routes, exception_handlers=handlers)


async def _read_body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"The request body is larger than {limit} bytes.")
    return bytes(body)


def _message(message: Any) -> Response:
    return JSONResponse(
        json_format.MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    )


def _from_rows(instances: Any, signature: meta_graph_pb2.SignatureDef) -> dict[str, tf.Tensor]:
    """Row format: a list of objects by input name, or of plain values where there is one input."""
    if not isinstance(instances, list) or not instances:
        raise _invalid("'instances' must be a list with at least one row.")
    named = [isinstance(row, dict) and set(row) != {"b64"} for row in instances]
    if not any(named):
        if len(signature.inputs) != 1:
            raise _invalid(f"Rows must name their inputs: {sorted(signature.inputs)}.")
        return {next(iter(signature.inputs)): _tensor(next(iter(signature.inputs)), instances, signature)}
    if not all(named) or any(set(row) != set(instances[0]) for row in instances):
        raise _invalid("All rows must have the same inputs.")
    return {name: _tensor(name, [row[name] for row in instances], signature) for name in instances[0]}


def _from_columns(inputs: Any, signature: meta_graph_pb2.SignatureDef) -> dict[str, tf.Tensor]:
    """Column format: an object of whole tensors, or one tensor where there is one input."""
    if isinstance(inputs, dict) and set(inputs) != {"b64"}:
        return {name: _tensor(name, value, signature) for name, value in inputs.items()}
    if len(signature.inputs) != 1:
        raise _invalid(f"'inputs' must name the inputs: {sorted(signature.inputs)}.")
    name = next(iter(signature.inputs))
    return {name: _tensor(name, inputs, signature)}


def _tensor(name: str, value: Any, signature: meta_graph_pb2.SignatureDef) -> tf.Tensor:
    if name not in signature.inputs:
        raise _invalid(f"input names do not match the signature: there is no {name}; it has {sorted(signature.inputs)}")
    dtype = tf.as_dtype(signature.inputs[name].dtype)
    _check_leaves(name, value, dtype)
    try:
        return tf.constant(_decode_b64(value), dtype)
    except (ValueError, TypeError) as error:
        raise _invalid(f"input {name}: {str(error).splitlines()[0]}") from None


def _check_leaves(name: str, value: Any, dtype: tf.DType) -> None:
    if isinstance(value, list):
        for item in value:
            _check_leaves(name, item, dtype)
        return
    is_text = isinstance(value, str) or (isinstance(value, dict) and set(value) == {"b64"})
    fits = (
        is_text
        if dtype == tf.string
        else isinstance(value, bool)
        if dtype == tf.bool
        else (isinstance(value, int if dtype.is_integer else int | float) and not isinstance(value, bool))
    )
    if not fits:
        raise _invalid(f"JSON Value: {json.dumps(value)[:100]} is not of expected type: {dtype.name} (input {name})")


def _decode_b64(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode_b64(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True)
    return value


def _to_rows(outputs: Mapping[str, np.ndarray]) -> list[Any]:
    sizes = {len(value) if value.ndim else 0 for value in outputs.values()}
    if len(sizes) != 1 or (0 in sizes and any(not value.ndim for value in outputs.values())):
        raise _invalid("The outputs have no common batch dimension: use the column format ('inputs').")
    columns = {name: _plain(name, value) for name, value in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _to_columns(outputs: Mapping[str, np.ndarray]) -> Any:
    columns = {name: _plain(name, value) for name, value in outputs.items()}
    return next(iter(columns.values())) if len(columns) == 1 else columns


def _plain(name: str, value: np.ndarray) -> Any:
    """A tensor as JSON: bytes are text, or base64 where they are not UTF-8 or the output is called ``…_bytes``."""
    if value.dtype != object:
        return value.tolist()

    def text(item: Any) -> Any:
        if isinstance(item, list):
            return [text(part) for part in item]
        if not name.endswith("_bytes"):
            try:
                return item.decode("utf-8")
            except UnicodeDecodeError:
                pass
        return {"b64": base64.b64encode(item).decode("ascii")}

    return text(value.tolist())


def _invalid(message: str) -> RequestError:
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)
