"""The states of a model's versions as the protocol's message, for both doors."""

from __future__ import annotations

from typing import Any

from tensorflow_serving.apis import get_model_status_pb2

from bert_tf.serving.server.repository import Repository

_UNKNOWN_ERROR = 2


def status_response(
    repository: Repository, name: str, version: int | None
) -> get_model_status_pb2.GetModelStatusResponse:
    """The states of one version or of all.

    Raises:
        RequestError: there is no such model or version.
    """
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state in repository.status(name, version).items():
        entry: Any = response.model_version_status.add(version=number, state=state.state)
        entry.status.error_code = _UNKNOWN_ERROR if state.error else 0
        entry.status.error_message = state.error
    return response
