"""What one request, and all of them together, may cost the server."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

from bert_tf.serving.server.request_error import exhausted


@dataclass(frozen=True)
class Limits:
    """Bounds of the server's work and memory.

    Attributes:
        max_request_bytes: largest request, and largest tensor of one.
        max_rows: most rows (size of the first dimension) of an input.
        max_string_bytes: longest string of an input.
        max_json_values: most values (numbers, strings, lists, objects) of a JSON body.
        max_batch_size: rows that the model gets at a time; 0: always the whole request.
        max_batch_bytes: a batch of strings ends earlier once it holds so many bytes.
        max_queued_requests: predictions that wait or run; one more is refused.
        max_queued_bytes: bytes of all requests that are read, wait or run.
        threads: batches that run at a time.
        rest_timeout_seconds: a REST request that takes longer is answered with 504.
        client_timeout_seconds: a client that takes longer to send a request, or to read an answer, is cut off.
    """

    max_request_bytes: int = 64 * 2**20
    max_rows: int = 100_000
    max_string_bytes: int = 4 * 2**20
    max_json_values: int = 4_000_000
    max_batch_size: int = 64
    max_batch_bytes: int = 2**19
    max_queued_requests: int = 256
    max_queued_bytes: int = 256 * 2**20
    threads: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    rest_timeout_seconds: float = 30.0
    client_timeout_seconds: float = 30.0


class ByteBudget:
    """Bytes of the requests that are in the server at a time.

    Args:
        total: most bytes.
    """

    def __init__(self, total: int) -> None:
        self._free = total
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Reserves bytes.

        Raises:
            RequestError: there are not so many left.
        """
        with self._lock:
            if count > self._free:
                raise exhausted("The server holds too many bytes of requests at the moment. Try again later.")
            self._free -= count

    def give_back(self, count: int) -> None:
        """Frees bytes that were taken."""
        with self._lock:
            self._free += count
