"""The server as an object: starts, serves gRPC and REST, stops gracefully."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import grpc
import uvicorn
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from bert_tf.errors import UserError
from bert_tf.server.grpc_services import ModelService, PredictionService
from bert_tf.server.model_config import ServedModel
from bert_tf.server.repository import Repository
from bert_tf.server.rest_api import build_app

_SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")


class ModelServer:
    """Serves models over gRPC and REST until it is closed.

    Args:
        models: model name to the directory that holds its version directories, or to a ``ServedModel``.
        port: of gRPC; 0 takes a free one.
        rest_api_port: of REST; 0 takes a free one.
        host: address to listen on.
        poll_seconds: time between two looks for new versions.
        max_body_bytes: largest request.

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
        max_body_bytes: int = 64 * 2**20,
    ) -> None:
        served = {n: model if isinstance(model, ServedModel) else ServedModel(model) for n, model in models.items()}
        for name, model in served.items():
            if not model.base_path.is_dir():
                raise UserError(f"--model_base_path {model.base_path}: there is no such directory (model {name}).")
        self._closing = False
        self.repository = Repository(served, poll_seconds=poll_seconds, on_change=self._report_health)
        self._socket = _listen(host, rest_api_port)
        self.rest_api_port: int = self._socket.getsockname()[1]
        options = [("grpc.max_receive_message_length", max_body_bytes), ("grpc.so_reuseport", 0)]
        self._grpc = grpc.server(ThreadPoolExecutor(max_workers=16), options=options)
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(self.repository), self._grpc
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.repository), self._grpc)
        try:
            self.port: int = self._grpc.add_insecure_port(f"{host}:{port}")
        except RuntimeError:
            self._socket.close()
            raise UserError(f"--port {port}: cannot be listened on (is another server running?).") from None
        app = build_app(self.repository, max_body_bytes)
        config = uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False)
        self._rest = uvicorn.Server(config)
        self._rest_thread = threading.Thread(target=self._rest.run, args=([self._socket],), name="rest", daemon=True)

    def start(self) -> None:
        """Loads the models, then opens both doors. A model without a version that can be loaded may get one later."""
        self.repository.start()
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
        self._socket.close()
        self.repository.close()

    def __enter__(self) -> ModelServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _report_health(self, ready: bool) -> None:
        states = health_pb2.HealthCheckResponse
        for service in _SERVICES:
            self._health.set(service, states.SERVING if ready and not self._closing else states.NOT_SERVING)


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), backlog=512)
        # Connections inherit it; without it, head and body of an answer are 40 ms apart.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise UserError(f"--rest_api_port {port}: cannot be listened on ({error.strerror}).") from None
