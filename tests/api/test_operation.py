"""Cron, initialisation and health."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
import structlog

from prompt_queue.api.ops import SINGLE_FLIGHT, health_complaints
from prompt_queue.jobs.tick import TickReport
from prompt_queue.settings import DEMO_ROW_ID, load_settings
from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.worker_store import WorkerStore
from prompt_queue.testing import PictureServer, StandIn
from tests.api.conftest import CRON_SECRET
from tests.api.running import QUEUE, Api, complete, fail, running
from tests.api.wire import Wire
from tests.photographs import photograph

CRON = "/api/cron/prompt-processor"
BEARER = {"Authorization": f"Bearer {CRON_SECRET}"}
REPORT = TickReport(
    claimed=3,
    completed=1,
    retried=1,
    postponed=0,
    failed=1,
    released=0,
    rescued=0,
    duration_ms=12,
    more_work=True,
)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", CRON_SECRET, f"Basic {CRON_SECRET}", "Bearer geh\xe4im"],
)
async def test_cron_needs_the_secret(api: Api, method: str, authorization: str | None) -> None:
    """Without exactly the secret nothing runs, whatever the bytes of the header."""
    headers = {} if authorization is None else {"Authorization": authorization}
    reply = await api.call(method, CRON, headers=headers)
    assert (reply.status, reply.body["code"]) == (401, "unauthorized")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_cron_fails_closed_without_a_secret(
    database_url: str, demo: UUID, tmp_path: Path
) -> None:
    """While CRON_SECRET is unset nobody gets in, not even with an empty one."""
    async with running(database_url, tmp_path) as api:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
            reply = await api.post(CRON, headers=headers)
            assert (reply.status, reply.body["code"]) == (503, "cron_disabled")


async def test_a_secret_with_other_letters_works(
    database_url: str, demo: UUID, tmp_path: Path
) -> None:
    """A secret outside ASCII, sent as UTF-8, is compared and not a crash."""
    async with running(database_url, tmp_path, cron_secret="gehäim-シ") as api:
        reply = await api.post(CRON, headers={"Authorization": "Bearer gehäim-シ"})
        assert reply.body["code"] == "no_provider"


async def test_a_pass_reports_and_is_alone(api: Api, database: Database) -> None:
    """A second call during a pass is skipped, which is not an error; afterwards it may run."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def tick(_budget: float) -> TickReport:
        entered.set()
        await leave.wait()
        return REPORT

    object.__setattr__(api.parts, "tick", tick)
    running_pass = asyncio.create_task(api.post(CRON, headers=BEARER))
    await entered.wait()
    second = await api.get(CRON, headers=BEARER)
    assert (second.status, second.body) == (200, {"skipped": True, "reason": "already_running"})
    leave.set()
    first = await running_pass
    assert first.body == {
        "skipped": False,
        "claimed": 3,
        "completed": 1,
        "retried": 1,
        "postponed": 0,
        "failed": 1,
        "released": 0,
        "rescued": 0,
        "submitted": 0,
        "pictures": 0,
        "webhooks": 0,
        "durationMs": 12,
        "moreWork": True,
    }
    assert await WorkerStore(database).take_singleton(SINGLE_FLIGHT, 1) is not None


async def test_a_crashing_pass_leaves_the_way_free(api: Api) -> None:
    """An error of ours in the pass is a 500 without internals, and the next call runs."""

    async def tick(_budget: float) -> TickReport:
        raise RuntimeError("secret internals")

    object.__setattr__(api.parts, "tick", tick)
    for _ in range(2):
        with structlog.testing.capture_logs() as lines:
            reply = await api.post(CRON, headers=BEARER)
        assert (reply.status, reply.body["code"]) == (500, "internal_error")
        assert b"internals" not in reply.content
        (line,) = lines
        assert (line["event"], line["path"]) == ("server.error", CRON)
        assert str(line["exc_info"]) == "secret internals"


