"""The wire to PostgreSQL, which a test can cut or freeze."""

import asyncio
from pathlib import Path
from typing import Self

SOCKET = ".s.PGSQL.5432"


class Wire:
    """Forwards a Unix socket of its own to the server of a DSN."""

    def __init__(self, database_url: str, folder: Path) -> None:
        before, _, there = database_url.partition("?host=")
        self.dsn = f"{before}?host={folder}"
        self._here, self._there = folder / SOCKET, Path(there) / SOCKET
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._connect, self._here)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """The server is gone: connections break, new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._here.unlink(missing_ok=True)
            self._server = None
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Connections stay, and nothing comes through any more."""
        self._flowing.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._there)
        self._writers += [writer, back]
        for pair in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(*pair))
            self._tasks.add(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()
