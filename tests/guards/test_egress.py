"""Outbound sessions: what connects, what does not, and how far a download may go."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from prompt_queue.guards.egress import (
    OriginRefused,
    fetch_picture,
    guarded_session,
    provider_session,
)
from prompt_queue.guards.urls import parse_picture_url
from prompt_queue.jobs.errors import BadInput, Transient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NamedAddress(AbstractResolver):
    """Every name leads to the given addresses."""

    def __init__(self, port: int, *addresses: str) -> None:
        self.port, self.addresses = port, addresses
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=self.port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[int, list[object]]]:
    """A listener on loopback that notes every connection."""
    seen: list[object] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A web server on loopback; yields its `host:port`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


async def fetched(handler: Handler, path: str = "/a.jpg", **limits: float) -> bytes:
    """What `fetch_picture` makes of a trusted server with this handler."""
    async with serving(handler) as authority:
        trusted = frozenset({authority})
        async with guarded_session(trusted) as session:
            url = parse_picture_url(f"http://{authority}{path}", trusted=trusted)
            return await fetch_picture(session, url, "reference picture 2", **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("::ffff:127.0.0.1",), ("127.0.0.1", "127.0.0.2"), ("10.0.0.1",)]
)
async def test_a_name_that_leads_inside_is_never_connected(addresses: tuple[str, ...]) -> None:
    """The socket is checked, so a public name with a private address gets no connection."""
    async with canary() as (port, seen):
        async with guarded_session(resolver=NamedAddress(port, *addresses)) as session:
            url = parse_picture_url("https://pictures.example.com/a.jpg")
            with pytest.raises(BadInput, match=r"target picture .* private network"):
                await fetch_picture(session, url, "target picture")
        assert seen == []


async def test_the_canary_sees_a_trusted_name() -> None:
    """The test above can fail: with trust in that name, the very same address is connected."""
    async with canary() as (port, seen):
        trusted = frozenset({"pictures.example.com:443"})
        async with guarded_session(trusted, resolver=NamedAddress(port, "127.0.0.1")) as session:
            url = parse_picture_url("https://pictures.example.com/a.jpg", trusted=trusted)
            with pytest.raises(Transient):
                await fetch_picture(session, url, "target picture")
        assert len(seen) == 1


async def test_trust_in_one_name_does_not_open_its_address_to_another() -> None:
    """A stranger's name that leads to a trusted server's address stays outside."""
    async with canary() as (port, seen):
        trusted = frozenset({"minio:9000", f"127.0.0.1:{port}"})
        async with guarded_session(trusted, resolver=NamedAddress(port, "127.0.0.1")) as session:
            url = parse_picture_url("https://evil.example.com/a.jpg", trusted=trusted)
            with pytest.raises(BadInput, match="private network"):
                await fetch_picture(session, url, "target picture")
        assert seen == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::1]", "0"],
)
async def test_no_spelling_of_loopback_is_connected(host: str) -> None:
    """Even a caller that skips the parser reaches nothing: the session parses again."""
    async with canary() as (port, seen):
        resolver = NamedAddress(port, "127.0.0.1")
        async with guarded_session(resolver=resolver) as session:
            client = session.for_url(parse_picture_url("https://example.com/"))
            with pytest.raises((aiohttp.ClientError, ValueError)):
                await client.get(f"http://{host}:{port}/")
        assert (seen, resolver.asked) == ([], [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_private_address_is_not_followed(status: int) -> None:
    """Trust ends at the named server: where it points is judged anew."""
    async with canary() as (port, seen):

        async def away(request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{port}/"})

        with pytest.raises(BadInput, match="redirected to an address that is not allowed"):
            await fetched(away)
        assert seen == []


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "//127.0.0.1:1/", "http://[::1"])
async def test_a_nonsense_redirect_is_refused(location: str) -> None:
    """Other schemes and malformed targets are refused; an empty target loops until the limit."""

    async def away(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    with pytest.raises(BadInput, match="redirected"):
        await fetched(away)


async def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    """Hops are counted."""

    async def hop(request: web.Request) -> web.Response:
        left = int(request.query["left"])
        if left == 0:
            return web.Response(body=b"picture")
        return web.Response(status=302, headers={"Location": f"/next?left={left - 1}"})

    assert await fetched(hop, "/?left=3") == b"picture"
    with pytest.raises(BadInput, match="more than 3 times"):
        await fetched(hop, "/?left=4")


async def test_the_request_says_little_and_keeps_no_cookie() -> None:
    """No cookies come back on the second request, and compression is not asked for."""
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.copy())
        if request.path == "/a.jpg":
            headers = {"Location": "/b.jpg", "Set-Cookie": "a=b"}
            return web.Response(status=302, headers=headers)
        return web.Response(body=b"picture")

    assert await fetched(handler) == b"picture"
    assert [headers["Accept-Encoding"] for headers in seen] == ["identity", "identity"]
    assert "Cookie" not in seen[1]


@pytest.mark.parametrize(
    ("status", "failure"),
    [(404, BadInput), (403, BadInput), (410, BadInput), (204, BadInput), (429, Transient),
     (408, Transient), (500, Transient), (503, Transient)],
)  # fmt: skip
async def test_a_status_becomes_a_sentence(status: int, failure: type[Exception]) -> None:
    """The sentence says which picture, and what the server answered."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status)

    with pytest.raises(failure) as raised:
        await fetched(handler)
    assert type(raised.value) is failure
    said = f"The reference picture 2 could not be fetched: the server answered {status}."
    assert str(raised.value) == said


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_picture_over_the_limit_is_refused(chunked: bool) -> None:
    """The limit holds for the announced length and for the bytes that come."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if not chunked:
            return web.Response(body=b"x" * 2_000_000)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 65536)
        return response

    with pytest.raises(BadInput, match="larger than 1 MiB"):
        await fetched(handler, max_bytes=1024 * 1024)


async def test_a_picture_of_exactly_the_limit_passes() -> None:
    """The limit itself is allowed."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000)

    assert len(await fetched(handler, max_bytes=1000)) == 1000