async def test_cron_processes_the_queue_where_no_worker_runs(
    database_url: str,
    demo: UUID,
    tmp_path: Path,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
) -> None:
    """One call claims, asks the provider and completes; a job that fails does not fail the pass."""
    photo = picture_server.add("coffee.jpg", photograph("coffee"))
    async with running(
        database_url,
        tmp_path,
        cron_secret=CRON_SECRET,
        xai_api_key=xai_stand_in.api_key,
        xai_api_base=xai_stand_in.base_url,
        trusted_image_hosts=(picture_server.host_port,),
        stand_in=True,
    ) as api:
        good = await api.queued(demo, targetUrl=photo)
        bad = await api.queued(demo, targetUrl=photo + ".missing")
        reply = await api.post(CRON, headers=BEARER)
        assert reply.status == 200
        report = reply.body
        assert (report["claimed"], report["completed"], report["failed"]) == (2, 1, 1)
        assert report["moreWork"] is False
        job = (await api.get(f"{QUEUE}/{good}")).body
        assert (job["status"], job["standIn"]) == ("completed", True)
        assert (await api.get(f"{QUEUE}/{bad}")).body["status"] == "failed"


async def test_init_needs_the_secret_outside_the_demo(api: Api) -> None:
    """With a database of one's own, initialisation is the operator's."""
    assert (await api.post("/api/init")).status == 401
    reply = await api.post("/api/init", headers=BEARER)
    assert reply.status == 200
    assert reply.body["applied"] == []
    assert reply.body["worker"] == {"running": False, "count": 0}
    assert reply.body["demoSeeded"] is False


async def test_init_makes_an_empty_database_ready(empty_database_url: str, tmp_path: Path) -> None:
    """In the demo it is open; it brings the schema and the demo row, and may be repeated."""
    async with running(empty_database_url, tmp_path, database_url=None) as api:
        ready = await api.get("/api/health/ready")
        assert (ready.status, ready.body["code"]) == (503, "schema_behind")
        assert "migrate" in ready.body["detail"]
        early = await api.enqueue(DEMO_ROW_ID)
        assert (early.status, early.body["code"]) == (503, "schema_behind")
        first = await api.post("/api/init")
        assert len(first.body["applied"]) >= 4
        second = await api.post("/api/init")
        assert second.body["applied"] == []
        assert second.body["schemaVersion"] == first.body["schemaVersion"]
        assert (await api.get("/api/health/ready")).status == 200
        assert (await api.enqueue(DEMO_ROW_ID)).status == 202


async def test_health_shows_depth_age_and_rates(
    api: Api, demo: UUID, store: PromptStore, database: Database
) -> None:
    """Numbers for a dashboard, and a sentence for what is wrong."""
    for _ in range(3):
        await api.queued(demo)
    await complete(store)
    await fail(store)
    body = (await api.get("/api/health")).body
    assert (body["queueDepth"], body["processing"], body["completedLastMinute"]) == (1, 0, 1)
    assert body["errorRateLastHour"] == 0.5
    assert body["oldestQueuedSeconds"] >= 0
    assert body["database"]["version"]
    assert (body["status"], body["workers"]) == ("degraded", 0)
    assert "no worker runs" in body["reasons"][0]
    await WorkerStore(database).seen("w", "host", 1, 32, 0)
    stats = await store.stats()
    assert health_complaints(stats) == []
    assert health_complaints(replace(stats, oldest_queued_seconds=301.0))


@pytest.mark.parametrize("how", ["gone", "silent"])
async def test_health_with_the_database_down(
    database_url: str, demo: UUID, tmp_path: Path, how: str
) -> None:
    """The process lives, is not ready, and says so in time, also when the database just hangs."""
    async with Wire(database_url, tmp_path) as wire, running(wire.dsn, tmp_path) as api:
        assert (await api.get("/api/health/ready")).body == {"status": "ready"}
        wire.cut() if how == "gone" else wire.freeze()
        assert (await api.get("/api/health/live")).body == {"status": "ok"}
        begun = time.monotonic()
        for path in ("/api/health/ready", "/api/health"):
            reply = await api.get(path)
            assert (reply.status, reply.body["code"]) == (503, "database_unavailable"), path
            assert reply.body["retryable"] is True
            assert reply.body["retryAfterMs"] == int(reply.headers["Retry-After"]) * 1000
        assert time.monotonic() - begun < 6
        if how == "gone":
            assert (await api.get(QUEUE)).status == 503
            assert (await api.enqueue(demo)).body["code"] == "database_unavailable"


def test_only_loopback_is_bound(tmp_path: Path) -> None:
    """Without an identity provider the settings refuse any other address, and say why."""
    with pytest.raises(Exception, match="without an identity"):
        load_settings({}, tmp_path / "no.env", host="192.168.1.5")
