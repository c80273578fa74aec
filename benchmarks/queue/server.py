"""One durable PostgreSQL for all sides, with a database for each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from lab.cluster import DurableCluster

from benchmarks.queue.sides import side

# A checkpoint in the middle of somebody's round would make it the disk's round.
SETTINGS = {"max_wal_size": "8GB", "checkpoint_timeout": "1h", "track_functions": "all"}
SHOWN = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", *SETTINGS)


class Server:
    """The running cluster."""

    def __init__(self, cluster: DurableCluster) -> None:
        self._cluster = cluster

    def dsn(self, database: str = "postgres") -> str:
        """Where clients of a database connect."""
        return self._cluster.dsn.replace("/postgres?", f"/{database}?")

    @property
    def postmaster(self) -> int:
        """The process id of the running server."""
        return self._cluster.postmaster

    async def settings(self) -> dict[str, str]:
        """What this server promises, as it says itself."""
        connection = await asyncpg.connect(self.dsn())
        try:
            return {
                name: await connection.fetchval("select current_setting($1)", name)
                for name in ("server_version", *SHOWN)
            }
        finally:
            await connection.close()

    async def install(self, name: str) -> None:
        """Make a side's database."""
        connection = await asyncpg.connect(self.dsn())
        await connection.execute(f"create database {name}")
        await connection.close()
        connection = await asyncpg.connect(self.dsn(name))
        try:
            await side(name).install(connection, self.dsn(name))
        finally:
            await connection.close()


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """A server that is gone afterwards."""
    cluster = DurableCluster.create()
    try:
        found = Server(cluster)
        connection = await asyncpg.connect(found.dsn())
        for name, value in SETTINGS.items():
            await connection.execute(f"alter system set {name} = '{value}'")
        await connection.execute("select pg_reload_conf()")
        await connection.close()
        yield found
    finally:
        cluster.close()
