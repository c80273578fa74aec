"""Processes that are started while the database is away begin their work when it is back."""

import asyncio
from pathlib import Path
from uuid import UUID

from lab.proxy.postgres import PostgresProxy
from lab.proxy.tcp import Cut

from prompt_queue.jobs.job import Status
from prompt_queue.store.database import Database
from prompt_queue.testing import PictureServer
from prompt_queue.worker.run import run_worker
from tests.api.running import PHOTO, QUEUE, running
from tests.conftest import until
from tests.photographs import plain
from tests.proxy.conftest import enqueue, settled
from tests.worker.conftest import SettingsFactory


async def test_a_worker_waits(
    database: Database,
    proxy: PostgresProxy,
    demo: UUID,
    make_settings: SettingsFactory,
    picture_server: PictureServer,
) -> None:
    """It does not give up, and does the job that was waiting."""
    proxy.switch(up=Cut(), down=Cut())
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    work = asyncio.create_task(run_worker(make_settings(), proxy.dsn))
    try:

        async def knocked_twice() -> bool:
            return proxy.accepted >= 2

        await until(knocked_twice)
        assert not work.done()
        proxy.heal()
        assert (await settled(database, job_id)).status is Status.COMPLETED
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_a_server_says_that_it_is_not_ready(
    database: Database, proxy: PostgresProxy, demo: UUID, tmp_path: Path
) -> None:
    """It lives, answers 503 with its reason, and serves as soon as it can."""
    proxy.switch(up=Cut(), down=Cut())
    async with running(proxy.dsn, tmp_path) as api:
        assert (await api.get("/api/health/live")).status == 200
        reply = await api.get("/api/health/ready")
        assert (reply.status, reply.body["code"]) == (503, "database_unavailable")
        proxy.heal()

        async def ready() -> bool:
            return (await api.get("/api/health/ready")).status == 200

        await until(ready)
        asked = {"rowId": str(demo), "targetUrl": PHOTO}
        assert (await api.post(QUEUE, json=asked)).status == 202
