"""Connections to PostgreSQL: a small pool, transactions, a listener. The only driver import."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import asyncpg

STATEMENT_SECONDS = 30.0
CONNECT_SECONDS = 10.0
WAKE_CHANNEL = "prompt_queue"

# Connection failures, shutdowns, lock conflicts: the same call may work a moment later.
_PASSING_SQLSTATES = ("08", "40", "53", "55P03", "57")
# A connection that is cut at a bad moment leaves the driver in a state that it calls its own error.
_LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_T = TypeVar("_T")


class DatabaseUnavailable(Exception):
    """The database cannot be reached for now; what was under way may or may not have counted."""


class DatabaseRefused(Exception):
    """The database has answered, and will not do it: the message is its own sentence."""

    def __init__(self, message: str, sqlstate: str | None, constraint: str | None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate or ""
        self.constraint = constraint or ""


@cache
def queries() -> dict[str, str]:
    """The statements of `queries.sql` by name."""
    text = files("prompt_queue.store").joinpath("sql/queries.sql").read_text("utf-8")
    parts = text.split("-- name: ")[1:]
    return {name.strip(): body.strip() for name, body in (p.split("\n", 1) for p in parts)}


def is_passing(error: BaseException) -> bool:
    """True when the failure says nothing about the statement itself."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_PASSING_SQLSTATES)
    return isinstance(error, _LOST)


async def _prepare_connection(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
        )


async def _keep_as_is(_connection: asyncpg.Connection) -> None:
    """Replaces the driver's reset, a round trip that undoes what we never do (SET, LISTEN)."""


async def connect(dsn: str) -> asyncpg.Connection:
    """One connection of its own. Raises DatabaseUnavailable with a sentence without secrets."""
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            statement_cache_size=0,
            server_settings={"application_name": "prompt-queue"},
        )
        await _prepare_connection(connection)
    except asyncpg.PostgresError as error:
        raise DatabaseUnavailable(f"PostgreSQL refused the connection: {error}") from None
    except (OSError, TimeoutError, asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseUnavailable(
            f"PostgreSQL cannot be reached ({type(error).__name__}); check DATABASE_URL"
        ) from None
    return connection


class Database:
    """A pool that survives restarts of the server: passing failures are tried again."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, direct_dsn: str) -> None:
        self._pool = pool
        self.dsn = dsn
        self.direct_dsn = direct_dsn

    @classmethod
    async def open(cls, dsn: str, *, direct_dsn: str | None = None, size: int = 5) -> "Database":
        """Connect. Statements are not cached by name, so a transaction pooler may be between.

        Raises DatabaseUnavailable.
        """
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                statement_cache_size=0,
                max_inactive_connection_lifetime=300,
                init=_prepare_connection,
                reset=_keep_as_is,
                server_settings={"application_name": "prompt-queue"},
            )
        except asyncpg.PostgresError as error:
            raise DatabaseUnavailable(f"PostgreSQL refused the connection: {error}") from None
        except (OSError, TimeoutError, asyncpg.InterfaceError, ValueError) as error:
            raise DatabaseUnavailable(
                f"PostgreSQL cannot be reached ({type(error).__name__}); check DATABASE_URL"
            ) from None
        return cls(pool, dsn, direct_dsn or dsn)

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
        except _LOST as error:
            raise DatabaseUnavailable(f"PostgreSQL went away ({type(error).__name__})") from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._pool.acquire(timeout=CONNECT_SECONDS)
        try:
            yield connection
        except (asyncio.CancelledError, TimeoutError, asyncpg.InternalClientError):
            # Its statement may still run; asking a frozen server to cancel it could take for ever.
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection)

    async def _with_patience(self, run: Callable[[], Awaitable[_T]], tries: int = 4) -> _T:
        for attempt in range(1, tries + 1):
            try:
                return await run()
            except (asyncpg.PostgresError, *_LOST) as error:
                if not is_passing(error):
                    raise _translated(error) from error
                if attempt == tries:
                    raise DatabaseUnavailable(
                        f"PostgreSQL went away ({type(error).__name__})"
                    ) from error
            await asyncio.sleep(random.uniform(0.05, 0.2) * 2**attempt)  # noqa: S311
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
        return DatabaseRefused(str(error), error.sqlstate, getattr(error, "constraint_name", None))
    return DatabaseUnavailable(f"PostgreSQL went away ({type(error).__name__})")


class Listener:
    """Calls `on_wake` at every NOTIFY; a hint only, so that a deaf one costs a poll and no more."""

    def __init__(self, dsn: str, on_wake: Callable[[], None], heartbeat: float = 20.0) -> None:
        self._dsn = dsn
        self._on_wake = on_wake
        self._heartbeat = heartbeat

    async def run(self) -> None:
        """Listen until cancelled; reconnects with jitter, and wakes once after every connect."""
        while True:
            try:
                await self._listen_until_lost()
            except (DatabaseUnavailable, asyncpg.PostgresError, *_LOST):
                pass
            await asyncio.sleep(random.uniform(0.5, 3.0))  # noqa: S311

    async def _listen_until_lost(self) -> None:
        connection = await connect(self._dsn)
        try:
            await connection.add_listener(WAKE_CHANNEL, lambda *_: self._on_wake())
            self._on_wake()
            while True:
                await asyncio.sleep(self._heartbeat)
                await connection.execute("select 1", timeout=5)
        finally:
            connection.terminate()
