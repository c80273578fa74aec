"""One statement tells a worker what there is to do, and it costs next to nothing."""

from uuid import UUID

import asyncpg

from prompt_queue.store.database import Database, queries
from prompt_queue.store.operator_store import OperatorStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.worker_store import WorkerStore
from tests.proxy.conftest import enqueue
from tests.store.test_plans import crowded, touched

__all__ = ["crowded"]


async def test_a_look_reads_a_handful_of_rows(crowded: asyncpg.Connection) -> None:
    """With 20,000 jobs waiting, and with statistics old and new."""
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze")
        scans, rows = await touched(crowded, queries()["look_after"])
        assert scans <= 1, "the pauses may be read as a whole, they are one row a model"
        assert rows <= 10


async def test_an_empty_queue_gives_no_reason_to_claim(database: Database) -> None:
    assert not (await WorkerStore(database).look_after()).something_to_claim


async def test_a_waiting_job_is_seen_until_it_is_claimed(database: Database, demo: UUID) -> None:
    workers, store = WorkerStore(database), PromptStore(database)
    await enqueue(database, demo)
    assert (await workers.look_after()).something_to_claim
    await store.claim(1, "w", 30)
    assert not (await workers.look_after()).something_to_claim


async def test_a_paused_queue_gives_no_reason_to_claim(database: Database, demo: UUID) -> None:
    """A worker that waits for the operator asks no more than an idle one."""
    operator, workers = OperatorStore(database), WorkerStore(database)
    await enqueue(database, demo)
    await operator.pause(None, "maintenance", "test")
    assert not (await workers.look_after()).something_to_claim
    await operator.resume(None)
    assert (await workers.look_after()).something_to_claim
