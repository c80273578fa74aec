"""The proxies do what they say, so that the tests behind them mean something."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from lab.proxy.postgres import PostgresProxy, When
from lab.proxy.tcp import Blackhole, Cut, Delay, Drip, TcpProxy
from lab.proxy.wire import SSL_REQUEST

from tests.conftest import until

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[TcpProxy]:
    """A proxy in front of a server that says everything twice over the same line."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    path = tmp_path / "echo"
    server = await asyncio.start_unix_server(answer, path)
    proxy = TcpProxy(path)
    async with proxy.listening():
        yield proxy
    server.close()


@pytest.fixture
async def line(echo: TcpProxy) -> AsyncIterator[Ends]:
    """A client of the echo."""
    reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
    yield reader, writer
    writer.transport.abort()


async def say(line: Ends, words: bytes) -> bytes:
    """The echo, as long as the words."""
    line[1].write(words)
    return await line[0].readexactly(len(words))


async def test_the_modes_of_a_line_change_while_it_is_open(echo: TcpProxy, line: Ends) -> None:
    """Passed at once, later, little by little, then so much and a reset."""
    assert await say(line, b"hello") == b"hello"
    echo.switch(down=Delay(0.2))
    begun = time.monotonic()
    assert await say(line, b"later") == b"later"
    assert time.monotonic() - begun >= 0.2
    echo.switch(down=Drip(100))
    begun = time.monotonic()
    assert await say(line, b"x" * 25) == b"x" * 25
    assert time.monotonic() - begun >= 0.2
    echo.switch(down=Cut(after=3))
    assert await say(line, b"cut") == b"cut"
    with pytest.raises(ConnectionResetError):
        await say(line, b"cut")


async def test_a_line_that_lost_bytes_is_reset_when_the_silence_ends(
    echo: TcpProxy, line: Ends
) -> None:
    """Nothing comes back meanwhile, and a healed stream never has a hole in it."""
    echo.switch(up=Blackhole())
    saying = asyncio.create_task(say(line, b"hello"))
    assert await asyncio.wait({saying}, timeout=0.2) == (set(), {saying})
    echo.heal()
    with pytest.raises(ConnectionResetError):
        await saying


async def test_the_statement_is_known_however_it_is_sent(proxy: PostgresProxy) -> None:
    """Simple queries, statements that were parsed earlier, and only the one that matches."""
    connection = await asyncpg.connect(proxy.dsn)
    prepared = await connection.prepare("select 40 + $1::int")
    trap = proxy.trap("40", When.AFTER)
    assert await connection.fetchval("select 41") == 41
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionResetError)):
        await prepared.fetch(2)
    assert (trap.statement, trap.reply) == ("select 40 + $1::int", "SELECT 1")

    connection = await asyncpg.connect(proxy.dsn)
    trap = proxy.trap("43", When.AFTER)
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionResetError)):
        await connection.fetchval("select 43")
    assert trap.reply == "SUSPENDED"

    connection = await asyncpg.connect(proxy.dsn)
    trap = proxy.trap("create table", When.BEFORE)
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionResetError)):
        await connection.execute("create table never (a int)")
    assert trap.sprung

    connection = await asyncpg.connect(proxy.dsn)
    trap = proxy.trap("create table", When.AFTER)
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionResetError)):
        await connection.execute("create table once (a int)")
    assert trap.reply == "CREATE TABLE"

    connection = await asyncpg.connect(proxy.dsn)
    tables = await connection.fetchrow("select to_regclass('never'), to_regclass('once')")
    assert tuple(tables) == (None, "once")
    await connection.close()


async def test_a_request_for_encryption_is_passed_through(proxy: PostgresProxy) -> None:
    """The server's one byte reaches the client, and so do the messages after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(struct.pack("!ii", 8, SSL_REQUEST))
    assert await reader.readexactly(1) == b"N"
    writer.transport.abort()

    connection = await asyncpg.connect(proxy.dsn.replace("sslmode=disable", "sslmode=prefer"))
    assert await connection.fetchval("select 1") == 1
    await connection.close()


async def test_a_server_that_is_away_resets_its_callers(tmp_path: Path) -> None:
    """The proxy itself stays up."""
    proxy = TcpProxy(tmp_path / "nobody")
    async with proxy.listening():
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.transport.abort()

        async def accepted() -> int:
            return proxy.accepted

        assert await until(accepted) == 1
