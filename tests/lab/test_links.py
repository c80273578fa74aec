"""A spoilt line counts when something was said over it, and not before."""

import asyncio
from pathlib import Path

import pytest
from lab.links import bitten
from lab.proxy.tcp import Blackhole, Cut, Delay, Drip, Mode, Pass, TcpProxy


@pytest.mark.parametrize(
    "mode",
    [Cut(after=1), Blackhole(), Delay(0.01), Drip(100)],
    ids=lambda mode: type(mode).__name__,
)
async def test_a_line_bites_when_bytes_come(tmp_path: Path, mode: Mode) -> None:
    """Switching alone is no hit, carrying everything is none, and each new switch counts anew."""
    heard = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            heard.set()
        writer.close()

    server = await asyncio.start_unix_server(listen, tmp_path / "listener")
    proxy = TcpProxy(tmp_path / "listener")
    async with proxy.listening():
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"hello")
        await heard.wait()
        proxy.switch(up=mode)
        assert not await bitten(proxy, 0.1)
        writer.write(b"hello")
        assert await bitten(proxy)
        proxy.switch(up=Pass())
        assert not proxy.bites
        writer.transport.abort()
    server.close()
