"""PgQueuer: its own QueueManager and driver, with the batch size that drains fastest here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.queue.sides import TARGET, Begin, Mix, Work

BATCH = 500
ENTRYPOINT = "noop"
PAYLOAD = TARGET.encode()


class _Enqueuer:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._queries = Queries(AsyncpgDriver(connection))

    async def one(self, number: int, mix: Mix) -> None:
        await self._queries.enqueue(ENTRYPOINT, PAYLOAD, mix.of(number)[1])

    async def many(self, numbers: range, mix: Mix) -> None:
        priorities = [mix.of(number)[1] for number in numbers]
        await self._queries.enqueue(
            [ENTRYPOINT] * len(numbers), [PAYLOAD] * len(numbers), priorities
        )


class PgQueuer:
    """The fastest other queue on PostgreSQL in Python that we know."""

    async def install(self, connection: asyncpg.Connection, dsn: str) -> None:
        queries = Queries(AsyncpgDriver(connection))
        await queries.install()
        await queries.optimize_autovacuum()

    async def clear(self, connection: asyncpg.Connection) -> None:
        await connection.execute("truncate pgqueuer, pgqueuer_log, pgqueuer_statistics")

    @asynccontextmanager
    async def enqueuer(self, dsn: str) -> AsyncIterator[_Enqueuer]:
        connection = await asyncpg.connect(dsn)
        try:
            yield _Enqueuer(connection)
        finally:
            await connection.close()

    async def mark(self, connection: asyncpg.Connection) -> Any:
        return await connection.fetchval("select coalesce(max(id), 0) from pgqueuer_log")

    async def settled_since(self, connection: asyncpg.Connection, mark: Any) -> int | None:
        found: int = await connection.fetchval(
            "select count(*) from pgqueuer_log where id > $1 and status = 'successful'", mark
        )
        return found

    @asynccontextmanager
    async def worker(self, dsn: str, begin: Begin) -> AsyncIterator[Work]:
        connection = await asyncpg.connect(dsn)
        manager = QueueManager(Queries(AsyncpgDriver(connection)))

        async def handle(job: Job) -> None:
            begin()

        manager.entrypoint(ENTRYPOINT)(handle)

        async def work(stopping: asyncio.Event) -> None:
            running = asyncio.create_task(manager.run(batch_size=BATCH))
            await stopping.wait()
            manager.shutdown.set()
            await running

        try:
            yield work
        finally:
            await connection.close()


SIDE = PgQueuer()
