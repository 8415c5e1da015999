"""A REST client of TF Serving's protocol. It needs neither TensorFlow nor a tokeniser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx
import numpy as np

from bert_tf.serving.client.answers import Classification, ServingError, retrying, text_columns

_RETRIED = {"429", "503", "UNREACHABLE"}


class RestClient:
    """Asks a model server over REST.

    Args:
        base_url: such as ``http://localhost:8501``.
        timeout: seconds that one attempt may take.
        attempts: attempts in all while the server is unreachable or overloaded, with growing pauses.
    """

    def __init__(self, base_url: str, *, timeout: float = 10.0, attempts: int = 4) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=timeout)
        self._retrying = retrying(_RETRIED, attempts)

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature_name: str | None = None,
        version: int | str | None = None,
    ) -> dict[str, list[Any]]:
        """Sends whole columns and returns the outputs by name.

        Args:
            model: name of the model.
            inputs: input name to a column of JSON values or an array; one text is a column of one row.
            signature_name: default ``serving_default``.
            version: number or label (such as ``"stable"``); default the newest.

        Raises:
            ServingError: the server refused, or could not be reached in time.
        """
        body: dict[str, Any] = {"inputs": {name: _column(values) for name, values in inputs.items()}}
        if signature_name is not None:
            body["signature_name"] = signature_name
        kind = "labels" if isinstance(version, str) else "versions"
        path = f"/v1/models/{model}{'' if version is None else f'/{kind}/{version}'}:predict"
        outputs = self._retrying(self._send, "POST", path, body)["outputs"]
        return outputs if isinstance(outputs, dict) else {"output": outputs}

    def classify(
        self, model: str, texts: str | Sequence[str], text_pairs: str | Sequence[str] | None = None
    ) -> list[Classification]:
        """Asks a classifier about one text, texts or pairs; there is an answer for each."""
        outputs = self.predict(model, text_columns(texts, text_pairs))
        return [
            Classification(label, score, tuple(probabilities))
            for label, score, probabilities in zip(
                outputs["label"], outputs["score"], outputs["probabilities"], strict=True
            )
        ]

    def status(self, model: str) -> dict[int, str]:
        """The state of each version, such as ``{1: "AVAILABLE"}``."""
        answer = self._retrying(self._send, "GET", f"/v1/models/{model}", None)
        return {int(entry["version"]): entry["state"] for entry in answer["model_version_status"]}

    def metadata(self, model: str) -> dict[str, Any]:
        """The signatures of a model as TF Serving describes them."""
        return self._retrying(self._send, "GET", f"/v1/models/{model}/metadata", None)["metadata"]

    def _send(self, method: str, path: str, body: Any) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.TimeoutException as error:
            raise ServingError("TIMEOUT", str(error)) from None
        except httpx.TransportError as error:
            raise ServingError("UNREACHABLE", str(error)) from None
        if response.is_success:
            return response.json()
        try:
            message = response.json()["error"]
        except (ValueError, KeyError, TypeError):
            message = response.text
        raise ServingError(str(response.status_code), message)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _column(values: Any) -> Any:
    """A column as JSON has it."""
    if isinstance(values, str):
        return [values]
    if isinstance(values, np.ndarray | np.generic):
        return values.tolist()
    return list(values) if isinstance(values, Iterable) and not isinstance(values, Mapping) else values
