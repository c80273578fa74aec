"""Applies `supabase/migrations/*.sql` in order, once, under one lock."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from prompt_queue.failpoints import reached
from prompt_queue.store.database import DatabaseRefused, connect

# One lock for everybody who migrates this database; the number is the package's name in ASCII.
_LOCK_KEY = int.from_bytes(b"promptq")
_MIGRATION_SECONDS = 600.0
OLDEST_VERSION = 150000
# Texts that did the same, but that PostgreSQL took from superusers alone.
EARLIER_CHECKSUMS = {
    "20261124000300": "e3da0ce856ff6373074547da9e8c17d37424e8667d971d99e68828cbfc721c1a",
    "20261125000200": "46c860e6da9f2658701f1cfc9f462aa481f61db9aa3dbdf0b0c2df9e2d1daf37",
}


class MigrationError(Exception):
    """The database cannot be brought to this version; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `20261124000100_neighbours.sql` has version 20261124000100 and its name."""

    version: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found and did."""

    already: tuple[Migration, ...]
    applied: tuple[Migration, ...]


def migrations_folder() -> Path:
    """Where the files are: beside the code in a wheel, at the top of the tree in a checkout."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "supabase/migrations"


def read_migrations(folder: Path | None = None) -> list[Migration]:
    """All migrations in order. Raises MigrationError where there are none."""
    folder = folder or migrations_folder()
    found = []
    for path in sorted(folder.glob("*.sql")):
        version, _, name = path.stem.partition("_")
        found.append(Migration(version, name, path.read_text("utf-8")))
    if not found:
        raise MigrationError(f"there are no migrations in {folder}")
    return found


def pending(migrations: Sequence[Migration], recorded: dict[str, str | None]) -> list[Migration]:
    """What is still to be applied, given version -> checksum of what was (None: not known).

    Raises MigrationError when an applied file was edited, or the database is ahead of the code.
    """
    for migration in migrations:
        checksum = recorded.get(migration.version)
        earlier = EARLIER_CHECKSUMS.get(migration.version)
        if checksum not in (None, migration.checksum, earlier):
            raise MigrationError(
                f"{migration.version}_{migration.name}.sql was edited after it was applied; "
                "put the old text back and write a new migration"
            )
    return [m for m in migrations if m.version not in recorded]


async def migrate(dsn: str, migrations: Sequence[Migration], *, dry_run: bool = False) -> Report:
    """Bring the database to the newest version, each file in a transaction of its own.

    Raises MigrationError, DatabaseUnavailable.
    """
    connection = await connect(dsn)
    try:
        await _refuse_old_server(connection)
        todo = pending(migrations, await _recorded(connection))
        already = tuple(m for m in migrations if m not in todo)
        if dry_run:
            return Report(already, tuple(todo))
        applied = []
        for migration in todo:
            if await _apply(connection, migration):
                applied.append(migration)
        return Report(already, tuple(applied))
    finally:
        await connection.close()


async def missing_versions(dsn: str, migrations: Sequence[Migration]) -> list[Migration]:
    """The migrations that the database does not have yet. Raises DatabaseUnavailable."""
    connection = await connect(dsn)
    try:
        return pending(migrations, await _recorded(connection))
    finally:
        await connection.close()


async def _refuse_old_server(connection: asyncpg.Connection) -> None:
    number = await connection.fetchval("select current_setting('server_version_num')::int")
    if number < OLDEST_VERSION:
        raise MigrationError(
            f"PostgreSQL {number // 10000} is too old; prompt-queue needs 15 to 18"
        )


async def _recorded(connection: asyncpg.Connection) -> dict[str, str | None]:
    recorded: dict[str, str | None] = {}
    supabase = "supabase_migrations.schema_migrations"
    if await connection.fetchval("select to_regclass($1)", supabase) is not None:
        rows = await connection.fetch(f"select version from {supabase}")  # noqa: S608
        recorded |= {row["version"]: None for row in rows}
    ours = "public.prompt_queue_migrations"
    if await connection.fetchval("select to_regclass($1)", ours) is not None:
        rows = await connection.fetch(f"select version, checksum from {ours}")  # noqa: S608
        recorded |= {row["version"]: row["checksum"] for row in rows}
    return recorded


async def _apply(connection: asyncpg.Connection, migration: Migration) -> bool:
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK_KEY)
            await connection.execute(
                "create table if not exists public.prompt_queue_migrations ("
                "version text primary key, name text not null, checksum text not null, "
                "applied_at timestamptz not null default clock_timestamp())"
            )
            await connection.execute(
                "alter table public.prompt_queue_migrations enable row level security"
            )
            if migration.version in await _recorded(connection):
                return False
            await connection.execute(migration.sql, timeout=_MIGRATION_SECONDS)
            reached("migration.inside")
            await connection.execute(
                "insert into public.prompt_queue_migrations (version, name, checksum) "
                "values ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
            await _record_for_supabase(connection, migration)
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"{migration.version}_{migration.name}.sql failed and was undone: {error}"
        ) from DatabaseRefused(str(error), error.sqlstate, None)
    return True


async def _record_for_supabase(connection: asyncpg.Connection, migration: Migration) -> None:
    """So that `supabase db push` sees the file as applied, where that tool keeps its record."""
    record = "supabase_migrations.schema_migrations"
    if await connection.fetchval("select to_regclass($1)", record) is not None:
        await connection.execute(
            f"insert into {record} (version, name) values ($1, $2) on conflict do nothing",  # noqa: S608
            migration.version,
            migration.name,
        )
