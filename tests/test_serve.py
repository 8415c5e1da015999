"""The flags of ``serve`` that are refused before TensorFlow is imported."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bert_tf import serve
from bert_tf.errors import UserError


@pytest.mark.parametrize(
    "flag",
    [
        *(f"--file_system_poll_wait_seconds={value}" for value in ("-1", "nan", "inf", "-inf", "1e400", "often", "")),
        *(f"--max_num_load_retries={value}" for value in ("-1", "1.5", "nan")),
        "--load_retry_interval_micros=-1",
        "--rest_api_timeout_in_ms=0",
        "--max_request_bytes=0",
        "--max_batch_size=-1",
        "--enable_serialization_as_tensor_content=perhaps",
        "--port=65536",
    ],
)
def test_flags_out_of_range(flag: str) -> None:
    with pytest.raises(UserError, match="must be"):
        serve.main(["--model_base_path", "nowhere", flag])


@pytest.mark.parametrize("taken", ["--port", "--rest_api_port", "both"])
def test_a_port_that_is_taken_is_one_message(tmp_path: Path, capfd: pytest.CaptureFixture[str], taken: str) -> None:
    from bert_tf.serving.server.model_server import ModelServer

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        if taken == "both":
            other.close()  # the two are the same
        flag = "--port" if taken == "both" else taken
        ports = {"--port": (port, 0), "--rest_api_port": (0, port), "both": (port, port)}[taken]
        with pytest.raises(UserError, match=f"^{flag} {port}: cannot be listened on"):
            ModelServer({"m": tmp_path}, port=ports[0], rest_api_port=ports[1])
    assert capfd.readouterr().err == ""
