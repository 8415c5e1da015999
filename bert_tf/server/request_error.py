"""A request that cannot be answered, with the status code that TF Serving gives it."""

from __future__ import annotations

import grpc

_HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.FAILED_PRECONDITION: 412,
    grpc.StatusCode.UNAVAILABLE: 503,
}


class RequestError(Exception):
    """Args: the gRPC status code, and what the client is told."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def http_status(self) -> int:
        """The HTTP status that TF Serving maps the code to."""
        return _HTTP_STATUS.get(self.code, 500)
