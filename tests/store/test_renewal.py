"""The queue's narrow table is written anew where an old snapshot keeps its dead rows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest

from prompt_queue.jobs.job import Status
from prompt_queue.jobs.outcome import Done, GeneratedPrompt
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.store.worker_store import WorkerStore
from tests.conftest import until
from tests.store.test_claim_and_settle import enqueue
from tests.store.test_order import user_with_jobs

EVERYTHING = "select q.* from public.prompt_job_queue q order by q.job_id"
AT_ONCE = "select public.renew_prompt_job_queue(0, 0)"
OPEN = "select count(*) from public.prompt_generation_jobs where completed_at is null"
BY_ITS_RULES = "select public.renew_prompt_job_queue(500, 0)"
DONE = Done(GeneratedPrompt(text="Paint it.", model="grok-4.7"))

Connect = Callable[[], Awaitable[asyncpg.Connection]]


@pytest.fixture
async def connect(database: Database) -> AsyncIterator[Connect]:
    """More connections to the test's own database."""
    opened: list[asyncpg.Connection] = []

    async def new() -> asyncpg.Connection:
        opened.append(await asyncpg.connect(database.dsn, statement_cache_size=0))
        return opened[-1]

    yield new
    for connection in opened:
        await connection.close()


async def drain(store: PromptStore, jobs: int) -> None:
    for _ in range(0, jobs, 200):
        claims = await store.claim(200, "w", 30)
        await store.settle([outcome_as_json(claim, DONE) for claim in claims])


async def test_every_row_is_as_it_was(database: Database, demo: UUID, connect: Connect) -> None:
    """Waiting, leased with its token, delayed: nothing about a job changes."""
    store = PromptStore(database)
    for priority in range(1, 7):
        await enqueue(database, demo, priority=priority)
    held = await store.claim(2, "w", 30)
    sql = await connect()
    before = await sql.fetch(EVERYTHING)
    assert await sql.fetchval(AT_ONCE)
    assert await sql.fetch(EVERYTHING) == before
    settled = await store.settle([outcome_as_json(claim, DONE) for claim in held])
    assert {one.status for one in settled} == {Status.COMPLETED}


async def test_dead_rows_go_although_a_snapshot_is_held(
    database: Database, demo: UUID, connect: Connect
) -> None:
    """Vacuum must keep them; the next look reads through none of them."""
    store = PromptStore(database)
    holder, sql = await connect(), await connect()
    async with holder.transaction(isolation="repeatable_read"):
        await holder.fetchval("select count(*) from public.prompt_queue_settings")
        await user_with_jobs(sql, 2000)
        # Inserts counted after the vacuum would be taken for living rows.
        await sql.execute("select pg_stat_force_next_flush()")
        await drain(store, 2000)
        await sql.execute("vacuum public.prompt_job_queue")

        async def pages() -> int:
            size = "select pg_relation_size('public.prompt_job_queue_lane_idx') / 8192"
            return int(await sql.fetchval(size))

        assert await pages() > 5

        async def renewed() -> bool:
            # The statistics follow after a moment.
            return bool(await sql.fetchval(BY_ITS_RULES))

        await until(renewed)
        assert await pages() <= 2

        async def enough() -> bool:
            return not await renewed()

        await until(enough)


async def test_it_does_not_wait_for_whoever_reads_the_table(
    database: Database, demo: UUID, connect: Connect
) -> None:
    """A dump of this very table goes on, and so does the queue behind it."""
    await enqueue(database, demo)
    reader, sql = await connect(), await connect()
    async with reader.transaction():
        await reader.fetch(EVERYTHING)
        assert not await sql.fetchval(AT_ONCE)
        assert len(await PromptStore(database).claim(1, "w", 30)) == 1
    assert await sql.fetchval(AT_ONCE)


async def test_nothing_is_lost_or_given_out_twice_while_it_happens(
    database: Database, connect: Connect
) -> None:
    """Workers claim and settle, the table is written anew again and again."""
    store = PromptStore(database)
    sql, other = await connect(), await connect()
    await user_with_jobs(sql, 1500)
    claimed: list[UUID] = []
    over = asyncio.Event()

    async def work(name: str) -> None:
        while claims := await store.claim(20, name, 30):
            claimed.extend(claim.job_id for claim in claims)
            settled = await store.settle([outcome_as_json(claim, DONE) for claim in claims])
            assert all(one.applied for one in settled)

    async def renew() -> int:
        times = 0
        while not over.is_set():
            times += bool(await other.fetchval(AT_ONCE))
            await asyncio.sleep(0.01)
        return times

    renewing = asyncio.create_task(renew())
    await asyncio.gather(*(work(f"w{n}") for n in range(3)))
    over.set()
    assert await renewing > 1
    await work("last")
    assert len(claimed) == len(set(claimed)) == 1500
    stats = await store.stats()
    assert (stats.total_completed, stats.total_queued) == (1500, 0)


async def test_a_dump_from_the_moment_between_finds_its_places_again(
    database: Database, demo: UUID, connect: Connect
) -> None:
    """Its snapshot is older than the new table: it holds the record, and not one place."""
    store, workers = PromptStore(database), WorkerStore(database)
    for priority in (1, 5, 9):
        await enqueue(database, demo, priority=priority)
    held = (await store.claim(1, "w", 30))[0]
    dump, sql = await connect(), await connect()
    await dump.execute("begin transaction isolation level repeatable read")
    await dump.fetch("select * from public.prompt_queue_pauses")
    assert await sql.fetchval(AT_ONCE)
    dumped = await dump.fetch(EVERYTHING)
    assert dumped == []
    assert await dump.fetchval(OPEN) == 3
    await dump.execute("rollback")
    assert await workers.readmit() == 0
    await sql.execute("truncate public.prompt_job_queue")
    assert await workers.readmit() == 3
    assert await workers.readmit() == 0
    claims = await store.claim(9, "w", 30)
    assert [claim.priority for claim in claims] == [9, 5, 1]
    assert claims[0].job_id == held.job_id
    # The worker of before the dump still has a paid prompt: it is not lost, and not written twice.
    settled = await store.settle([outcome_as_json(claim, DONE) for claim in [held, *claims]])
    assert {one.status for one in settled} == {Status.COMPLETED}
    kinds = await sql.fetch("select kind from public.prompt_job_events where kind = 'readmitted'")
    assert len(kinds) == 3


async def test_readmission_leaves_jobs_alone_that_are_on_their_way(
    database: Database, demo: UUID, connect: Connect
) -> None:
    """Beside workers that claim and settle nothing is placed twice, nothing that ended returns."""
    store, workers = PromptStore(database), WorkerStore(database)
    sql = await connect()
    await user_with_jobs(sql, 600)
    going = True

    async def readmit() -> int:
        found = 0
        while going:
            found += await workers.readmit()
        return found

    readmitting = asyncio.create_task(readmit())
    await asyncio.gather(drain(store, 300), drain(store, 300))
    going = False
    assert await readmitting == 0
    assert await sql.fetchval(OPEN) == 0
    assert await sql.fetch(EVERYTHING) == []
