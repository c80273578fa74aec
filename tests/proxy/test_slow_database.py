"""A database that is silent or slow: the API says so on time, and the worker loses nothing."""

import time
from pathlib import Path
from uuid import UUID

import pytest
from lab.proxy.postgres import PostgresProxy
from lab.proxy.tcp import Delay, Drip, Mode

from prompt_queue.jobs.job import Status
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn
from tests.api.running import running as api_running
from tests.conftest import until
from tests.photographs import plain
from tests.proxy.conftest import enqueue, kinds, settled
from tests.worker.conftest import SettingsFactory, running


async def test_readiness_says_503_on_time_while_the_database_is_silent(
    proxy: PostgresProxy, demo: UUID, tmp_path: Path
) -> None:
    """Within two seconds, again and again; and 200 soon after the database is back."""
    async with api_running(proxy.dsn, tmp_path) as api:
        assert (await api.get("/api/health/ready")).status == 200
        proxy.silence()
        for _ in range(3):
            begun = time.monotonic()
            reply = await api.get("/api/health/ready")
            assert (reply.status, reply.body["code"]) == (503, "database_unavailable")
            assert time.monotonic() - begun < 2
        proxy.heal()

        async def ready() -> bool:
            return (await api.get("/api/health/ready")).status == 200

        await until(ready, 10)


async def test_a_silence_that_outlasts_the_lease_loses_no_job(
    database: Database,
    proxy: PostgresProxy,
    proxied: Database,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """The lease is freed by others meanwhile; afterwards the job completes, and completes once."""
    xai_stand_in.settings(latency_seconds=0.5)
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))

    async def freed() -> bool:
        await database.rows("free_expired_leases")
        return "lease_lost" in await kinds(database, job_id)

    async def called() -> bool:
        return bool(await PromptStore(database).calls(job_id))

    async with running(make_settings(lease_seconds=0.6), proxied):
        await until(called)
        proxy.silence()
        await until(freed)
        proxy.heal()
        job = await settled(database, job_id)
    assert job.status is Status.COMPLETED
    assert (await kinds(database, job_id)).count("completed") == 1
    assert len(xai_stand_in.calls()) <= job.max_retries + 1


@pytest.mark.parametrize("mode", [Delay(0.02), Drip(20_000)], ids=["delayed", "dripping"])
async def test_a_slow_line_only_costs_time(
    database: Database,
    proxy: PostgresProxy,
    proxied: Database,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
    mode: Mode,
) -> None:
    """Three jobs complete with one call each, although every answer takes its time."""
    target = picture_server.add("t.png", plain("teal"))
    jobs = [await enqueue(database, demo, target) for _ in range(3)]
    proxy.switch(up=mode, down=mode)
    async with running(make_settings(), proxied):
        done = [await settled(database, job_id) for job_id in jobs]
    assert [(job.status, job.retry_count) for job in done] == [(Status.COMPLETED, 0)] * 3
    assert len(xai_stand_in.calls()) == 3
