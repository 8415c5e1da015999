"""The server as an object: starts, serves gRPC and REST, stops gracefully."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import grpc
import uvicorn

from bert_tf.errors import UserError
from bert_tf.serving.server.grpc_services import generic_handlers
from bert_tf.serving.server.health_service import HealthService
from bert_tf.serving.server.limits import ByteBudget, Limits
from bert_tf.serving.server.model_config import ServedModel
from bert_tf.serving.server.repository import Repository, Retries
from bert_tf.serving.server.rest_api import build_app
from bert_tf.serving.server.rest_connection import protocol_with_timeouts
from bert_tf.serving.server.work_queue import WorkQueue

_SPARE_GRPC_THREADS = 16
_WANTED_OPEN_FILES = 2**16


class ModelServer:
    """Serves models over gRPC and REST until it is closed.

    Args:
        models: model name to the directory that holds its version directories, or to a ``ServedModel``.
        port: of gRPC; 0 takes a free one.
        rest_api_port: of REST; 0 takes a free one.
        host: address to listen on.
        poll_seconds: time between two looks for new versions; 0: look once.
        retries: of versions that cannot be loaded.
        limits: of one request and of all together.
        enable_serialization_as_tensor_content: numeric gRPC outputs as ``tensor_content`` instead of typed fields.

    Example:
    ```python
    with ModelServer({"sentiment": Path("exported/sentiment")}, port=0, rest_api_port=0) as server:
        print(server.port, server.rest_api_port)
    ```
    """

    def __init__(
        self,
        models: Mapping[str, Path | ServedModel],
        *,
        port: int = 8500,
        rest_api_port: int = 8501,
        host: str = "127.0.0.1",
        poll_seconds: float = 1.0,
        retries: Retries | None = None,
        limits: Limits | None = None,
        enable_serialization_as_tensor_content: bool = False,
    ) -> None:
        served = {n: model if isinstance(model, ServedModel) else ServedModel(model) for n, model in models.items()}
        limits = limits or Limits()
        _raise_open_files()
        self._closing = False
        self._health = HealthService()
        self.repository = Repository(served, poll_seconds=poll_seconds, retries=retries, on_change=self._report_health)
        self._queue = WorkQueue(limits.threads, limits.max_queued_requests)
        budget = ByteBudget(limits.max_queued_bytes)
        self._socket = _listen("--rest_api_port", host, rest_api_port)
        try:
            _listen("--port", host, port).close()  # gRPC would write a line of its own to stderr
        except UserError:
            self._socket.close()
            raise
        self.rest_api_port: int = self._socket.getsockname()[1]
        self._grpc = grpc.server(
            # Each waiting prediction holds a thread; the others are for what is answered at once.
            ThreadPoolExecutor(max_workers=limits.max_queued_requests + _SPARE_GRPC_THREADS),
            options=[("grpc.max_receive_message_length", limits.max_request_bytes), ("grpc.so_reuseport", 0)],
        )
        self._health.add_to(self._grpc)
        as_content = enable_serialization_as_tensor_content
        self._grpc.add_generic_rpc_handlers(
            generic_handlers(self.repository, self._queue, budget, limits, as_content=as_content)
        )
        try:
            self.port: int = self._grpc.add_insecure_port(f"{host}:{port}")
        except RuntimeError:
            self._socket.close()
            raise UserError(f"--port {port}: cannot be listened on (is another server running?).") from None
        config = uvicorn.Config(
            build_app(self.repository, self._queue, budget, limits),
            http=protocol_with_timeouts(limits.client_timeout_seconds),
            ws="none",
            lifespan="off",
            log_level="error",  # a client's broken request is no news of the server
            access_log=False,
        )
        self._rest = uvicorn.Server(config)
        self._rest_thread = threading.Thread(target=self._rest.run, args=([self._socket],), name="rest", daemon=True)

    def start(self) -> None:
        """Loads the models, then opens both doors. A model without a version that can be loaded may get one later.

        Raises:
            UserError: no base path of any model can be read.
        """
        try:
            self.repository.start()
        except UserError:
            self._socket.close()
            self._queue.close()
            raise
        self._grpc.start()
        self._rest_thread.start()
        while not self._rest.started and self._rest_thread.is_alive():
            time.sleep(0.01)

    def close(self, grace_seconds: float = 10.0) -> None:
        """Reports NOT_SERVING, lets running requests finish, and stops."""
        self._closing = True
        self._report_health(False)
        self._rest.should_exit = True
        self._grpc.stop(grace_seconds).wait()
        self._rest_thread.join(grace_seconds)
        self._queue.close()
        self._socket.close()
        self.repository.close()

    def __enter__(self) -> ModelServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _report_health(self, ready: bool) -> None:
        self._health.report(ready and not self._closing)


def _listen(flag: str, host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), backlog=512)
        # Connections inherit it; without it, head and body of an answer are 40 ms apart.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise UserError(f"{flag} {port}: cannot be listened on ({error.strerror}).") from None


def _raise_open_files() -> None:
    """Each connection is an open file; a shell allows 1,024 of them unless it is asked for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