async def test_compressed_bytes_are_not_unpacked() -> None:
    """A server that compresses anyway is refused, so that nothing can blow up."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x", headers={"Content-Encoding": "gzip"})

    with pytest.raises(BadInput, match="compresses"):
        await fetched(handler)


@pytest.mark.parametrize("drips", [False, True])
async def test_a_slow_server_meets_the_deadline(drips: bool) -> None:
    """Silence and a byte now and then both end at the same time limit."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if drips:
            await response.prepare(request)
        for _ in range(100):
            await asyncio.sleep(0.05)
            if drips:
                await response.write(b"x")
        return response

    async with asyncio.timeout(3):
        with pytest.raises(Transient, match=r"longer than 0\.3 seconds"):
            await fetched(handler, seconds=0.3)


async def test_a_broken_download_may_be_tried_again() -> None:
    """Fewer bytes than announced is a passing fault."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(Transient, match="connection broke"):
        await fetched(handler)


async def test_an_unreachable_server_may_be_tried_again() -> None:
    """A refused connection is a passing fault."""
    async with canary() as (port, _):
        pass
    trusted = frozenset({f"127.0.0.1:{port}"})
    async with guarded_session(trusted) as session:
        url = parse_picture_url(f"http://127.0.0.1:{port}/", trusted=trusted)
        with pytest.raises(Transient, match="could not be reached"):
            await fetch_picture(session, url, "target picture")


async def test_a_provider_session_speaks_to_its_origin_alone() -> None:
    """Another port, scheme or host is refused before a byte leaves; the own origin works."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async with serving(handler) as authority, canary() as (port, seen):
        async with provider_session(f"http://{authority}/v1") as session:
            async with session.get(f"http://{authority}/v1/models") as response:
                assert await response.text() == "hello"
            other = authority.replace("127.0.0.1", "localhost")
            for url in (f"http://127.0.0.1:{port}/", f"https://{authority}/", f"http://{other}/"):
                with pytest.raises(OriginRefused):
                    await session.get(url)
        assert seen == []


async def test_a_provider_cannot_redirect_the_key_away() -> None:
    """A redirect to another origin is refused even where a caller forgets to forbid it."""
    async with canary() as (port, seen):

        async def handler(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{port}/"})

        async with (
            serving(handler) as authority,
            provider_session(f"http://{authority}") as session,
        ):
            with pytest.raises(OriginRefused):
                await session.post(f"http://{authority}/", data=b"x")
        assert seen == []


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable cannot carry requests around the guard."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"picture")

    async with canary() as (port, seen):
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert await fetched(handler) == b"picture"
        assert seen == []
