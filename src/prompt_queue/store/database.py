"""Connections to PostgreSQL: a small pool, transactions, a listener."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib.resources import files
from typing import Any, TypeVar

import asyncpg

from prompt_queue.store.connecting import (
    CONNECT_SECONDS,
    LOST,
    STATEMENT_SECONDS,
    DatabaseRefused,
    DatabaseUnavailable,
    connect,
    connect_to_any,
    explained,
)

__all__ = [
    "Database",
    "DatabaseRefused",
    "DatabaseUnavailable",
    "Listener",
    "Transaction",
    "connect",
]

WAKE_CHANNEL = "prompt_queue"
ECHO_SECONDS = 3.0
DEAF_SECONDS = 900.0

# Connection failures, shutdowns, lock conflicts, a primary that has become a standby: the same
# call may work a moment later.
_PASSING_SQLSTATES = ("08", "25006", "40", "53", "55P03", "57")
_T = TypeVar("_T")


@cache
def queries() -> dict[str, str]:
    """The statements of the files in `sql/queries/` by name."""
    folder = files("prompt_queue.store").joinpath("sql/queries")
    texts = [file.read_text("utf-8") for file in sorted(folder.iterdir(), key=lambda f: f.name)]
    parts = [part for text in texts for part in text.split("-- name: ")[1:]]
    return {name.strip(): body.strip() for name, body in (p.split("\n", 1) for p in parts)}


def is_passing(error: BaseException) -> bool:
    """True when the failure says nothing about the statement itself."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_PASSING_SQLSTATES)
    return isinstance(error, LOST)


async def _keep_as_is(_connection: asyncpg.Connection) -> None:
    """Replaces the driver's reset, a round trip that undoes what we never do (SET, LISTEN)."""


