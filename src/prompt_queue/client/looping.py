"""Doing, with asyncio: one aiohttp session, made when it is first needed."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import Any, Final, TypeVar

import aiohttp
from yarl import URL

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
_TROUBLE: Final = (aiohttp.ClientError, OSError)
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


class LoopingDoer:
    """Does what flows ask for, in one event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._session: aiohttp.ClientSession | None = None

    async def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""
        async with aclosing(_Line(self)) as line:
            with closing(flow):
                wanted = advance(flow)
                while not isinstance(wanted, Done):
                    wanted = await line.step(flow, wanted)
                result: T = wanted.value
                return result

    async def iterate(self, series: Series[T]) -> AsyncGenerator[T, None]:
        """What a series emits, as it comes."""
        async with aclosing(_Line(self)) as line:
            with closing(series):
                wanted = advance(series)
                while not isinstance(wanted, Done):
                    if isinstance(wanted, Emit):
                        yield wanted.item
                        wanted = advance(series)
                    else:
                        wanted = await line.step(series, wanted)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: Request) -> aiohttp.ClientResponse:
        """The head of an answer. Raises NoAnswer."""
        token: Any = self._address.token
        if callable(token):
            token = token()
            if inspect.isawaitable(token):
                token = await token
        headers = headers_of(request, token, self._address.act_for)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_NO_LIMIT, cookie_jar=aiohttp.DummyCookieJar()
            )
        url = URL(self._address.origin + self._address.target(request), encoded=True)
        try:
            return await self._session.request(
                request.method,
                url,
                data=request.body,
                headers=headers,
                allow_redirects=False,
            )
        except aiohttp.ClientConnectorError as error:
            raise self._no_answer(error, sent=False) from error
        except _TROUBLE as error:
            raise self._no_answer(error, sent=True) from error

    async def exchange(self, request: Request, seconds: float) -> Answer:
        """A whole answer. Raises NoAnswer."""
        try:
            async with asyncio.timeout(seconds):
                response = await self.send(request)
                async with response:
                    body = await response.read()
                    return Answer(response.status, _headers(response), body)
        except TimeoutError as error:
            raise self.late() from error
        except _TROUBLE as error:
            raise self._no_answer(error, sent=True) from error

    def late(self) -> NoAnswer:
        """The failure that says that time ran out."""
        return NoAnswer(f"{self._address.origin} did not answer in time", sent=True, late=True)

    def _no_answer(self, error: Exception, *, sent: bool) -> NoAnswer:
        said = str(error) or type(error).__name__
        return NoAnswer(f"{self._address.origin} gave no answer: {said}", sent=sent)


class _Line:
    """The stream of one series, if it has one open."""

    def __init__(self, doer: LoopingDoer) -> None:
        self._doer = doer
        self._open: aiohttp.ClientResponse | None = None

    async def step(self, flow: Generator[Any, Any, Any], deed: Any) -> Deed | Emit[Any] | Done:
        """Do it, tell the flow what came of it, and return what it wants next."""
        try:
            result = await self._do(deed)
        except (NoAnswer, Silence) as failure:
            return advance(flow, failure=failure)
        return advance(flow, result)

    async def _do(self, deed: Deed) -> Any:
        match deed:
            case Exchange(request, seconds):
                return await self._doer.exchange(request, seconds)
            case Pause(seconds):
                return await asyncio.sleep(seconds)
            case Open(request, seconds):
                return await self._start(request, seconds)
            case Read(seconds):
                return await self._read(seconds)
            case Close():
                return await self.aclose()

    async def aclose(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    async def _start(self, request: Request, seconds: float) -> Answer:
        await self.aclose()
        try:
            async with asyncio.timeout(seconds):
                self._open = await self._doer.send(request)
                body = b"" if self._open.status == 200 else await self._open.content.read(_CHUNK)
                return Answer(self._open.status, _headers(self._open), body)
        except TimeoutError as error:
            raise self._doer.late() from error
        except _TROUBLE as error:
            raise NoAnswer(str(error), sent=True) from error

    async def _read(self, seconds: float) -> bytes:
        if self._open is None:
            raise NoAnswer("the stream is closed", sent=True)
        try:
            async with asyncio.timeout(seconds):
                return await self._open.content.readany()
        except TimeoutError:
            raise Silence from None
        except _TROUBLE as error:
            raise NoAnswer(str(error) or type(error).__name__, sent=True) from error


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
