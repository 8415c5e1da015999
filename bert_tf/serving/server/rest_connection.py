"""HTTP connections that end when the client is too slow: uvicorn itself waits for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_with_timeouts(seconds: float) -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol, which gives a client so long to send a request and to read an answer."""

    class TimedProtocol(H11Protocol):
        _reading: asyncio.TimerHandle | None = None
        _writing: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch_reading()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch_reading()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch_reading()

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._reading, self._writing):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._writing = self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            if self._writing is not None:
                self._writing.cancel()
            super().resume_writing()

        def _watch_reading(self) -> None:
            """One timer from the first byte of a request, or the connection, to the request's last byte."""
            waits = self.conn.their_state is h11.SEND_BODY or (
                self.conn.their_state is h11.IDLE and (self.cycle is None or bool(self.conn.trailing_data[0]))
            )
            if not waits and self._reading is not None:
                self._reading.cancel()
                self._reading = None
            elif waits and self._reading is None:
                self._reading = self.loop.call_later(seconds, self._too_slow)

        def _too_slow(self) -> None:
            if self.conn.their_state is h11.IDLE or not self.cycle.response_started:
                body = b'{"error": "The request was not complete in time."}'
                head = f"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
                self.transport.write(f"{head}content-type: application/json\r\n\r\n".encode() + body)
            self.transport.close()

    return TimedProtocol
