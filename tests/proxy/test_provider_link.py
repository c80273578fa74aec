"""A bad line to Grok: the job ends, the calls stay bounded, and the ledger says what is unknown."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from lab.proxy.tcp import Blackhole, Cut, Mode, TcpProxy

from prompt_queue.jobs.job import MinQuality, Status
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.testing import PictureServer, StandIn
from tests.conftest import until
from tests.photographs import plain
from tests.proxy.conftest import enqueue, settled
from tests.worker.conftest import SettingsFactory, running

MAX_RETRIES = 1


@pytest.fixture
async def line(xai_stand_in: StandIn) -> AsyncIterator[TcpProxy]:
    """The line between the worker and the stand-in for xAI."""
    parts = urlsplit(xai_stand_in.base_url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = TcpProxy((parts.hostname, parts.port))
    async with proxy.listening():
        yield proxy


@pytest.mark.parametrize(
    "mode", [Cut(), Cut(after=300), Blackhole()], ids=["no reply", "half a reply", "silence"]
)
async def test_a_lost_reply_is_an_unanswered_call_and_the_calls_stay_bounded(
    database: Database,
    demo: UUID,
    line: TcpProxy,
    make_settings: SettingsFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
    mode: Mode,
) -> None:
    """Grok did the work, which we may have to pay: no more than max_retries + 1 times."""
    job_id = await enqueue(
        database,
        demo,
        picture_server.add("t.png", plain("teal")),
        max_retries=MAX_RETRIES,
        min_quality=MinQuality.ANY_MODEL,
    )
    line.switch(down=mode)
    settings = make_settings(
        xai_api_base=f"http://127.0.0.1:{line.port}/v1",
        models="grok-4.7",
        attempt_timeout_seconds=1.0,
    )
    async with running(settings, database):
        job = await settled(database, job_id)
    assert (job.status, job.retry_count) == (Status.FAILED, MAX_RETRIES)
    assert job.error
    assert 1 <= len(xai_stand_in.calls()) <= MAX_RETRIES + 1
    calls = await PromptStore(database).calls(job_id)
    assert [call["state"] for call in calls] == ["unanswered"] * (MAX_RETRIES + 1)


async def test_a_line_that_heals_brings_the_prompt(
    database: Database,
    demo: UUID,
    line: TcpProxy,
    make_settings: SettingsFactory,
    picture_server: PictureServer,
) -> None:
    """One lost reply costs one retry, and both calls are in the ledger."""
    job_id = await enqueue(database, demo, picture_server.add("t.png", plain("teal")))
    line.switch(down=Cut())
    store = PromptStore(database)

    async def unanswered() -> bool:
        return "unanswered" in [call["state"] for call in await store.calls(job_id)]

    base = f"http://127.0.0.1:{line.port}/v1"
    settings = make_settings(xai_api_base=base, models="grok-4.7", retry_base_delay_ms=500)
    async with running(settings, database):
        await until(unanswered)
        line.heal()
        job = await settled(database, job_id)
    assert (job.status, job.retry_count) == (Status.COMPLETED, 1)
    assert [call["state"] for call in await store.calls(job_id)] == ["unanswered", "answered"]
