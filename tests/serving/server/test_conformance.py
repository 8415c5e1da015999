"""TF Serving's protocol, as the embedded server speaks it and, where there is one, the real server.

Set ``TF_SERVING_ADDRESS`` to ``HOST:GRPC_PORT,REST_PORT`` of a server that serves ``tiny_saved_model.py`` as ``tiny``
(versions 1 and 2 in one base path, version 1 labelled ``stable``), or have ``tensorflow_model_server`` on the PATH.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bert_tf.serving.client import GrpcClient, RestClient, ServingError
from bert_tf.serving.server import ModelServer
from tests.conftest import free_port
from tests.serving.server.embedded import Target, post, start_embedded, wait_until_available
from tests.serving.server.tiny_saved_model import write_version


def start_watching(base: Path) -> tuple[subprocess.Popen[bytes], Target]:
    flags = ["--model_name", "tiny", "--model_base_path", str(base), "--file_system_poll_wait_seconds", "0.2"]
    return start_embedded(*flags)


@pytest.fixture(scope="session")
def models_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of ``tiny``, both served, the older one labelled ``stable``."""
    base = tmp_path_factory.mktemp("models")
    for version in (1, 2):
        write_version(base / "tiny", version, offset=0.01 * version)
    config = base / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "tiny" base_path: "{base}/tiny" model_platform: "tensorflow" '
        'model_version_policy { all {} } version_labels { key: "stable" value: 1 } } }'
    )
    return config


@pytest.fixture(scope="session")
def embedded(models_config: Path) -> Iterator[Target]:
    process, target = start_embedded(f"--model_config_file={models_config}")
    yield target
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="session")
def real(models_config: Path) -> Iterator[Target]:
    address = os.environ.get("TF_SERVING_ADDRESS")
    if address:
        grpc_address, rest_port = address.split(",")
        yield Target(grpc_address, f"http://{grpc_address.split(':')[0]}:{rest_port}")
        return
    if shutil.which("tensorflow_model_server") is None:
        pytest.skip("no tensorflow_model_server on the PATH and no TF_SERVING_ADDRESS")
    ports = free_port(), free_port()
    argv = ["tensorflow_model_server", f"--model_config_file={models_config}"]
    argv += [f"--port={ports[0]}", f"--rest_api_port={ports[1]}", "--allow_version_labels_for_unavailable_models=true"]
    process = subprocess.Popen(argv)
    target = Target(f"127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
    wait_until_available(target)
    yield target
    process.terminate()
    process.wait(20)


@pytest.fixture(params=["embedded", "real"])
def target(request: pytest.FixtureRequest) -> Target:
    return request.getfixturevalue(request.param)


def test_status_over_both_protocols(target: Target) -> None:
    with RestClient(target.rest_url) as rest, GrpcClient(target.grpc_address) as rpc:
        assert rest.status("tiny") == rpc.status("tiny") == {1: "AVAILABLE", 2: "AVAILABLE"}


def test_metadata_names_inputs_and_outputs(target: Target) -> None:
    with RestClient(target.rest_url) as rest:
        signature = rest.metadata("tiny")["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["text"]["dtype"] == "DT_STRING"
    assert set(signature["outputs"]) == {"label", "score", "probabilities"}


def test_both_clients_give_equal_typed_answers(target: Target) -> None:
    texts = ["很好", "bad", "", "😀 good\n", "x" * 100_000]
    with RestClient(target.rest_url) as rest, GrpcClient(target.grpc_address) as rpc:
        over_rest, over_grpc = rest.classify("tiny", texts), rpc.classify("tiny", texts)
    assert [answer.label for answer in over_rest] == ["positive", "negative", "negative", "positive", "negative"]
    for a, b in zip(over_rest, over_grpc, strict=True):
        assert a.label == b.label
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-6)


def test_row_format(target: Target) -> None:
    for rows in (
        ["很好", "bad"],
        [{"text": "很好"}, {"text": "bad"}],
        [{"b64": base64.b64encode("很好".encode()).decode()}, "bad"],
    ):
        predictions = post(target, {"instances": rows}).json()["predictions"]
        assert [row["label"] for row in predictions] == ["positive", "negative"]


def test_column_format_and_named_signature(target: Target) -> None:
    body = {"signature_name": "add", "inputs": {"x": [[1, 2.5]], "n": 3}}
    assert post(target, body).json() == {"outputs": [[4.0, 5.5]]}


def test_a_chosen_version_answers(target: Target) -> None:
    with GrpcClient(target.grpc_address) as rpc:
        scores = [rpc.predict("tiny", {"text": ["bad"]}, version=v)["probabilities"][0, 1] for v in (1, 2)]
        newest = rpc.predict("tiny", {"text": ["bad"]})["probabilities"][0, 1]
    np.testing.assert_allclose(scores, [0.11, 0.12], atol=1e-6)
    assert newest == scores[1]


def test_a_label_stands_for_a_version(target: Target) -> None:
    with RestClient(target.rest_url) as rest, GrpcClient(target.grpc_address) as rpc:
        for client in (rest, rpc):
            stable = np.array(client.predict("tiny", {"text": ["bad"]}, version="stable")["probabilities"])
            assert stable[0, 1] == pytest.approx(0.11, abs=1e-6)
            with pytest.raises(ServingError):
                client.predict("tiny", {"text": ["bad"]}, version="canary")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"instances": ["a"', 400),
        ("[1]", 400),
        ('{"instances": []}', 400),
        ("{}", 400),
        ('{"instances": [1]}', 400),
        ('{"inputs": {"wrong": ["a"]}}', 400),
        ('{"signature_name": "nix", "instances": ["a"]}', 400),
        ('{"signature_name": "add", "inputs": {"x": [[1, 2], [3]], "n": 1}}', 400),
        ('{"signature_name": "add", "inputs": {"x": [["a", "b"]], "n": 1}}', 400),
    ],
)
def test_bad_requests_are_refused_with_a_reason(target: Target, body: str, status: int) -> None:
    response = post(target, body)
    assert response.status_code == status
    assert response.json()["error"]


