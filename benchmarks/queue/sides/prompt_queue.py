"""Ours, with every guarantee on: the worker's own loop, station, heartbeat, janitor and listener.

Only the handler is replaced: it has its prompt at once.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

import prompt_queue
from benchmarks.queue.sides import TARGET, Begin, Mix, Work
from prompt_queue.generation.generator import Generator
from prompt_queue.generation.listing import ModelChain
from prompt_queue.jobs.backoff import RetryPolicy
from prompt_queue.jobs.ids import new_id
from prompt_queue.jobs.job import Claim
from prompt_queue.jobs.outcome import Done, GeneratedPrompt, Outcome
from prompt_queue.store.database import Database, Listener
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.store.model_store import ModelStore
from prompt_queue.store.operator_store import OperatorStore, Retention
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.wait_store import WaitStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.telemetry import configure_logging
from prompt_queue.worker.collector import calm_collector
from prompt_queue.worker.crew import Crew
from prompt_queue.worker.heartbeat import Heartbeat
from prompt_queue.worker.janitor import Janitor
from prompt_queue.worker.leases import HeldLeases
from prompt_queue.worker.ledger import StoreLedger
from prompt_queue.worker.loop import WorkLoop
from prompt_queue.worker.model_watch import ModelWatch
from prompt_queue.worker.stations import GenerationStation

SLOTS, CLAIM_LIMIT = 1000, 500
LEASE_SECONDS = 30.0
MOST_USERS = 1000
MODELS = ("grok", "grok-fallback")
ANSWER = Done(GeneratedPrompt(text="Make the sky blue and keep everything else.", model="grok"))

USERS = """
with users as (
  insert into auth.users (email)
  select 'user-' || n || '@example.com' from generate_series(1, $1::int) n
  returning id
),
models as (
  insert into public.models (user_id, name) select id, 'bench' from users returning id, user_id
)
insert into public.model_rows (model_id, user_id) select id, user_id from models
"""
ROWS = "select id, model_id, user_id from public.model_rows order by id"
INSERT_MANY = """
insert into public.prompt_generation_jobs (id, row_id, model_id, user_id, target_url, priority)
select t.id, t.row_id, t.model_id, t.user_id, $6, t.priority
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[])
  as t (id, row_id, model_id, user_id, priority)
"""
SETTLED = """
select count(*) from public.prompt_generation_jobs j
where j.status = 'completed' and j.completed_at >= $1
"""


class _Enqueuer:
    def __init__(self, connection: asyncpg.Connection, rows: list[asyncpg.Record]) -> None:
        self._connection = connection
        self._rows = rows

    async def one(self, number: int, mix: Mix) -> None:
        user, priority = mix.of(number)
        await prompt_queue.enqueue(
            self._connection,
            row_id=self._rows[user]["id"],
            target_url=TARGET,
            priority=priority,
        )

    async def many(self, numbers: range, mix: Mix) -> None:
        jobs = [mix.of(number) for number in numbers]
        owners = [self._rows[user] for user, _ in jobs]
        await self._connection.execute(
            INSERT_MANY,
            [new_id() for _ in jobs],
            [owner["id"] for owner in owners],
            [owner["model_id"] for owner in owners],
            [owner["user_id"] for owner in owners],
            [priority for _, priority in jobs],
            TARGET,
        )


class _AtOnce(GenerationStation):
    """Claims and settles as ever, but has the prompt without asking anybody."""

    begin: Begin

    async def handle(self, claim: Claim) -> Outcome:
        self.begin()
        return ANSWER


async def _no_list() -> None:
    """There is no provider."""


def _crew(database: Database, begin: Begin) -> Crew:
    name = f"bench-{os.getpid()}"
    store = PromptStore(database)
    leases = HeldLeases()
    station = _AtOnce(
        store,
        # It is never asked.
        Generator.__new__(Generator),
        StoreLedger(store, name),
        RetryPolicy(),
        worker=name,
        lease_seconds=LEASE_SECONDS,
        attempt_deadline=60.0,
        models=MODELS,
        patience=120.0,
    )
    station.begin = begin
    loop = WorkLoop(
        [station],
        leases,
        slots=SLOTS,
        claim_limit=CLAIM_LIMIT,
        poll_seconds=2.0,
        drain_seconds=20.0,
    )
    # Nobody is told of anything.
    deliveries = WorkLoop(
        [], HeldLeases(), slots=1, claim_limit=1, poll_seconds=2.0, drain_seconds=20.0
    )
    return Crew(
        loop,
        deliveries,
        Janitor(
            WorkerStore(database),
            OperatorStore(database),
            WaitStore(database),
            Retention(jobs_days=90, events_days=90, ledger_days=365),
            lease_seconds=LEASE_SECONDS,
            on_work=loop.wake,
            claimed=lambda: loop.tally["claimed"],
        ),
        leases,
        Heartbeat(database.dsn, name, SLOTS, leases, LEASE_SECONDS),
        ModelWatch(ModelChain(MODELS), ModelStore(database), _no_list),
        name,
    )


class PromptQueue:
    """Lease tokens, events, fair turns, ageing, foreign keys, final states and dependents."""

    async def install(self, connection: asyncpg.Connection, dsn: str) -> None:
        await migrate(dsn, read_migrations())
        await connection.execute(USERS, MOST_USERS)

    async def clear(self, connection: asyncpg.Connection) -> None:
        await connection.execute(
            "truncate public.prompt_generation_jobs, public.prompt_job_queue, "
            "public.prompt_job_events, public.jobs cascade"
        )

    @asynccontextmanager
    async def enqueuer(self, dsn: str) -> AsyncIterator[_Enqueuer]:
        connection = await asyncpg.connect(dsn)
        try:
            yield _Enqueuer(connection, await connection.fetch(ROWS))
        finally:
            await connection.close()

    async def mark(self, connection: asyncpg.Connection) -> Any:
        return await connection.fetchval("select clock_timestamp()")

    async def settled_since(self, connection: asyncpg.Connection, mark: Any) -> int | None:
        found: int = await connection.fetchval(SETTLED, mark)
        return found

    @asynccontextmanager
    async def worker(self, dsn: str, begin: Begin) -> AsyncIterator[Work]:
        configure_logging("warning", "console")
        database = await Database.open(dsn)
        crew = _crew(database, begin)

        async def work(stopping: asyncio.Event) -> None:
            background = [
                asyncio.create_task(crew.janitor.run()),
                asyncio.create_task(Listener(dsn, crew.loop.wake).run()),
            ]
            calm_collector()
            crew.heartbeat.start()
            running = asyncio.create_task(crew.loop.run())
            await stopping.wait()
            crew.loop.stop()
            await running
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await asyncio.to_thread(crew.heartbeat.stop)

        try:
            yield work
        finally:
            await database.close()


SIDE = PromptQueue()
