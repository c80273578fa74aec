"""One connection to whichever of DATABASE_URL's hosts takes writes."""

import asyncio
import json
import random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

CONNECT_SECONDS = 10.0
HOST_SECONDS = 3.0
STATEMENT_SECONDS = 30.0

# The server has answered, and will say the same next time: password, role, database.
_LASTING_SQLSTATES = ("28", "3D")
# PgBouncer gives every refusal one and the same code, that of a broken connection.
_POOLERS_SQLSTATE = "08P01"
_LASTING_WORDS = ("authentication failed", "does not exist")
# A connection that is cut at a bad moment leaves the driver in a state that it calls its own error.
LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class DatabaseUnavailable(Exception):
    """The database cannot be reached for now; what was under way may or may not have counted."""


class DatabaseRefused(Exception):
    """The database has answered, and will not do it: the message is its own sentence."""

    def __init__(
        self, message: str, sqlstate: str | None, constraint: str | None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate or ""
        self.constraint = constraint or ""
        self.hint = hint or ""


def candidates(dsn: str) -> list[str]:
    """One DSN for each host of the given one, which may name several, separated by commas.

    Unless it says otherwise, only a host that takes writes will do where there are several: a
    standby accepts connections too.
    """
    parts = urlsplit(dsn)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    account, at, location = parts.netloc.rpartition("@")
    hosts = (unquote(location) or query.get("host", "")).split(",")
    if len(hosts) < 2:
        return [dsn]
    query.setdefault("target_session_attrs", "read-write")
    ports = query.pop("port", "").split(",")
    found = []
    for number, host in enumerate(hosts):
        own = {"host": host, "port": ports[min(number, len(ports) - 1)]}
        wanted = {name: value for name, value in (query | own).items() if value}
        found.append(urlunsplit(parts._replace(netloc=account + at, query=urlencode(wanted))))
    return found


async def connect(dsn: str, *, statement_seconds: float = STATEMENT_SECONDS) -> asyncpg.Connection:
    """One connection; the caller closes it.

    Raises DatabaseUnavailable, or DatabaseRefused where the server knows no such account or
    database; both with a sentence without secrets.
    """
    try:
        return await connect_to_any(dsn, statement_seconds=statement_seconds)
    except (asyncpg.PostgresError, *LOST, ValueError) as error:
        raise explained(error) from None


def explained(error: Exception) -> DatabaseUnavailable | DatabaseRefused:
    """Why there is no connection."""
    sqlstate = (isinstance(error, asyncpg.PostgresError) and error.sqlstate) or "08"
    by_pooler = sqlstate == _POOLERS_SQLSTATE
    if by_pooler or not sqlstate.startswith("08"):
        message = f"PostgreSQL refused the connection: {error}"
        if sqlstate.startswith(_LASTING_SQLSTATES) or (
            by_pooler and any(words in str(error) for words in _LASTING_WORDS)
        ):
            return DatabaseRefused(message, sqlstate, None)
        return DatabaseUnavailable(message)
    return DatabaseUnavailable(
        f"PostgreSQL cannot be reached ({type(error).__name__}); check DATABASE_URL"
    )


async def connect_to_any(
    dsn: str, *, statement_seconds: float = STATEMENT_SECONDS, **driver_options: Any
) -> asyncpg.Connection:
    """The first host that takes writes; the driver's own errors, those of the last host tried.

    Statements are not cached by name, so a transaction pooler may be between.
    """
    hosts = candidates(dsn)
    # Every process that lost its server at once must not ask the same one first.
    random.shuffle(hosts)
    async with asyncio.timeout(min(CONNECT_SECONDS, statement_seconds)):
        for number, host in enumerate(hosts, 1):
            try:
                connection = await asyncpg.connect(
                    host,
                    timeout=CONNECT_SECONDS if len(hosts) == 1 else HOST_SECONDS,
                    command_timeout=statement_seconds,
                    statement_cache_size=0,
                    server_settings={"application_name": "prompt-queue"},
                    **driver_options,
                )
                return await _prepared(connection)
            except (asyncpg.PostgresError, *LOST):
                if number == len(hosts):
                    raise
    raise AssertionError("unreachable")


async def _prepared(connection: asyncpg.Connection) -> asyncpg.Connection:
    try:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(
                name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
            )
    except BaseException:
        connection.terminate()
        raise
    return connection
