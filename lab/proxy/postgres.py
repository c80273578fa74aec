"""A proxy in front of PostgreSQL that cuts the line just before or just after a statement."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from lab.proxy.tcp import CutNow, TcpProxy, Upstream
from lab.proxy.wire import GSS_REQUEST, PROTOCOL_3, SSL_REQUEST, Frames, Message, Statements

PORT = 5432


class When(Enum):
    """On which side of the statement the line is cut."""

    BEFORE = "the server never sees the statement"
    AFTER = "the server has done it, and the client never learns"


@dataclass(slots=True)
class Trap:
    """Waits for one statement; `reply` is the server's last word on it, which was swallowed."""

    pattern: re.Pattern[str]
    when: When
    statement: str | None = None
    reply: str | None = None

    @property
    def sprung(self) -> bool:
        """The line was cut."""
        return self.reply is not None


class PostgresProxy(TcpProxy):
    """A TCP proxy that knows which statement each client message executes."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._traps: list[Trap] = []
        super().__init__(_upstream(dsn), lambda: _Session(self._traps))

    @property
    def dsn(self) -> str:
        """The same database, through the proxy."""
        parts = urlsplit(self._dsn)
        account = parts.netloc.rpartition("@")[0]
        query = f"host=127.0.0.1&port={self.port}&sslmode=disable"
        return f"{parts.scheme}://{account}@{parts.path}?{query}"

    def trap(self, pattern: str, when: When) -> Trap:
        """Cut the line of whoever next executes a statement that the pattern is found in."""
        trap = Trap(re.compile(pattern, re.I), when)
        self._traps.append(trap)
        return trap

    def disarm(self, trap: Trap) -> None:
        """Wait no longer; a trap that has caught its statement stays as it is."""
        if trap in self._traps:
            self._traps.remove(trap)


@asynccontextmanager
async def postgres_proxy(dsn: str) -> AsyncIterator[PostgresProxy]:
    """A proxy for this database while the block runs."""
    proxy = PostgresProxy(dsn)
    async with proxy.listening():
        yield proxy


class _Session:
    """One connection's conversation; every request for a ReadyForQuery gets exactly one."""

    def __init__(self, traps: list[Trap]) -> None:
        self._traps = traps
        self._client = Frames(typed=False)
        self._server = Frames(typed=True)
        self._statements = Statements()
        self._encrypted = False
        self._asked = 0
        self._ready = 0
        self._caught: tuple[Trap, int] | None = None

    def up(self, data: bytes) -> bytes:
        self._client.feed(data)
        if self._encrypted:
            return self._client.rest()
        onward = b""
        while message := self._client.next():
            self._hear_client(message)
            onward += message.raw
        return onward

    def down(self, data: bytes) -> bytes:
        self._server.feed(data)
        onward = b""
        while not self._encrypted and (message := self._server.next()):
            if not self._swallows(message):
                onward += message.raw
            self._encrypted = message.raw == b"S"
        return onward + self._server.rest() if self._encrypted else onward

    def _hear_client(self, message: Message) -> None:
        if not message.kind:
            if message.code in (SSL_REQUEST, GSS_REQUEST):
                self._server.single_bytes += 1
            elif message.code >> 16 == PROTOCOL_3 >> 16:
                self._client.typed = True
                self._asked += 1
            return
        text = self._statements.executed_by(message)
        if text is not None:
            self._try_traps(text)
        self._asked += message.kind in (b"Q", b"S", b"F")

    def _try_traps(self, text: str) -> None:
        for trap in self._traps:
            if trap.pattern.search(text):
                self._traps.remove(trap)
                trap.statement = text
                if trap.when is When.BEFORE:
                    trap.reply = ""
                    raise CutNow
                self._caught = trap, self._asked + 1
                return

    def _swallows(self, message: Message) -> bool:
        self._ready += message.kind == b"Z"
        if self._caught is None:
            return False
        trap, end = self._caught
        if self._ready == end:
            trap.reply = trap.reply or "nothing"
            raise CutNow
        mine = self._ready == end - 1 and message.kind != b"Z"
        if mine and message.kind in (b"C", b"E"):
            trap.reply = message.body.rstrip(b"\0").replace(b"\0", b" ").decode()
        elif mine and message.kind == b"s":
            trap.reply = "SUSPENDED"
        return mine


def _upstream(dsn: str) -> Upstream:
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    host = query.get("host", [parts.hostname or "127.0.0.1"])[0]
    port = int(query.get("port", [str(parts.port or PORT)])[0])
    return Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else (host, port)
