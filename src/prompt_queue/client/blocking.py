"""Doing, without asyncio: the standard library's HTTP, safe to share between threads."""

import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final, TypeVar

from prompt_queue.client.address import Address, headers_of
from prompt_queue.client.exchange import (
    Answer,
    Close,
    Deed,
    Done,
    Emit,
    Exchange,
    Flow,
    NoAnswer,
    Open,
    Pause,
    Read,
    Request,
    Series,
    Silence,
    advance,
)

T = TypeVar("T")
_CHUNK: Final = 64 * 1024
_MOST_IDLE: Final = 8
_MOST_BYTES: Final = 64 * 1024 * 1024
_TROUBLE: Final = (OSError, HTTPException)


class BlockingDoer:
    """Does what flows ask for. Connections are kept and used again."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: deque[HTTPConnection] = deque()
        self._lock = threading.Lock()
        self._tls = ssl.create_default_context() if address.scheme == "https" else None
        self._closed = False

    def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""
        with closing(_Line(self)) as line, closing(flow):
            wanted = advance(flow)
            while not isinstance(wanted, Done):
                wanted = line.step(flow, wanted)
            result: T = wanted.value
            return result

    def iterate(self, series: Series[T]) -> Iterator[T]:
        """What a series emits, as it comes."""
        with closing(_Line(self)) as line, closing(series):
            wanted = advance(series)
            while not isinstance(wanted, Done):
                if isinstance(wanted, Emit):
                    yield wanted.item
                    wanted = advance(series)
                else:
                    wanted = line.step(series, wanted)

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it is done."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.popleft().close()

    def send(
        self, request: Request, seconds: float, *, fresh: bool
    ) -> tuple[HTTPConnection, socket.socket, HTTPResponse]:
        """The head of an answer. Raises NoAnswer."""
        token = self._address.token
        said = token() if callable(token) else token
        if said is not None and not isinstance(said, str):
            raise TypeError("this token needs await; use AsyncPromptQueue")
        headers = headers_of(request, said, self._address.act_for)
        connection = (None if fresh else self._take()) or self._make(seconds)
        sent = False
        try:
            if connection.sock is None:
                connection.connect()
            sock = connection.sock
            sock.settimeout(seconds)
            sent = True
            target = self._address.target(request)
            connection.request(request.method, target, request.body, headers)
            return connection, sock, connection.getresponse()
        except _TROUBLE as error:
            connection.close()
            raise _no_answer(error, self._address, sent=sent) from error
        except BaseException:
            connection.close()
            raise

    def give_back(self, connection: HTTPConnection) -> None:
        """A connection whose answer was read to the end."""
        with self._lock:
            if not self._closed and len(self._idle) < _MOST_IDLE and connection.sock is not None:
                self._idle.append(connection)
                return
        connection.close()

    def exchange(self, request: Request, seconds: float) -> Answer:
        """A whole answer. Raises NoAnswer."""
        end = time.monotonic() + seconds
        # One that may not be repeated does not risk a connection that the server is closing.
        connection, sock, response = self.send(request, seconds, fresh=not request.repeatable)
        kept = False
        try:
            body = bytearray()
            while chunk := response.read1(_CHUNK):
                body += chunk
                sock.settimeout(max(end - time.monotonic(), 0.01))
                if len(body) > _MOST_BYTES:
                    raise HTTPException("the answer does not end")
            kept = response.isclosed() and not response.will_close
            return Answer(response.status, _headers(response), bytes(body))
        except _TROUBLE as error:
            raise _no_answer(error, self._address, sent=True) from error
        finally:
            response.close()
            if kept:
                self.give_back(connection)
            else:
                connection.close()

    def _take(self) -> HTTPConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not _is_readable(connection.sock):
                return connection
            connection.close()

    def _make(self, seconds: float) -> HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._tls is not None:
            return HTTPSConnection(host, port, timeout=seconds, context=self._tls)
        return HTTPConnection(host, port, timeout=seconds)


class _Line:
    """The stream of one series, if it has one open."""

    def __init__(self, doer: BlockingDoer) -> None:
        self._doer = doer
        self._open: tuple[HTTPConnection, socket.socket, HTTPResponse] | None = None

    def step(self, flow: Generator[Any, Any, Any], deed: Any) -> Deed | Emit[Any] | Done:
        """Do it, tell the flow what came of it, and return what it wants next."""
        try:
            result = self._do(deed)
        except (NoAnswer, Silence) as failure:
            return advance(flow, failure=failure)
        return advance(flow, result)

    def _do(self, deed: Deed) -> Any:
        match deed:
            case Exchange(request, seconds):
                return self._doer.exchange(request, seconds)
            case Pause(seconds):
                return time.sleep(seconds) if seconds > 0 else None
            case Open(request, seconds):
                return self._start(request, seconds)
            case Read(seconds):
                return self._read(seconds)
            case Close():
                return self.close()

    def close(self) -> None:
        if self._open is not None:
            connection, _, response = self._open
            self._open = None
            response.close()
            connection.close()

    def _start(self, request: Request, seconds: float) -> Answer:
        self.close()
        self._open = self._doer.send(request, seconds, fresh=True)
        response = self._open[2]
        if response.status == 200:
            return Answer(200, _headers(response))
        try:
            return Answer(response.status, _headers(response), response.read(_CHUNK))
        except _TROUBLE as error:
            raise NoAnswer(_said(error), sent=True) from error

    def _read(self, seconds: float) -> bytes:
        if self._open is None:
            raise NoAnswer("the stream is closed", sent=True)
        _, sock, response = self._open
        try:
            sock.settimeout(seconds)
            return response.read1(_CHUNK)
        except TimeoutError:
            raise Silence from None
        except _TROUBLE as error:
            raise NoAnswer(_said(error), sent=True) from error


def _headers(response: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _is_readable(sock: socket.socket) -> bool:
    """Before a request there is nothing to read: readable means that the server has hung up."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _no_answer(error: Exception, address: Address, *, sent: bool) -> NoAnswer:
    late = isinstance(error, TimeoutError)
    what = "did not answer in time" if late else f"gave no answer: {_said(error)}"
    return NoAnswer(f"{address.origin} {what}", sent=sent, late=late)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