def test_unknown_models_and_versions_are_not_found(target: Target) -> None:
    assert post(target, {"instances": ["a"]}, "nix").status_code == 404
    assert post(target, {"instances": ["a"]}, "tiny/versions/9").status_code == 404
    assert httpx.get(f"{target.rest_url}/v1/models/nix").status_code == 404
    with GrpcClient(target.grpc_address) as rpc:
        for version in (None, 9):
            with pytest.raises(ServingError, match="NOT_FOUND"):
                rpc.predict("tiny" if version else "nix", {"text": ["a"]}, version=version)


def test_wrong_names_and_dtypes_over_grpc(target: Target) -> None:
    with GrpcClient(target.grpc_address) as rpc:
        for inputs in ({"wrong": ["a"]}, {"text": [1.0]}, {}):
            with pytest.raises(ServingError, match="INVALID_ARGUMENT"):
                rpc.predict("tiny", inputs)
        with pytest.raises(ServingError, match="FAILED_PRECONDITION"):
            rpc.predict("tiny", {"text": ["a"]}, signature_name="nix")


def test_fifty_parallel_clients_get_their_own_answers(target: Target) -> None:
    def ask(number: int) -> bool:
        texts = ["good" if (number >> bit) & 1 else "bad" for bit in range(6)]
        expected = ["positive" if text == "good" else "negative" for text in texts]
        with RestClient(target.rest_url) as rest, GrpcClient(target.grpc_address) as rpc:
            answers = [client.classify("tiny", texts) for client in (rest, rpc)]
        return all([answer.label for answer in one] == expected for one in answers)

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(ask, range(50)))


# What follows is about the embedded server alone: its limits, its reloading and its end.


def test_oversized_body(embedded: Target) -> None:
    assert post(embedded, b"x" * (65 * 2**20)).status_code == 413


def test_wrong_method(target: Target) -> None:
    response = httpx.get(f"{target.rest_url}/v1/models/tiny:predict")
    assert response.status_code == 400
    assert response.json()["error"] == "Malformed request: GET /v1/models/tiny:predict"


def test_standard_health_service(embedded: Target) -> None:
    with grpc.insecure_channel(embedded.grpc_address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_hot_reload_broken_version_and_graceful_stop(tmp_path: Path) -> None:
    write_version(tmp_path, 1, offset=0.01)
    process, target = start_watching(tmp_path)
    with RestClient(target.rest_url) as rest:
        write_version(tmp_path, 2, offset=0.02)
        deadline = time.monotonic() + 30
        while rest.status("tiny") != {1: "END", 2: "AVAILABLE"}:
            assert time.monotonic() < deadline
            assert rest.classify("tiny", ["good"])[0].label == "positive"
        (tmp_path / "3").mkdir()
        (tmp_path / "3" / "saved_model.pb").write_bytes(b"no model")
        while rest.status("tiny").get(3) != "END":
            assert time.monotonic() < deadline
        assert rest.predict("tiny", {"text": ["bad"]})["probabilities"][0][1] == pytest.approx(0.12, abs=1e-6)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_health_follows_the_models(tmp_path: Path) -> None:
    """A server may start before its first model; it serves from when the model is there until it stops."""
    with (
        ModelServer({"tiny": tmp_path}, port=0, rest_api_port=0, poll_seconds=0.1) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)

        def state() -> int:
            return health.Check(health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")).status

        assert state() == health_pb2.HealthCheckResponse.NOT_SERVING
        write_version(tmp_path, 1)
        deadline = time.monotonic() + 30
        while state() != health_pb2.HealthCheckResponse.SERVING:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_deadline_ends_the_waiting() -> None:
    """A socket that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with RestClient(f"http://127.0.0.1:{port}", timeout=0.2) as rest, pytest.raises(ServingError, match="TIMEOUT"):
            rest.status("tiny")
        with (
            GrpcClient(f"127.0.0.1:{port}", timeout=0.2) as rpc,
            pytest.raises(ServingError, match="DEADLINE_EXCEEDED"),
        ):
            rpc.status("tiny")


def test_client_waits_for_a_server_that_starts_late(tmp_path: Path) -> None:
    with RestClient(f"http://127.0.0.1:{free_port()}", attempts=2) as rest:
        started = time.monotonic()
        with pytest.raises(ServingError, match="UNREACHABLE"):
            rest.status("tiny")
    assert time.monotonic() - started >= 0.1
