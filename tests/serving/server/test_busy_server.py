"""A server with more to do than it can: it says so, stays within its time, and is healthy all the while."""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Iterator

import grpc
import httpx
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.serving.server.embedded import Target, post, start_embedded
from tests.serving.server.tiny_saved_model import write_echo

ONE_SECOND = 100_000  # steps of the signature "count", about


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    base = tmp_path_factory.mktemp("busy")
    write_echo(base)
    process, target = start_embedded(
        "--model_name=tiny",
        f"--model_base_path={base}",
        "--prediction_threads=2",
        "--max_queued_requests=10",
        "--rest_api_timeout_in_ms=500",
        "--client_timeout_in_ms=500",
        "--enable_serialization_as_tensor_content",
    )
    yield target
    assert process.poll() is None
    process.kill()
    process.wait(20)


def count(steps: int) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "tiny", "count"
    request.inputs["steps"].CopyFrom(tf.make_tensor_proto([steps], dtype=tf.int32))
    return request


def wait_until_idle(target: Target) -> None:
    deadline = time.monotonic() + 60
    while post(target, {"instances": ["a"]}).status_code != 200:
        assert time.monotonic() < deadline


def test_slow_clients_are_cut_off(busy: Target) -> None:
    host, port = busy.rest_url.removeprefix("http://").split(":")
    half = b"POST /v1/models/tiny:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"
    for start in (b"", b"GET /v1", half):
        with socket.create_connection((host, int(port)), 20) as connection:
            connection.sendall(start)
            received = b""
            while chunk := connection.recv(1000):
                received += chunk
        assert received.startswith(b"HTTP/1.1 408"), start


def test_a_connection_is_kept_between_requests(busy: Target) -> None:
    with httpx.Client(base_url=busy.rest_url) as client:
        for _ in range(3):
            assert client.get("/v1/models/tiny").status_code == 200
            time.sleep(0.6)


def test_a_prediction_that_takes_too_long(busy: Target) -> None:
    started = time.monotonic()
    response = post(busy, {"signature_name": "count", "inputs": [2 * ONE_SECOND]})
    assert response.status_code == 504
    assert response.json() == {"error": "No answer within 0.5 seconds."}
    assert time.monotonic() - started < 10
    wait_until_idle(busy)
    with grpc.insecure_channel(busy.grpc_address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(count(2 * ONE_SECOND), timeout=0.3)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        wait_until_idle(busy)
        answer = stub.Predict(count(5), timeout=20).outputs["steps"]
    assert answer.tensor_content
    assert tf.make_ndarray(answer).tolist() == [5]


# The last test: these predictions end with the server.
def test_health_and_refusals_while_predictions_fill_the_queue(busy: Target) -> None:
    with grpc.insecure_channel(busy.grpc_address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        health = health_pb2_grpc.HealthStub(channel)
        ended: queue.Queue[grpc.Future] = queue.Queue()
        calls = [stub.Predict.future(count(1000 * ONE_SECOND), timeout=60) for _ in range(30)]
        for call in calls:
            call.add_done_callback(ended.put)
        refused = [ended.get(timeout=20) for _ in range(20)]
        for service in ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"):
            started = time.monotonic()
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            assert time.monotonic() - started < 4
        assert httpx.get(f"{busy.rest_url}/v1/models/tiny", timeout=5).status_code == 200
        # What an earlier test left behind may still have held a place, which the first request takes.
        assert 429 in [post(busy, {"instances": ["a"]}).status_code for _ in range(2)]
        while not ended.empty():
            refused.append(ended.get())
        assert len(refused) < 30
        assert {call.code() for call in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        for call in calls:
            call.cancel()
