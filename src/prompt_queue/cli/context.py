"""The database as commands use it: found, started if it is ours, and known to be migrated."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from prompt_queue.cli.errors import CommandFailed, ExitCode
from prompt_queue.cli.waiting import spinner

if TYPE_CHECKING:
    from prompt_queue.settings import Settings
    from prompt_queue.store.database import Database
    from prompt_queue.store.migrate import Migration

_T = TypeVar("_T")


def run_with_database(
    data_dir: Path | None, work: Callable[["Database", "Settings"], Awaitable[_T]]
) -> _T:
    """Do the work on the database of DATABASE_URL, or on the embedded one.

    Raises SettingsError, EmbeddedPostgresError, DatabaseUnavailable, MigrationError, and
    CommandFailed where migrations are missing.
    """
    from prompt_queue.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    with dsn_of(settings) as dsn:

        async def run() -> _T:
            async with open_database(dsn) as database:
                return await work(database, settings)

        return asyncio.run(run())


@contextmanager
def dsn_of(settings: "Settings") -> Iterator[str]:
    """The DSN to use; the embedded server runs at least as long as the block.

    Starting it blocks, and happens before there is an event loop that could be held up.
    Raises EmbeddedPostgresError.
    """
    from prompt_queue.cli.processes import database_dsn

    held = ExitStack()
    with spinner("starting the embedded PostgreSQL"):
        dsn = held.enter_context(database_dsn(settings))
    try:
        yield dsn
    finally:
        with spinner("stopping the embedded PostgreSQL"):
            held.close()


@asynccontextmanager
async def open_database(dsn: str) -> AsyncIterator["Database"]:
    """A migrated database. Raises DatabaseUnavailable, MigrationError, CommandFailed."""
    from prompt_queue.store.database import Database
    from prompt_queue.store.migrate import missing_versions, read_migrations

    missing = await missing_versions(dsn, read_migrations())
    if missing:
        raise CommandFailed(missing_sentence(missing), ExitCode.UNREACHABLE)
    database = await Database.open(dsn, size=2)
    try:
        yield database
    finally:
        await database.close()


def missing_sentence(missing: Sequence["Migration"]) -> str:
    """What the database lacks and what to do about it."""
    files = "1 migration" if len(missing) == 1 else f"{len(missing)} migrations"
    return (
        f"the database lacks {files}, the first is {file_name(missing[0])}; "
        "run: prompt-queue migrate"
    )


def file_name(migration: "Migration") -> str:
    """The name of the migration's file."""
    return f"{migration.version}_{migration.name}.sql"
