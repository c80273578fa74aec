"""The only place where outbound HTTP sessions are made.

Two kinds: for addresses that users give, checked at the socket against what the name resolved to,
and for a provider, trusted by its exact origin.
"""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from prompt_queue.guards.addresses import is_public_text
from prompt_queue.guards.urls import PictureUrl, UrlRefused, parse_picture_url
from prompt_queue.jobs.errors import BadInput, Transient

MOST_PICTURE_BYTES = 10 * 1024 * 1024
"""Size that a fetched picture may have, in bytes; xAI fetches no more either."""

_MOST_HOPS = 3
_CHUNK = 64 * 1024
_CONNECT_SECONDS = 5.0
_IDLE_SECONDS = 15.0
_SESSION_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "prompt-queue"}
_PICTURE_HEADERS = {"Accept": "image/jpeg, image/png, image/webp"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})

_AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
_Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
_Middleware = Callable[[aiohttp.ClientRequest, _Handler], Awaitable[aiohttp.ClientResponse]]
_Take = Callable[[bytes], Awaitable[None]]


class AddressRefused(PermissionError):
    """The name resolved to an address that is not on the public internet."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "the address is not on the public internet")


class OriginRefused(aiohttp.ClientError):
    """A session was asked for a server that it was not made for. Nothing was sent."""


class GuardedSession:
    """Outbound HTTP to addresses that users give; an async context manager.

    Public servers and trusted ones have a connection pool each, so that trust in one name never
    opens a private address to another name.
    """

    def __init__(self, public: aiohttp.ClientSession, trusted: aiohttp.ClientSession) -> None:
        self._public = public
        self._trusted = trusted
        self.trusted_hosts: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._public.close()
        await self._trusted.close()

    def for_url(self, url: PictureUrl) -> aiohttp.ClientSession:
        """The session that may call this address."""
        return self._trusted if url.trusted else self._public


def guarded_session(
    trusted: frozenset[str] = frozenset(), *, resolver: AbstractResolver | None = None
) -> GuardedSession:
    """A session for addresses that users give; call it inside the running event loop.

    `trusted` is a set of `host:port` (see `urls.trusted_authorities`) that may be private.
    """

    async def only_public(request: aiohttp.ClientRequest, send: _Handler) -> aiohttp.ClientResponse:
        _refuse_unless(not _parsed(request, trusted).trusted)
        return await send(request)

    async def only_trusted(
        request: aiohttp.ClientRequest, send: _Handler
    ) -> aiohttp.ClientResponse:
        _refuse_unless(_parsed(request, trusted).trusted)
        return await send(request)

    guarded = GuardedSession(
        _session(only_public, socket_factory=_public_socket, resolver=resolver, limit=100),
        _session(only_trusted, resolver=resolver, limit=100),
    )
    guarded.trusted_hosts = trusted
    return guarded


def provider_session(base: str) -> aiohttp.ClientSession:
    """A session for the provider at `base`; call it inside the running event loop.

    A request to any other scheme, host or port raises OriginRefused before a byte leaves.
    Requests have no total time limit of their own: the caller sets one.
    """
    origin = URL(base).origin()

    async def only_this_origin(
        request: aiohttp.ClientRequest, send: _Handler
    ) -> aiohttp.ClientResponse:
        _refuse_unless(request.url.origin() == origin)
        return await send(request)

    return _session(only_this_origin, limit=0)


async def fetch_picture(
    session: GuardedSession,
    url: PictureUrl,
    role: str,
    *,
    max_bytes: int = MOST_PICTURE_BYTES,
    seconds: float = 5.0,
) -> bytes:
    """The bytes behind an address. `role` says in words which picture it is: "reference picture 2".

    The picture is whole in the memory; `guards.spool` fetches large ones into a file. Follows and
    raises as `stream_picture` does.
    """
    received = bytearray()

    async def keep(piece: bytes) -> None:
        received.extend(piece)

    await stream_picture(session, url, role, keep, max_bytes=max_bytes, seconds=seconds)
    return bytes(received)


async def stream_picture(
    session: GuardedSession,
    url: PictureUrl,
    role: str,
    take: _Take,
    *,
    max_bytes: int,
    seconds: float,
) -> None:
    """Hand the bytes behind an address to `take` as they come, piece by piece.

    Never more than `max_bytes` of them. Nothing more is read while `take` is busy, and its time
    counts. An OSError of `take` would pass for one of the connection, so it raises others.
    Follows up to 3 redirects, each checked like the first address. Raises BadInput for what will
    not change, Transient for server faults and a download that takes longer than `seconds`.
    """
    try:
        async with asyncio.timeout(seconds):
            for _ in range(_MOST_HOPS + 1):
                elsewhere = await _fetch_once(session, url, role, take, max_bytes)
                if elsewhere is None:
                    return
                url = elsewhere
    except TimeoutError:
        raise Transient(_failed(role, f"it took longer than {seconds:g} seconds")) from None
    except (AddressRefused, aiohttp.ClientConnectorError) as error:
        raise _unreachable(error, role) from None
    except (aiohttp.ClientError, OSError):
        raise Transient(_failed(role, "the connection broke")) from None
    raise BadInput(_failed(role, f"the server redirected more than {_MOST_HOPS} times"))


async def _fetch_once(
    session: GuardedSession, url: PictureUrl, role: str, take: _Take, max_bytes: int
) -> PictureUrl | None:
    """Where to go on, for a redirect."""
    target = URL(url.text, encoded=True)
    client = session.for_url(url)
    async with client.get(target, headers=_PICTURE_HEADERS, allow_redirects=False) as response:
        if response.status in _REDIRECTS:
            return _next_hop(session, url, response.headers.get("Location", ""), role)
        if response.status != 200:
            sentence = _failed(role, f"the server answered {response.status}")
            passing = response.status >= 500 or response.status in _PASSING
            raise Transient(sentence) if passing else BadInput(sentence)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BadInput(_failed(role, "the server compresses it, which is not allowed"))
        await _read_at_most(response, role, take, max_bytes)
        return None


async def _read_at_most(
    response: aiohttp.ClientResponse, role: str, take: _Take, max_bytes: int
) -> None:
    left = max_bytes
    if (response.content_length or 0) <= max_bytes:
        async for chunk in response.content.iter_chunked(_CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            await take(chunk)
        else:
            return
    raise BadInput(_failed(role, f"it is larger than {max_bytes / 1024 / 1024:g} MiB"))


def _next_hop(session: GuardedSession, url: PictureUrl, location: str, role: str) -> PictureUrl:
    try:
        return parse_picture_url(urljoin(url.text, location), trusted=session.trusted_hosts)
    except (UrlRefused, ValueError):
        reason = "the server redirected to an address that is not allowed"
        raise BadInput(_failed(role, reason)) from None


def _unreachable(error: Exception, role: str) -> BadInput | Transient:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, AddressRefused):
        return BadInput(_failed(role, "its address leads to a private network"))
    return Transient(_failed(role, "its server could not be reached"))


def _failed(role: str, reason: str) -> str:
    return f"The {role} could not be fetched: {reason}."


def _parsed(request: aiohttp.ClientRequest, trusted: frozenset[str]) -> PictureUrl:
    try:
        return parse_picture_url(str(request.url), trusted=trusted)
    except UrlRefused as error:
        raise OriginRefused(str(error)) from None


def _refuse_unless(allowed: bool) -> None:
    if not allowed:
        raise OriginRefused("This session was not made for that server; nothing was sent.")


def _public_socket(info: _AddressInfo) -> socket.socket:
    """A socket for a resolved address, after a last look at what it is about to connect to."""
    family, kind, protocol, _, address = info
    if not is_public_text(str(address[0])):
        raise AddressRefused
    return socket.socket(family, kind, protocol)


def _session(
    middleware: _Middleware,
    *,
    limit: int,
    socket_factory: Callable[[_AddressInfo], socket.socket] | None = None,
    resolver: AbstractResolver | None = None,
) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=limit,
        keepalive_timeout=_IDLE_SECONDS,
        socket_factory=socket_factory,
        resolver=resolver,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(
            total=None, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_SESSION_HEADERS,
        middlewares=(middleware,),
        auto_decompress=False,
        trust_env=False,
        raise_for_status=False,
    )
