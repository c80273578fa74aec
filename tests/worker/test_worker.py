"""The worker against a real database and a real HTTP provider."""

import asyncio
from uuid import UUID

import pytest

from prompt_queue.jobs.job import MinQuality, PromptJob, Status
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database, Listener
from prompt_queue.store.intake import Intake, NewJob
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.photographs import photograph, plain
from tests.worker.conftest import SettingsFactory, running


@pytest.fixture
def store(database: Database) -> PromptStore:
    return PromptStore(database)


async def enqueue(database: Database, row: UUID, target: str, **values: object) -> UUID:
    job = NewJob(row_id=row, target_url=target, user_id=DEMO_USER_ID, **values)  # type: ignore[arg-type]
    return (await Intake(database).enqueue(job)).job_id


async def settled(store: PromptStore, job_id: UUID, deadline: float = 20.0) -> PromptJob:
    async def final() -> PromptJob | None:
        job = await store.find_job(job_id)
        return job if job and job.status.is_final else None

    found = await until(final, deadline)
    assert isinstance(found, PromptJob)
    return found


async def test_a_job_becomes_a_prompt_about_its_pictures(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """References go first and the target last, and the answer lands in the row with its cost."""
    reference = picture_server.add("ref.jpg", photograph("coffee"))
    target = picture_server.add("target.jpg", photograph("astronaut"))
    job_id = await enqueue(database, demo, target, ref_urls=(reference,))
    async with running(make_settings(), database):
        job = await settled(store, job_id)
    assert (job.status, job.model) == (Status.COMPLETED, "stand-in:grok-4.7")
    assert 25 <= len((job.generated_prompt or "").split()) <= 80
    (call,) = xai_stand_in.calls()
    assert call["image_count"] == 2
    (paid,) = await store.calls(job_id)
    assert (paid["state"], paid["http_status"]) == ("answered", 200)
    assert paid["cost_usd"] > 0


async def test_a_passing_fault_is_retried_from_the_row(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """Two 503s cost two retries, then the prompt comes."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": 2})
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    async with running(make_settings(), database):
        job = await settled(store, job_id)
    assert (job.status, job.retry_count, job.error) == (Status.COMPLETED, 2, None)
    assert [call["status"] for call in xai_stand_in.calls()] == [503, 503, 200]


async def test_a_rate_limit_burns_no_attempt(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """A 429 postpones the job and leaves its retries alone."""
    xai_stand_in.script({"fault": "rate_limit", "times": 2, "retryAfter": 0})
    job_id = await enqueue(
        database, demo, picture_server.add("t.png", plain("teal")), max_retries=0
    )
    async with running(make_settings(), database):
        job = await settled(store, job_id)
    assert (job.status, job.retry_count) == (Status.COMPLETED, 0)


async def test_a_broken_picture_fails_at_once_with_a_sentence(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """Input that can never work costs no retry and no call, and says which picture it was."""
    target = picture_server.add("t.png", b"this is not a picture", content_type="image/png")
    job_id = await enqueue(database, demo, target)
    async with running(make_settings(), database):
        job = await settled(store, job_id)
    assert (job.status, job.error_code, job.retry_count) == (Status.FAILED, "invalid_input", 0)
    assert "target picture" in (job.error or "")
    assert xai_stand_in.calls() == []


async def test_the_retries_are_used_up_and_the_job_fails_with_a_sentence(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """With Grok down for good the job fails after max_retries, in words for a person."""
    xai_stand_in.script({"fault": "status", "status": 500, "times": -1})
    job_id = await enqueue(
        database,
        demo,
        picture_server.add("t.png", plain("teal")),
        max_retries=1,
        min_quality=MinQuality.ANY_MODEL,
    )
    async with running(make_settings(models="grok-4.7"), database):
        job = await settled(store, job_id)
    assert (job.status, job.retry_count) == (Status.FAILED, 1)
    assert (job.error_code, job.error) == (
        "provider_unavailable",
        "Grok could not be reached; please try again later.",
    )
    assert len(xai_stand_in.calls()) == 2


async def test_a_slow_job_does_not_hold_up_its_neighbours(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """Nine quick jobs finish while the first one claimed still hangs."""
    xai_stand_in.script({"fault": "hang", "seconds": 60, "times": 1})
    url = picture_server.add("t.png", plain("teal"))
    slow = await enqueue(database, demo, url, priority=10)
    async with running(make_settings(drain_seconds=0.1), database):

        async def asked() -> bool:
            return len(xai_stand_in.calls()) + len(await store.calls(slow)) >= 1

        await until(asked)
        quick = [await enqueue(database, demo, url) for _ in range(9)]
        for job_id in quick:
            assert (await settled(store, job_id)).status is Status.COMPLETED
        assert (await store.find_job(slow)).status is Status.PROCESSING


async def test_a_drained_worker_hands_running_jobs_back(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """At shutdown a job that cannot be finished is queued again and has burnt no attempt."""
    xai_stand_in.script({"fault": "hang", "seconds": 60, "times": 1})
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    async with running(make_settings(drain_seconds=0.2), database):

        async def asked() -> object:
            return await store.calls(job_id)

        await until(asked)
    job = await store.find_job(job_id)
    assert (job.status, job.retry_count) == (Status.QUEUED, 0)
    async with running(make_settings(), database):
        assert (await settled(store, job_id)).status is Status.COMPLETED


async def test_a_cancel_stops_the_call_that_is_under_way(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """The heartbeat learns that the lease is gone, and closes the HTTP exchange within
    a third of the lease and a second."""
    lease_seconds = 3.0
    xai_stand_in.script({"fault": "hang", "seconds": 60, "times": 1})
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    async with running(make_settings(lease_seconds=lease_seconds), database):

        async def asked() -> object:
            return await store.calls(job_id)

        await until(asked)
        assert (await store.cancel(job_id, DEMO_USER_ID)).call_in_flight
        assert (await store.find_job(job_id)).status is Status.CANCELLED

        async def interrupted() -> bool:
            (call,) = await store.calls(job_id)
            return bool(call["state"] == "unanswered")

        await until(interrupted, lease_seconds / 3 + 1)
    assert (await store.find_job(job_id)).status is Status.CANCELLED


async def test_a_long_call_keeps_its_lease_by_heartbeats(
    database: Database,
    store: PromptStore,
    demo: UUID,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """A call of three lease times is made once and completes."""
    xai_stand_in.settings(latency_seconds=2.0)
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    async with running(make_settings(lease_seconds=0.6), database):
        job = await settled(store, job_id)
    assert job.status is Status.COMPLETED
    assert len(xai_stand_in.calls()) == 1
    assert "lease_lost" not in [event["kind"] for event in await store.events(job_id)]


async def test_workers_say_that_they_live_and_that_they_go(
    database: Database, demo: UUID, make_settings: SettingsFactory
) -> None:
    """A running worker is listed with its slots, a stopped one is not."""
    store = WorkerStore(database)
    async with running(make_settings(concurrency=7, lease_seconds=1), database):

        async def listed() -> object:
            return await store.workers()

        (worker,) = await until(listed)  # type: ignore[misc]
        assert worker.concurrency == 7
    assert await store.workers() == []


async def test_the_loop_learns_of_new_work_without_a_poll(
    database: Database,
    store: PromptStore,
    demo: UUID,
    direct_url: str,
    make_settings: SettingsFactory,
    picture_server: PictureServer,
) -> None:
    """NOTIFY wakes an idle worker long before its next poll; it comes past the pooler."""
    async with running(make_settings(poll_seconds=300), database) as parts:
        listening = Listener(direct_url, parts.loop.wake, writers_dsn=database.dsn)
        listener = asyncio.create_task(listening.run())
        # Idle pauses double: after this long the next look would be seconds away.
        await asyncio.sleep(3.4)
        job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
        assert (await settled(store, job_id, 1.2)).status is Status.COMPLETED
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
