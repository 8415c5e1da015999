"""The standard gRPC health service, on threads of its own: predictions never keep a probe waiting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from bert_tf.serving.server.grpc_services import MODEL_SERVICE, PREDICTION_SERVICE

_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health")
_SERVICES = ("", PREDICTION_SERVICE, MODEL_SERVICE)


class HealthService(health.HealthServicer):
    """SERVING while every model has a version that answers."""

    def __init__(self) -> None:
        super().__init__(experimental_non_blocking=True, experimental_thread_pool=_THREADS)

        def check(request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext) -> object:
            return health.HealthServicer.Check(self, request, context)

        check.experimental_thread_pool = _THREADS  # type: ignore[attr-defined]  # where gRPC looks for it
        self.Check = check

    def report(self, ready: bool) -> None:
        """Tells it of all services."""
        states = health_pb2.HealthCheckResponse
        for service in _SERVICES:
            self.set(service, states.SERVING if ready else states.NOT_SERVING)

    def add_to(self, server: grpc.Server) -> None:
        """Registers the service."""
        health_pb2_grpc.add_HealthServicer_to_server(self, server)
