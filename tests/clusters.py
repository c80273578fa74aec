"""Throw-away PostgreSQL servers for the suite: one a major version, one database a test."""

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from prompt_queue.store.embedded_account import Account, choose_account, run_as
from prompt_queue.store.embedded_binaries import install_for
from prompt_queue.store.migrate import migrate, read_migrations
from tests.pooler import PORT, PROGRAM, Pooler

DEBIAN = Path("/usr/lib/postgresql")
EMBEDDED_MAJOR = 18


@dataclass(frozen=True)
class Setting:
    """What a test runs on: a major version, with PgBouncer between or without."""

    major: int = EMBEDDED_MAJOR
    pooled: bool = False

    def __str__(self) -> str:
        return f"pg{self.major}{'-pgbouncer' if self.pooled else ''}"

    @property
    def missing(self) -> str | None:
        """The Debian package that this machine lacks for it."""
        if self.major != EMBEDDED_MAJOR and not (DEBIAN / str(self.major)).is_dir():
            return f"postgresql-{self.major}"
        return "pgbouncer" if self.pooled and PROGRAM is None else None


def binaries_of(major: int, account: Account | None) -> Path | None:
    """The folder with the programs of a major version, or None where it is not installed."""
    if major == EMBEDDED_MAJOR:
        return install_for(account) / "bin"
    folder = DEBIAN / str(major) / "bin"
    return folder if (folder / "postgres").exists() else None


@dataclass
class Cluster:
    """A running server without durability, reachable through a socket in its own folder."""

    folder: Path
    binaries: Path
    account: Account | None
    password: str

    @classmethod
    def start(cls, major: int) -> "Cluster | None":
        account = choose_account(os.geteuid(), None, None)
        binaries = binaries_of(major, account)
        if binaries is None:
            return None
        folder = Path(tempfile.mkdtemp(prefix="pq-test-", dir="/tmp"))
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        cluster = cls(folder, binaries, account, secrets.token_hex(16))
        passfile = folder / "password"
        passfile.write_text(cluster.password)
        if account is not None:
            os.chown(passfile, account.uid, account.gid)
        cluster._run("initdb", "-D", cluster.data, "-U", "tester", "-A", "scram-sha-256",
                     f"--pwfile={passfile}", "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
        options = (
            f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off "
            "-c synchronous_commit=off -c max_connections=200 -c autovacuum=off"
        )
        cluster._run("pg_ctl", "-D", cluster.data, "-l", str(folder / "log"), "-o", options,
                     "-w", "start")  # fmt: skip
        return cluster

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def dsn(self, database: str) -> str:
        return f"postgresql://tester:{self.password}@/{database}?host={self.folder}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            **run_as(self.account),
        )


class Clusters:
    """Starts a server when a test first asks for its version; stops all at the end."""

    def __init__(self) -> None:
        self._running: dict[int, Cluster | None] = {}
        self._migrated: set[int] = set()
        self._poolers: dict[int, Pooler] = {}

    def server(self, major: int) -> Cluster | None:
        if major not in self._running:
            self._running[major] = Cluster.start(major)
        return self._running[major]

    async def execute(self, cluster: Cluster, sql: str) -> None:
        connection = await asyncpg.connect(cluster.dsn("postgres"))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def clone(self, major: int, name: str, *, migrated: bool = True) -> str:
        """A new database, with the schema or empty; returns its DSN."""
        cluster = self.server(major)
        assert cluster is not None
        if migrated and major not in self._migrated:
            await self.execute(cluster, "create database migrated")
            await migrate(cluster.dsn("migrated"), read_migrations())
            self._migrated.add(major)
        template = "migrated" if migrated else "template1"
        await self.execute(cluster, f"create database {name} template {template}")
        return cluster.dsn(name)

    async def drop(self, major: int, name: str) -> None:
        cluster = self.server(major)
        assert cluster is not None
        await self.execute(cluster, f"drop database if exists {name} with (force)")

    def pooled(self, major: int, direct_dsn: str) -> str:
        """The same database behind PgBouncer in transaction mode."""
        cluster = self.server(major)
        assert cluster is not None
        if major not in self._poolers:
            self._poolers[major] = Pooler.start(
                cluster.folder, "tester", cluster.password, cluster.account
            )
        pooler = self._poolers[major]
        return direct_dsn.replace(str(cluster.folder), f"{pooler.folder}&port={PORT}")

    def stop(self) -> None:
        for pooler in self._poolers.values():
            pooler.stop()
        for cluster in self._running.values():
            if cluster is not None:
                cluster.stop()
