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


class Protocol(HttpToolsProtocol):
    """HTTP that hands the transport to the application: a client that reads nothing is cut.

    So is one that connects and sends no whole request, or sends it byte by byte.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._headers_are_here()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}
        if self._late is None:
            self._expect_headers()

    def on_headers_complete(self) -> None:
        self._headers_are_here()
        super().on_headers_complete()

    def _expect_headers(self) -> None:
        self._late = self.loop.call_later(HEADER_SECONDS, self._hang_up)

    def _headers_are_here(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up(self) -> None:
        self._late = None
        # The request before this one may still be answered on the same connection.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            self._expect_headers()


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
