"""Procrastinate: its own worker on psycopg, with as many jobs at once as help it here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from procrastinate import App, PsycopgConnector

from benchmarks.queue.sides import TARGET, Begin, Mix, Work

CONCURRENCY = 20
TASK = "noop"


def _app(dsn: str, connections: int = 1) -> App:
    return App(connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=connections))


class _Enqueuer:
    def __init__(self, app: App) -> None:
        self._app = app

    async def one(self, number: int, mix: Mix) -> None:
        deferrer = self._app.configure_task(TASK, priority=mix.of(number)[1])
        await deferrer.defer_async(target_url=TARGET)

    async def many(self, numbers: range, mix: Mix) -> None:
        by_priority: dict[int, int] = {}
        for number in numbers:
            priority = mix.of(number)[1]
            by_priority[priority] = by_priority.get(priority, 0) + 1
        for priority, jobs in by_priority.items():
            deferrer = self._app.configure_task(TASK, priority=priority)
            await deferrer.batch_defer_async(*[{"target_url": TARGET}] * jobs)


class Procrastinate:
    """A well-known queue that takes one job at a time."""

    async def install(self, connection: asyncpg.Connection, dsn: str) -> None:
        async with (app := _app(dsn)).open_async():
            await app.schema_manager.apply_schema_async()

    async def clear(self, connection: asyncpg.Connection) -> None:
        await connection.execute("truncate procrastinate_jobs, procrastinate_events cascade")

    @asynccontextmanager
    async def enqueuer(self, dsn: str) -> AsyncIterator[_Enqueuer]:
        async with (app := _app(dsn)).open_async():
            yield _Enqueuer(app)

    async def mark(self, connection: asyncpg.Connection) -> Any:
        return await connection.fetchval("select coalesce(max(id), 0) from procrastinate_events")

    async def settled_since(self, connection: asyncpg.Connection, mark: Any) -> int | None:
        found: int = await connection.fetchval(
            "select count(*) from procrastinate_events where id > $1 and type = 'succeeded'", mark
        )
        return found

    @asynccontextmanager
    async def worker(self, dsn: str, begin: Begin) -> AsyncIterator[Work]:
        app = _app(dsn, CONCURRENCY + 2)

        async def handle(target_url: str) -> None:
            begin()

        app.task(name=TASK)(handle)

        async def work(stopping: asyncio.Event) -> None:
            running = asyncio.create_task(
                app.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=False)
            )
            await stopping.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        async with app.open_async():
            yield work


SIDE = Procrastinate()
