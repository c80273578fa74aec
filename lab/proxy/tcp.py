"""A TCP proxy on loopback whose two directions can be slowed, silenced or cut while it runs."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

CHUNK = 65536
DRIPS_PER_SECOND = 20
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Upstream = Path | tuple[str, int]
Way = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Pass:
    """Carry everything at once."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Carry so many bytes from now on, and answer the next one with a reset of both ends."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Blackhole:
    """Swallow everything and keep both ends open."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Carry every chunk so much later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drip:
    """Carry a few bytes at a time."""

    bytes_per_second: int


Mode = Pass | Cut | Blackhole | Delay | Drip


class CutNow(Exception):
    """A filter wants both ends to be reset."""


class Filter(Protocol):
    """Sees the bytes of one link, and says which of them go on."""

    def up(self, data: bytes) -> bytes:
        """From the client to the server. Raises CutNow."""

    def down(self, data: bytes) -> bytes:
        """From the server to the client. Raises CutNow."""


class Untouched:
    """A filter that changes nothing."""

    def up(self, data: bytes) -> bytes:
        return data

    def down(self, data: bytes) -> bytes:
        return data


class Link:
    """One client's connection and the one that is made for it."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self.over = asyncio.Event()
        self.lost_bytes = False

    def reset(self) -> None:
        """Both ends learn at once, by a reset, that the other one is gone."""
        for writer in self._writers:
            end = writer.get_extra_info("socket")
            if end is not None and end.family == socket.AF_INET:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()
        self.over.set()

    def close(self) -> None:
        """Both ends are closed politely, after what was written has been sent."""
        for writer in self._writers:
            writer.close()
        self.over.set()


class TcpProxy:
    """Listens on 127.0.0.1; `switch` changes what becomes of the bytes of old and new links.

    `bites` counts what the present modes did to bytes: pieces held up or swallowed, links cut.
    """

    def __init__(self, upstream: Upstream, new_filter: Callable[[], Filter] = Untouched) -> None:
        self._upstream = upstream
        self._new_filter = new_filter
        self._modes: dict[Way, Mode] = {"up": Pass(), "down": Pass()}
        self._links: set[Link] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.accepted = 0
        self.bites = 0
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Accept connections; at the end all of them are reset."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self.reset()
            await asyncio.gather(*self._serving, return_exceptions=True)

    def switch(self, *, up: Mode | None = None, down: Mode | None = None) -> None:
        """Change one direction or both; links that lost bytes are reset when the hole closes."""
        self._modes["up"] = up or self._modes["up"]
        self._modes["down"] = down or self._modes["down"]
        self.bites = 0
        if not any(isinstance(mode, Blackhole) for mode in self._modes.values()):
            self.reset(only_lossy=True)

    def silence(self) -> None:
        """Blackhole both directions."""
        self.switch(up=Blackhole(), down=Blackhole())

    def heal(self) -> None:
        """Carry everything again."""
        self.switch(up=Pass(), down=Pass())

    def reset(self, *, only_lossy: bool = False) -> None:
        """Reset the links that are open now."""
        for link in tuple(self._links):
            if link.lost_bytes or not only_lossy:
                link.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            back_reader, back_writer = await self._connect()
        except OSError:
            Link(writer).reset()
            return
        link = Link(writer, back_writer)
        self._links.add(link)
        bytes_filter = self._new_filter()
        try:
            await self._carry_both(
                link,
                self._carry(link, "up", reader, back_writer, bytes_filter.up),
                self._carry(link, "down", back_reader, writer, bytes_filter.down),
            )
        finally:
            self._links.discard(link)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, Path):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection(*self._upstream)

    async def _carry_both(self, link: Link, *ways: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            endings = await asyncio.gather(*tasks, return_exceptions=True)
            if any(isinstance(ending, (CutNow, OSError)) for ending in endings):
                link.reset()
            else:
                link.close()

    async def _carry(
        self,
        link: Link,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passed: Callable[[bytes], bytes],
    ) -> None:
        seen, carried = self._modes[way], 0
        while data := await reader.read(CHUNK):
            rest = passed(data)
            while rest:
                mode = self._modes[way]
                if mode is not seen:
                    seen, carried = mode, 0
                piece, rest = await self._next_piece(link, mode, carried, rest)
                carried += len(piece)
                writer.write(piece)
                await writer.drain()
        if isinstance(self._modes[way], Blackhole):
            await link.over.wait()

    async def _next_piece(
        self, link: Link, mode: Mode, carried: int, data: bytes
    ) -> tuple[bytes, bytes]:
        """What to send now, and what to think about again."""
        match mode:
            case Pass():
                return data, b""
            case Blackhole():
                link.lost_bytes = True
                self.bites += 1
                return b"", b""
            case Cut(after=after):
                if carried >= after:
                    self.bites += 1
                    raise CutNow
                return data[: after - carried], data[after - carried :]
            case Delay(seconds=seconds):
                self.bites += 1
                await asyncio.sleep(seconds)
                return data, b""
            case Drip(bytes_per_second=speed):
                self.bites += 1
                await asyncio.sleep(1 / DRIPS_PER_SECOND)
                size = max(1, speed // DRIPS_PER_SECOND)
                return data[:size], data[size:]
