"""GET /metrics of a worker: a port that no slow or silent client can hold up.

Each connection is one question, has five seconds for all of it, and there are sixteen at most. What
is asked beyond the first line is not read, so nothing that a client sends decides anything.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST

from prompt_queue.telemetry import Event, log

QUESTION_SECONDS = 5.0
MOST_CONNECTIONS = 16
_MOST_BYTES = 8192
_TEXT = "text/plain; charset=utf-8"


class MetricsPort:
    """Answers on a port from `read`, which gives the text of a scrape."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._open = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its question to its end."""
        if self._open >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._open += 1
        try:
            async with asyncio.timeout(QUESTION_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open -= 1
            # Nothing where it is closed by now; a reader who takes nothing is cut.
            writer.transport.abort()

    def _answer(self, head: bytes) -> bytes:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _reply("400 Bad Request", b"This is a port for Prometheus.\n")
        method, target, _ = words
        if target.split(b"?", 1)[0] != b"/metrics":
            return _reply("404 Not Found", b"There is /metrics here.\n")
        if method != b"GET":
            return _reply("405 Method Not Allowed", b"Ask with GET.\n", "Allow: GET\r\n")
        return _reply("200 OK", self._read(), kind=CONTENT_TYPE_LATEST)


def _reply(status: str, body: bytes, more: str = "", kind: str = _TEXT) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\n{more}\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def metrics_port(
    host: str, port: int | None, read: Callable[[], bytes]
) -> AsyncIterator[int | None]:
    """The port that answers, until the end of the block; 0 takes any that is free.

    None where none was asked for, and where it is not to be had: work goes on without it.
    """
    if port is None:
        yield None
        return
    try:
        server = await asyncio.start_server(
            MetricsPort(read).handle, host, port, limit=_MOST_BYTES, backlog=MOST_CONNECTIONS
        )
    except OSError as error:
        reason = "another process has it" if error.errno == errno.EADDRINUSE else error.strerror
        log(
            Event.METRICS_UNAVAILABLE,
            level="warning",
            host=host,
            port=port,
            reason=f"{reason}; this worker has no metrics port",
        )
        yield None
        return
    bound = int(server.sockets[0].getsockname()[1])
    log(Event.METRICS_LISTENING, host=host, port=bound)
    try:
        yield bound
    finally:
        server.close()
