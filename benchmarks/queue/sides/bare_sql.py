"""The limit on this machine: plain statements on one table, with no guarantee beyond the row."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from benchmarks.queue.sides import TARGET, Begin, Mix, Work

BATCH = 200
POLL_SECONDS = 0.5
CHANNEL = "bare_jobs"

TABLE = """
create table bare_jobs (
  id bigint generated always as identity primary key, user_id int not null,
  priority smallint not null, target_url text not null, state text not null default 'ready',
  created_at timestamptz not null default now()
);
create index on bare_jobs (priority desc, id) where state = 'ready';
"""
INSERT = f"""
with job as (
  insert into bare_jobs (user_id, priority, target_url) values ($1, $2, $3) returning id
)
select pg_notify('{CHANNEL}', '') from job
"""
INSERT_MANY = """
insert into bare_jobs (user_id, priority, target_url)
select u, p, $3 from unnest($1::int[], $2::int[]) as t (u, p)
"""
TAKE = """
with picked as materialized (
  select id from bare_jobs where state = 'ready' order by priority desc, id limit $1
  for update skip locked
)
update bare_jobs j set state = 'taken' from picked p where j.id = p.id returning j.id
"""
DELETE = "delete from bare_jobs where id = any ($1)"


class _Enqueuer:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def one(self, number: int, mix: Mix) -> None:
        await self._connection.execute(INSERT, *mix.of(number), TARGET)

    async def many(self, numbers: range, mix: Mix) -> None:
        users, priorities = zip(*(mix.of(number) for number in numbers), strict=True)
        await self._connection.execute(INSERT_MANY, users, priorities, TARGET)


class BareSql:
    """Insert, take with SKIP LOCKED, delete."""

    async def install(self, connection: asyncpg.Connection, dsn: str) -> None:
        await connection.execute(TABLE)

    async def clear(self, connection: asyncpg.Connection) -> None:
        await connection.execute("truncate bare_jobs")

    @asynccontextmanager
    async def enqueuer(self, dsn: str) -> AsyncIterator[_Enqueuer]:
        connection = await asyncpg.connect(dsn)
        try:
            yield _Enqueuer(connection)
        finally:
            await connection.close()

    async def mark(self, connection: asyncpg.Connection) -> Any:
        return None

    async def settled_since(self, connection: asyncpg.Connection, mark: Any) -> int | None:
        return None

    @asynccontextmanager
    async def worker(self, dsn: str, begin: Begin) -> AsyncIterator[Work]:
        connection = await asyncpg.connect(dsn)
        ears = await asyncpg.connect(dsn)
        woken = asyncio.Event()
        await ears.add_listener(CHANNEL, lambda *_: woken.set())

        async def work(stopping: asyncio.Event) -> None:
            while not stopping.is_set():
                woken.clear()
                taken = await connection.fetch(TAKE, BATCH)
                for _ in taken:
                    begin()
                if taken:
                    await connection.execute(DELETE, [row["id"] for row in taken])
                else:
                    await _first_of(woken, stopping)

        try:
            yield work
        finally:
            await connection.close()
            await ears.close()


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


SIDE = BareSql()
