"""A worker process and its signals: the first SIGTERM drains, the second one hurries."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from prompt_queue.jobs.job import Status
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.photographs import plain
from tests.proxy.conftest import enqueue

DRAIN_SECONDS = 60
LONG_SECONDS = 120
Start = Callable[[], AbstractAsyncContextManager[asyncio.subprocess.Process]]


@pytest.fixture
def store(database: Database) -> PromptStore:
    return PromptStore(database)


@pytest.fixture
def worker(
    xai_stand_in: StandIn, picture_server: PictureServer, tmp_path: Path, database_url: str
) -> Start:
    """Starts `prompt-queue work`, one job at a time; killed at the end if it still runs."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PROMPT_QUEUE_")} | {
        "DATABASE_URL": database_url,
        "XAI_API_KEY": xai_stand_in.api_key,
        "XAI_API_BASE": xai_stand_in.base_url,
        "PROMPT_QUEUE_DATA_DIR": str(tmp_path),
        "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": picture_server.host_port,
        "PROMPT_QUEUE_DRAIN_SECONDS": str(DRAIN_SECONDS),
        "PROMPT_QUEUE_CONCURRENCY": "1",
    }

    @asynccontextmanager
    async def start() -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "prompt_queue", "work", cwd=tmp_path, env=environment
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return start


async def under_way(store: PromptStore, job_id: UUID) -> None:
    """Wait until the provider was asked."""

    async def asked() -> object:
        return await store.calls(job_id)

    await until(asked)


async def test_a_first_signal_lets_the_running_job_end_and_claims_no_other(
    database: Database,
    store: PromptStore,
    demo: UUID,
    worker: Start,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    xai_stand_in.settings(latency_seconds=2.0)
    url = picture_server.add("t.png", plain("teal"))
    running, waiting = [await enqueue(database, demo, url) for _ in range(2)]
    async with worker() as process:
        await under_way(store, running)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DRAIN_SECONDS / 2):
            assert await process.wait() == 0
    assert (await store.find_job(running)).status is Status.COMPLETED
    left = await store.find_job(waiting)
    assert (left.status, left.retry_count, left.started_at) == (Status.QUEUED, 0, None)


async def test_a_second_signal_hands_the_running_job_back_at_once(
    database: Database,
    store: PromptStore,
    demo: UUID,
    worker: Start,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """The drain time is a minute; the job is queued again after seconds, with all its retries."""
    xai_stand_in.script({"fault": "hang", "seconds": LONG_SECONDS, "times": 1})
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    async with worker() as process:
        await under_way(store, job_id)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(1)
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DRAIN_SECONDS / 4):
            assert await process.wait() == 0
    job = await store.find_job(job_id)
    assert (job.status, job.retry_count) == (Status.QUEUED, 0)
