"""All connections of the worker's pool are busy: its heartbeat has one of its own."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

from prompt_queue.jobs.job import Status
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.photographs import plain
from tests.proxy.conftest import enqueue, kinds, settled
from tests.worker.conftest import SettingsFactory, running

SIZE = 2


async def test_leases_are_kept_while_the_pool_is_exhausted(
    database: Database,
    database_url: str,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """For two lease times the worker cannot settle, and still nobody takes its job away."""
    lease = 1.0
    xai_stand_in.settings(latency_seconds=0.5)
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    store = PromptStore(database)
    pool = await Database.open(database_url, size=SIZE)

    async def called() -> bool:
        return bool(await store.calls(job_id))

    async with running(make_settings(lease_seconds=lease), pool):
        await until(called)
        async with AsyncExitStack() as hostages:
            for _ in range(SIZE):
                await hostages.enter_async_context(pool.transaction())
            enough = asyncio.get_running_loop().time() + 2 * lease

            async def endured() -> bool:
                await database.rows("free_expired_leases")
                return asyncio.get_running_loop().time() > enough

            await until(endured)
            held = await store.find_job(job_id)
            assert held is not None
            assert held.status is Status.PROCESSING
        job = await settled(database, job_id)
    await pool.close()
    assert (job.status, job.retry_count) == (Status.COMPLETED, 0)
    assert await kinds(database, job_id) == [
        "queued", "claimed", "pictures", "completed",
    ]  # fmt: skip
    assert len(xai_stand_in.calls()) == 1
