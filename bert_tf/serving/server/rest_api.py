"""The REST side, as TF Serving's RESTful API: status, metadata, and ``:predict`` in row and column format."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import grpc
from google.protobuf import json_format
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tensorflow_serving.apis import get_model_metadata_pb2

from bert_tf.serving.server.json_requests import parse_request, unpack
from bert_tf.serving.server.json_tensors import columns_of, rows_of
from bert_tf.serving.server.limits import ByteBudget, Limits
from bert_tf.serving.server.model_status import status_response
from bert_tf.serving.server.prediction import predict
from bert_tf.serving.server.repository import Repository
from bert_tf.serving.server.request_error import RequestError, invalid
from bert_tf.serving.server.work_queue import Steps, WorkQueue

logger = logging.getLogger("bert_tf")

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_PREDICTION = re.compile(rf"{_MODEL}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_STATUS = re.compile(rf"{_MODEL}(?P<metadata>/metadata)?", re.IGNORECASE)
_NO_MODEL = re.compile(r"/v1/models(?:/metadata)?", re.IGNORECASE)


class _BodyTooLargeError(Exception):
    """The request's body is larger than the limit."""


@dataclass(frozen=True)
class _Target:
    """What a path names."""

    name: str
    version: int | None
    label: str | None

    def number(self, repository: Repository) -> int | None:
        return self.version if self.label is None else repository.version_of_label(self.name, self.label)


def build_app(repository: Repository, queue: WorkQueue, budget: ByteBudget, limits: Limits) -> ASGIApp:
    """The REST application.

    Args:
        repository: the models.
        queue: runs the predictions.
        budget: of bytes that requests may hold.
        limits: of one request.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await _answer(request, repository, queue, budget, limits)
        except ClientDisconnect:
            return
        except RequestError as error:
            response = _error(str(error), error.http_status)
        except _BodyTooLargeError:
            response = _error(f"The request body is larger than {limits.max_request_bytes} bytes.", 413)
        except Exception as error:
            logger.exception("%s %s failed", scope["method"], scope["path"][:200])
            response = _error(f"{type(error).__name__}: {error}", 500)
        await response(scope, receive, send)

    return app


async def _answer(
    request: Request, repository: Repository, queue: WorkQueue, budget: ByteBudget, limits: Limits
) -> Response:
    path = request.scope["raw_path"].decode("ascii")
    query = request.scope["query_string"].decode("ascii", "replace")
    if query:
        raise invalid(f"Malformed request: {request.method[:20]} {path[:500]}?{query[:500]}")
    if request.method == "POST" and (match := _PREDICTION.fullmatch(path)):
        if match["method"].lower() != "predict":
            raise RequestError(grpc.StatusCode.UNIMPLEMENTED, f"This server has no :{match['method']}, only :predict.")
        taken: list[int] = []
        try:
            body = await _read_body(request, budget, taken, limits)
            return await _predict(request, _target(match), body, repository, queue, limits)
        finally:
            budget.give_back(sum(taken))
    if request.method in ("GET", "HEAD") and not path.lower().startswith("/v1/"):
        return _error("Not Found", 404)
    if request.method == "GET" and (match := _STATUS.fullmatch(path)):
        target = _target(match)
        if match["metadata"]:
            return _metadata(target, repository)
        return _message(status_response(repository, target.name, target.number(repository)))
    if request.method == "GET" and _NO_MODEL.fullmatch(path):
        raise invalid("Missing model name in request.")
    raise invalid(f"Malformed request: {request.method[:20]} {path[:500]}")


def _target(match: re.Match[str]) -> _Target:
    version = match["version"]
    if version is not None and (len(version.lstrip("0")) > 19 or int(version) >= 2**63):
        raise invalid(f"Failed to convert version: {version[:100]} to numeric.")
    return _Target(
        _unquoted(match["name"]),
        None if version is None else int(version),
        match["label"] and _unquoted(match["label"]),
    )


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")


async def _read_body(request: Request, budget: ByteBudget, taken: list[int], limits: Limits) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        budget.take(len(chunk))
        taken.append(len(chunk))
        body += chunk
        if len(body) > limits.max_request_bytes:
            raise _BodyTooLargeError
    if request.headers.get("content-encoding", "").strip().lower() != "gzip":
        return bytes(body)
    try:
        unpacked = await asyncio.to_thread(unpack, bytes(body), limits.max_request_bytes)
    except OverflowError:
        raise _BodyTooLargeError from None
    budget.take(len(unpacked))
    taken.append(len(unpacked))
    return unpacked


async def _predict(
    request: Request, target: _Target, body: bytes, repository: Repository, queue: WorkQueue, limits: Limits
) -> Response:
    """Waits for the answer, but no longer than the limit, nor for a client that is gone."""
    steps = _prediction(target, body, repository, limits)
    future = queue.submit(steps, len(body))
    answer = asyncio.wrap_future(future)
    gone = asyncio.ensure_future(request.receive())
    try:
        waited: set[asyncio.Future[Any]] = {answer, gone}
        await asyncio.wait(waited, timeout=limits.rest_timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return Response(answer.result(), media_type="application/json")
        if gone.done():
            raise ClientDisconnect
        raise RequestError(
            grpc.StatusCode.DEADLINE_EXCEEDED, f"No answer within {limits.rest_timeout_seconds:g} seconds."
        )
    except asyncio.CancelledError:
        if not future.cancelled():
            raise
        raise RequestError(grpc.StatusCode.UNAVAILABLE, "The server is stopping.") from None
    finally:
        gone.cancel()
        answer.cancel()


def _prediction(target: _Target, body: bytes, repository: Repository, limits: Limits) -> Steps[bytes]:
    _, servable = repository.find(target.name, target.number(repository))
    asked = parse_request(body, servable, limits)
    outputs = yield from predict(servable, asked.signature_name, asked.inputs, (), limits)
    shaped = {"predictions": rows_of(outputs)} if asked.in_rows else {"outputs": columns_of(outputs)}
    return json.dumps(shaped, ensure_ascii=False).encode()


def _metadata(target: _Target, repository: Repository) -> Response:
    number, servable = repository.find(target.name, target.number(repository))
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signature_defs)
    return _json(
        {
            "model_spec": {"name": target.name, "signature_name": "", "version": str(number)},
            "metadata": {"signature_def": _as_dict(signatures)},
        }
    )


def _message(message: Any) -> Response:
    return _json(_as_dict(message))


def _as_dict(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _json(content: Any, status: int = 200) -> Response:
    # ASCII: a message may quote half a surrogate pair.
    return Response(json.dumps(content), status, media_type="application/json")


def _error(message: str, status: int) -> Response:
    return _json({"error": message}, status)
