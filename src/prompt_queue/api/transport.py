"""The HTTP server under the application: connections, signals, and how it stops."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prompt_queue.api.streams import TRANSPORT

HEADER_SECONDS = 15.0
"""How long the first line and the headers of a request may take to arrive."""

MOST_HEADER_BYTES = 64 * 1024
"""How large they may be together, and the trailer of a body."""

TAKING_SECONDS = 15.0
"""A client that has an answer waiting takes LEAST_TAKEN of it in so many seconds, or all of it."""

LEAST_TAKEN = 16 * 1024
"""Bytes."""

_TOO_LARGE = b"The headers are too large."
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_TOO_LARGE), _TOO_LARGE)
)


class Protocol(HttpToolsProtocol):
    """HTTP that hands the transport to the application: a client that reads nothing is cut.

    So is one that connects and sends no whole request, or sends it byte by byte, whether it is the
    first of the connection or comes after an answer. What comes behind a body is no header.
    """

    _late: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _is_in_headers = False
    _is_in_message = False
    _brought_body = False
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._headers_are_here()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._brought_body = False
        super().data_received(data)
        if self._brought_body:
            self._header_bytes = 0
        elif self._is_in_message:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self.transport.write(_REFUSAL)
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}
        self._is_in_headers = self._is_in_message = True
        self._header_bytes = 0
        if self._late is None:
            self._expect_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        # The fields of a trailer are called back as well; whoever stands before us checks none.
        if self._is_in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._headers_are_here()
        self._header_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._brought_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._stuck is None and self.transport.get_write_buffer_size():
            self._expect_taking()
        # Whatever comes now, the rest of a body or a blank line, is no request.
        if self.cycle.response_complete and self._late is None and not self.transport.is_closing():
            self._expect_headers()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._expect_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _expect_headers(self) -> None:
        self._late = self.loop.call_later(HEADER_SECONDS, self._hang_up)

    def _headers_are_here(self) -> None:
        self._is_in_headers = False
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up(self) -> None:
        self._late = None
        is_answered = self.cycle is None or self.cycle.response_complete
        # The request before this one may still be answered on the same connection.
        if is_answered and not self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self._expect_headers()

    def _expect_taking(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(TAKING_SECONDS, self._look_at_taking, waiting)

    def _look_at_taking(self, waited: int) -> None:
        self._stuck = None
        waiting = self.transport.get_write_buffer_size()
        if waiting and waited - waiting < LEAST_TAKEN:
            self.transport.abort()
        elif waiting:
            self._expect_taking()


class Server(uvicorn.Server):
    """Uvicorn that lets waiting requests go before it waits for them, and returns on a signal."""

    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The inherited one raises the signal once more at the end, and would skip clean-up."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer what is waiting, give the rest its grace."""
        self._before_shutdown()
        await super().shutdown(sockets)