class Database:
    """A pool that survives restarts of the server: passing failures are tried again."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, direct_dsn: str, tries: int) -> None:
        self._pool = pool
        self._tries = tries
        self.dsn = dsn
        self.direct_dsn = direct_dsn

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        direct_dsn: str | None = None,
        size: int = 5,
        lazy: bool = False,
        statement_seconds: float = STATEMENT_SECONDS,
        tries: int = 4,
    ) -> "Database":
        """Connect to the host that takes writes; `lazy` connects with the first statement.

        A statement without an answer after `statement_seconds` has failed; one that failed in
        passing is sent up to `tries` times. Raises DatabaseUnavailable, DatabaseRefused.
        """
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=0 if lazy else 1,
                max_size=size,
                max_inactive_connection_lifetime=300,
                reset=_keep_as_is,
                connect=partial(connect_to_any, statement_seconds=statement_seconds),
            )
        except (asyncpg.PostgresError, *LOST, ValueError) as error:
            raise explained(error) from None
        return cls(pool, dsn, direct_dsn or dsn, tries)

    def use(self) -> tuple[int, int]:
        """How many connections are open, and how many of them are idle."""
        return self._pool.get_size(), self._pool.get_idle_size()

    async def close(self) -> None:
        """Close the pool; connections that hang are cut after two seconds."""
        try:
            async with asyncio.timeout(2):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run a named statement by itself; all statements that this is used for may be repeated."""

        async def run() -> list[asyncpg.Record]:
            async with self._connection() as connection:
                found: list[asyncpg.Record] = await connection.fetch(queries()[query], *arguments)
                return found

        return await self._with_patience(run)

    async def row(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row of a named statement, or None."""
        found = await self.rows(query, *arguments)
        return found[0] if found else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Several statements that count together or not at all.

        Raises DatabaseUnavailable or DatabaseRefused.
        """
        try:
            async with (
                self._connection() as connection,
                connection.transaction(),
            ):
                yield Transaction(connection)
        except asyncpg.PostgresError as error:
            raise _translated(error) from error
        except LOST as error:
            raise DatabaseUnavailable(f"PostgreSQL went away ({type(error).__name__})") from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._pool.acquire(timeout=CONNECT_SECONDS)
        try:
            yield connection
        except asyncio.CancelledError:
            connection.terminate()
            raise
        except (TimeoutError, asyncpg.ReadOnlySQLTransactionError, asyncpg.InternalClientError):
            # Its statement may still run; asking a frozen server to cancel it could take for ever.
            connection.terminate()
            # The idle ones lead to the same server.
            await self._pool.expire_connections()
            raise
        finally:
            await self._pool.release(connection)

    async def _with_patience(self, run: Callable[[], Awaitable[_T]]) -> _T:
        for attempt in range(1, self._tries + 1):
            try:
                return await run()
            except (asyncpg.PostgresError, *LOST) as error:
                if not is_passing(error):
                    raise _translated(error) from error
                if attempt == self._tries:
                    raise DatabaseUnavailable(
                        f"PostgreSQL went away ({type(error).__name__})"
                    ) from error
            await asyncio.sleep(random.uniform(0.02, 0.2 * 2**attempt))  # noqa: S311
        raise AssertionError("unreachable")


class Transaction:
    """Named statements inside one transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def row(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row of a named statement, or None."""
        return await self._connection.fetchrow(queries()[query], *arguments)


def _translated(error: BaseException) -> DatabaseRefused | DatabaseUnavailable:
    if isinstance(error, asyncpg.PostgresError) and not is_passing(error):
        return DatabaseRefused(
            str(error),
            error.sqlstate,
            getattr(error, "constraint_name", None),
            getattr(error, "hint", None),
        )
    return DatabaseUnavailable(f"PostgreSQL went away ({type(error).__name__})")


class Listener:
    """Calls `on_wake` at every NOTIFY; a hint only, so that a deaf one costs a poll and no more."""

    def __init__(
        self,
        dsn: str,
        on_wake: Callable[[], None],
        heartbeat: float = 20.0,
        *,
        writers_dsn: str | None = None,
    ) -> None:
        """`writers_dsn` is where others enqueue, if not here; checked every `heartbeat` seconds."""
        self._dsn = dsn
        self._on_wake = on_wake
        self._heartbeat = heartbeat
        self._writers_dsn = writers_dsn or dsn
        self._hears = False

    @property
    def hears(self) -> bool:
        """True while a NOTIFY arrives here; behind a transaction pooler it never does."""
        return self._hears

    async def run(self) -> None:
        """Listen until cancelled; reconnects with jitter, and wakes once after every connect."""
        while True:
            pause = 3.0
            try:
                await self._listen_until_lost()
                pause = DEAF_SECONDS
            except (DatabaseUnavailable, DatabaseRefused, asyncpg.PostgresError, *LOST):
                pass
            finally:
                self._hears = False
            await asyncio.sleep(random.uniform(pause / 6, pause))  # noqa: S311

    async def _listen_until_lost(self) -> None:
        """Comes back only from a connection that hears nothing."""
        connection = await connect(self._dsn)
        try:
            if not await self._hears_an_echo(connection):
                return
            await connection.add_listener(WAKE_CHANNEL, lambda *_: self._on_wake())
            self._hears = True
            self._on_wake()
            while True:
                await asyncio.sleep(self._heartbeat)
                await connection.execute("select 1", timeout=5)
        finally:
            connection.terminate()

    async def _hears_an_echo(self, connection: asyncpg.Connection) -> bool:
        """Whether what another connection says arrives; a pooler takes LISTEN and forgets it."""
        heard = asyncio.Event()
        channel = f"{WAKE_CHANNEL}_echo_{secrets.token_hex(8)}"
        await connection.add_listener(channel, lambda *_: heard.set())
        writer = await connect(self._writers_dsn)
        try:
            await writer.execute(queries()["echo"], channel)
            async with asyncio.timeout(ECHO_SECONDS):
                await heard.wait()
        except TimeoutError:
            return False
        finally:
            writer.terminate()
        await connection.execute("unlisten *")
        return True
