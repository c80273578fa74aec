"""Behind a pooler nobody hears a NOTIFY: looking is cheap there, and enough."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from prompt_queue.store.database import ECHO_SECONDS, Database, Listener
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.testing import PictureServer, StandIn
from prompt_queue.worker.janitor import longest_pause
from prompt_queue.worker.run import run_worker
from tests.clusters import Setting
from tests.conftest import installed, until
from tests.photographs import plain
from tests.proxy.conftest import enqueue
from tests.worker.conftest import SettingsFactory, running

MOST_A_MINUTE = 45
COUNTED_SECONDS = 20
PICK_UP_SECONDS = 2.0
BUSY_MACHINE_SECONDS = 0.5
# After this long without work, counted from the start or from the last job, nothing is hurried.
IDLE_AFTER_SECONDS = 5


@pytest.fixture
def setting() -> Setting:
    """LISTEN is impossible here, and the pooler counts the statements."""
    return installed(Setting(pooled=True))


def statements(url: str) -> int:
    """How many the pooler has passed on to this database so far."""
    database = urlsplit(url).path[1:]
    console = urlsplit(url)._replace(path="/pgbouncer").geturl()
    shown = subprocess.run(
        ["psql", console, "-X", "-At", "-c", "show stats"],
        check=True,
        capture_output=True,
        text=True,
    )
    (line,) = [line for line in shown.stdout.splitlines() if line.startswith(f"{database}|")]
    return int(line.split("|")[2])


@pytest.fixture
async def idle_worker(
    database: Database,
    database_url: str,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
    tmp_path: Path,
) -> AsyncIterator[None]:
    """`prompt-queue work` with its default settings, after a while without work."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PROMPT_QUEUE_")} | {
        "DATABASE_URL": database_url,
        "XAI_API_KEY": xai_stand_in.api_key,
        "XAI_API_BASE": xai_stand_in.base_url,
        "PROMPT_QUEUE_DATA_DIR": str(tmp_path),
        "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": picture_server.host_port,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prompt_queue", "work", cwd=tmp_path, env=environment
    )
    try:
        await until(WorkerStore(database).workers)
        await asyncio.sleep(IDLE_AFTER_SECONDS)
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.usefixtures("idle_worker")
async def test_an_idle_worker_asks_less_than_forty_five_times_a_minute(database_url: str) -> None:
    """All of its statements count: looks, signs of life, attempts to listen."""
    begun, before = time.monotonic(), statements(database_url)
    await asyncio.sleep(COUNTED_SECONDS)
    asked = statements(database_url) - before
    assert 0 < asked < MOST_A_MINUTE * (time.monotonic() - begun) / 60


@pytest.mark.usefixtures("idle_worker")
async def test_an_idle_worker_takes_a_new_job_within_two_seconds(
    database: Database, demo: UUID, picture_server: PictureServer
) -> None:
    """Wherever in the pause between two looks the job comes."""
    store = PromptStore(database)
    url = picture_server.add("t.png", plain("teal"))
    for _ in range(3):
        job_id = await enqueue(database, demo, url)

        async def final(job_id: UUID = job_id) -> bool:
            job = await store.find_job(job_id)
            return job is not None and job.status.is_final

        await until(final)
        job = await store.find_job(job_id)
        assert job is not None
        assert job.started_at is not None
        waited = (job.started_at - job.created_at).total_seconds()
        assert waited <= PICK_UP_SECONDS + BUSY_MACHINE_SECONDS
        await asyncio.sleep(IDLE_AFTER_SECONDS)


async def test_the_jobs_of_a_dead_worker_are_free_within_a_lease_and_a_quarter(
    database: Database, demo: UUID, make_settings: SettingsFactory
) -> None:
    """Each lease runs out at a moment of its own, and an idle worker sees it in time."""
    lease_seconds = 3.0
    store = PromptStore(database)
    job_ids = [await enqueue(database, demo) for _ in range(6)]
    async with asyncio.TaskGroup() as group:
        for number in range(len(job_ids)):
            await asyncio.sleep(0.11)
            group.create_task(store.claim(1, f"dead-{number}", lease_seconds))

    async with running(make_settings(lease_seconds=lease_seconds, poll_seconds=300), database):
        for job_id in job_ids:
            claimed, lost = await until(lambda job_id=job_id: times(store, job_id))
            assert (lost - claimed).total_seconds() <= 1.25 * lease_seconds


async def times(store: PromptStore, job_id: UUID) -> tuple[datetime, datetime] | None:
    """When the job was claimed first, and when it was taken back."""
    events = await store.events(job_id)
    found = {event["kind"]: event["created_at"] for event in reversed(events)}
    return (found["claimed"], found["lease_lost"]) if "lease_lost" in found else None


@pytest.mark.parametrize("lease_seconds", [0.5, 1.0, 10.0, 30.0, 3600.0])
@pytest.mark.parametrize("hears", [True, False])
def test_no_pause_is_longer_than_a_quarter_of_a_lease(lease_seconds: float, hears: bool) -> None:
    """However rarely the operator wants to poll."""
    assert longest_pause(lease_seconds, 300.0, hears=hears) <= min(lease_seconds / 4, 5.0)


def test_who_hears_of_new_jobs_looks_less_often() -> None:
    assert longest_pause(30.0, 2.0, hears=True) > longest_pause(30.0, 2.0, hears=False) == 2.0


async def test_a_worker_that_cannot_look_any_more_ends_with_the_error(
    database_url: str, make_settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It drains and raises what happened, so that whoever supervises it starts another."""

    async def broken(_: WorkerStore) -> None:
        raise RuntimeError("no eyes")

    monkeypatch.setattr(WorkerStore, "look_after", broken)
    async with asyncio.timeout(20):
        with pytest.raises(ExceptionGroup) as raised:
            await run_worker(make_settings(), database_url)
    assert raised.group_contains(RuntimeError, match="no eyes")


async def test_a_listener_knows_whether_it_hears(database_url: str, direct_url: str) -> None:
    """A pooler accepts LISTEN and delivers nothing; past it arrives what its clients say."""
    woken = {"deaf": 0, "hearing": 0}

    def waker(name: str) -> None:
        woken[name] += 1

    deaf = Listener(database_url, lambda: waker("deaf"))
    hearing = Listener(direct_url, lambda: waker("hearing"), writers_dsn=database_url)
    tasks = [asyncio.create_task(listener.run()) for listener in (deaf, hearing)]
    try:

        async def heard() -> bool:
            return hearing.hears and woken["hearing"] > 0

        await until(heard)
        await asyncio.sleep(ECHO_SECONDS + 1)
        assert (deaf.hears, woken["deaf"], hearing.hears) == (False, 0, True)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
