"""The embedded server as a process of its own, for tests that ask it over the wire."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

import httpx

from tests.conftest import free_port


@dataclass
class Target:
    """Where a server listens."""

    grpc_address: str
    rest_url: str


def wait_until_available(target: Target, seconds: float = 180) -> None:
    """Returns once the model ``tiny`` answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if "AVAILABLE" in httpx.get(f"{target.rest_url}/v1/models/tiny").text:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError(target)


def start_embedded(*flags: str) -> tuple[subprocess.Popen[bytes], Target]:
    """Starts ``bert_tf.serve`` on free ports and waits for it."""
    ports = free_port(), free_port()
    argv = [sys.executable, "-m", "bert_tf.serve", "--port", str(ports[0]), "--rest_api_port", str(ports[1])]
    process = subprocess.Popen([*argv, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    target = Target(f"127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
    wait_until_available(target)
    return process, target


def post(target: Target, body: object, path: str = "tiny") -> httpx.Response:
    """Asks for a prediction; text and bytes are sent as they are, everything else as JSON."""
    kind = "content" if isinstance(body, str | bytes) else "json"
    return httpx.post(f"{target.rest_url}/v1/models/{path}:predict", **{kind: body}, timeout=30)
