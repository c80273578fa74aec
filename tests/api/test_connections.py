"""Clients that send too little, too much, or read nothing, on real sockets."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prompt_queue.api import transport
from tests.api.conftest import CRON_SECRET
from tests.api.running import QUEUE, Api, running
from tests.conftest import until_true

_GET = b"GET /api/health/live HTTP/1.1\r\nHost: localhost\r\n"
_POST = (
    b"POST /api/rows HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer none\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
)


@pytest.fixture
async def api(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    """A server that asks for tokens and has little patience."""
    monkeypatch.setattr(transport, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(transport, "TAKING_SECONDS", 0.5)
    async with running(database_url, tmp_path, identity="tokens") as started:
        yield started


@contextlib.asynccontextmanager
async def connected(
    api: Api,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of the test's own."""
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def seconds_until_cut(reader: asyncio.StreamReader) -> float:
    """How long it takes until the server hangs up; fails after five seconds."""
    began = time.monotonic()
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(65_536):
                pass
    return time.monotonic() - began


async def test_half_a_request_does_not_hold_a_connection(
    database_url: str, tmp_path: Path, demo: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that drip in are cut off; a request that is whole is answered however slow it is."""
    monkeypatch.setattr(transport, "HEADER_SECONDS", 0.5)
    async with running(database_url, tmp_path) as api:
        async with connected(api) as (reader, writer):
            writer.write(_GET + b"X-Slow: ")
            assert 0.3 < await seconds_until_cut(reader) < 5
        async with connected(api) as (reader, _):
            assert await seconds_until_cut(reader) < 5
        job = await api.queued(demo)
        held = await api.get(f"{QUEUE}/{job}?wait=1")
        assert held.status == 200


@pytest.mark.parametrize(
    ("request_bytes", "more"), [(_GET + b"\r\n", b"\r\n"), (_POST, b"a")], ids=["blank", "body"]
)
async def test_what_follows_an_answer_has_to_be_a_request(
    api: Api, request_bytes: bytes, more: bytes
) -> None:
    """The rest of a refused body, or a blank line, holds no connection."""
    async with connected(api) as (reader, writer):
        writer.write(request_bytes)
        assert (await reader.readline()).startswith(b"HTTP/1.1 ")
        writer.write(more)
        assert await seconds_until_cut(reader) < 5


@pytest.mark.parametrize("header", [b"X: a\r\n" * 200, b"X: " + b"a" * 1200])
async def test_headers_are_bounded(api: Api, header: bytes) -> None:
    """More than 64 KiB of them, many or one, are refused before they are whole."""
    async with connected(api) as (reader, writer):
        writer.write(_GET)
        with contextlib.suppress(ConnectionResetError):
            for _ in range(400):
                writer.write(header)
                header = header.removeprefix(b"X: ") if header.endswith(b"a") else header
                await writer.drain()
            first = await reader.readline()
            assert first.startswith(b"HTTP/1.1 431 ")
        assert await seconds_until_cut(reader) < 5


_CHUNKED = _POST.replace(b"Content-Length: 1000\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n")


@pytest.mark.parametrize(
    "begun",
    [b"0\r\n", b"2\r\n{}\r\n0\r\n", b"0\r\nX: ", b"2;"],
    ids=["many", "after a body", "one", "extension"],
)
async def test_what_surrounds_a_body_is_bounded(
    api: Api, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fields behind it and what stands beside a chunk's size fill no memory, answered or not."""
    monkeypatch.setattr(transport, "HEADER_SECONDS", 60.0)
    async with connected(api) as (reader, writer):
        writer.write(_CHUNKED + begun)
        piece = b"y" * 1200 if begun.endswith((b" ", b";")) else b"X: a\r\n" * 200
        with contextlib.suppress(ConnectionResetError):
            for _ in range(400):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        assert await seconds_until_cut(reader) < 5


async def test_what_comes_behind_a_body_is_no_header(database_url: str, tmp_path: Path) -> None:
    """Nobody who stands before the server looks there for who is asking."""
    shown = f"Authorization: Bearer {CRON_SECRET}\r\n".encode()
    start = f"POST {QUEUE}/pause HTTP/1.1\r\nHost: localhost\r\n".encode()
    chunked = (
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    )
    async with running(database_url, tmp_path, cron_secret=CRON_SECRET) as started:
        for request, status in (
            (start + shown + chunked, b"HTTP/1.1 200 "),
            (start + chunked + shown, b"HTTP/1.1 401 "),
        ):
            async with connected(started) as (reader, writer):
                writer.write(request + b"\r\n")
                assert (await reader.readline()).startswith(status)


async def test_a_body_in_the_smallest_pieces_is_taken(api: Api) -> None:
    """What surrounds each of them is more than the body, and in all more than headers may be."""
    async with connected(api) as (reader, writer):
        writer.write(_CHUNKED.replace(b"/api/rows", b"/api/health/live", 1))
        for _ in range(40):
            writer.write(b"1;note=abcdef\r\n \r\n" * 200)
            await writer.drain()
        writer.write(b"0\r\n\r\n" + _GET + b"\r\n")
        text = b""
        async with asyncio.timeout(5):
            while b"HTTP/1.1 200 " not in text:
                text += await reader.read(65_536)
        assert b" 431 " not in text


async def test_who_reads_nothing_is_cut(api: Api) -> None:
    """An answer that nobody takes does not stay in memory."""
    host, port = api.url.removeprefix("http://").split(":")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, (host, int(port)))
        held = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
        await loop.sock_sendall(deaf, held)
        connections = api.server.server_state.connections
        await until_true(lambda: any(_waits_for_its_client(one) for one in connections))
        await until_true(lambda: not any(_waits_for_its_client(one) for one in connections), 5)


async def test_who_reads_slowly_is_not_cut(api: Api) -> None:
    """A client that takes what it can gets its answer whole."""
    whole = await api.get("/openapi.json")
    async with connected(api) as (reader, writer):
        writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)
        wanted, got = len(whole.content) * 8, 0
        while got < wanted:
            piece = await reader.read(65_536)
            assert piece
            got += len(piece)
            await asyncio.sleep(0.02)


def _waits_for_its_client(connection: Any) -> bool:
    return bool(connection.transport and connection.transport.get_write_buffer_size())
