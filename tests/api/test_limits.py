"""How much one user may use, as HTTP answers it."""

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi.routing import APIRoute

from prompt_queue.api.problems import Problem
from prompt_queue.api.rates import AskedTooOften, RequestRates
from prompt_queue.server import _ROUTERS
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.limit_store import EVERYBODY, LimitStore, UserLimits
from tests.api.conftest import CRON_SECRET
from tests.api.running import QUEUE, Api, complete, fail, running
from tests.conftest import until

EVERYBODYS = "/api/ops/users/everybody/limits"
OPERATOR = {"Authorization": f"Bearer {CRON_SECRET}"}


async def limited(api: Api, **limits: object) -> None:
    """Set by hand for everybody, and heard by the server at once."""
    await api.parts.limit_store.set(EVERYBODY, UserLimits(**limits), by_hand=True)  # type: ignore[arg-type]


async def test_who_asks_too_often_is_told_when_to_come_back(api: Api) -> None:
    """Ten seconds' worth may come at once; each answer says what is left."""
    await limited(api, requests_a_second=2.0)
    replies = [await api.get("/api/rows") for _ in range(25)]
    passed = [reply for reply in replies if reply.status == 200]
    refused = [reply for reply in replies if reply.status == 429]
    assert 20 <= len(passed) <= 23
    assert len(passed) + len(refused) == 25
    left = [int(reply.headers["RateLimit"].split("r=")[1].split(";")[0]) for reply in passed]
    assert left[0] == 19
    assert all(a >= b for a, b in itertools.pairwise(left[:18]))
    assert passed[0].headers["RateLimit-Policy"] == '"user";q=20;w=10'
    assert refused[0].body["code"] == "too_many_requests"
    assert refused[0].headers["Retry-After"] == "1"


async def test_another_address_is_no_way_round(api: Api) -> None:
    """Users are counted, not what a proxy is said to have forwarded."""
    await limited(api, requests_a_second=1.0)
    forged = [{"X-Forwarded-For": f"10.0.0.{n}", "Forwarded": f"for=10.0.0.{n}"} for n in range(30)]
    replies = [await api.get("/api/rows", headers=headers) for headers in forged]
    assert sum(reply.status == 200 for reply in replies) <= 12


async def test_limits_outlive_the_server(database_url: str, tmp_path: Path, demo: UUID) -> None:
    """What was used up before a restart is used up after it."""
    async with running(database_url, tmp_path) as api:
        await limited(api, requests_a_second=0.5)
        assert [(await api.get("/api/rows")).status for _ in range(5)] == [200] * 5
        assert (await api.get("/api/rows")).status == 429
    async with running(database_url, tmp_path) as api:
        assert (await api.get("/api/rows")).status == 429


async def test_a_flood_is_refused_from_memory(api: Api) -> None:
    """As long as nothing can be there, the database is not asked again."""
    await limited(api, requests_a_second=0.01)
    while (await api.get("/api/rows")).status == 200:
        pass
    connection = await asyncpg.connect(api.parts.prompt_store.database.dsn)
    counted = "select counted_at from prompt_user_rates"
    before = await connection.fetchval(counted)
    assert {(await api.get("/api/rows")).status for _ in range(100)} == {429}
    assert await connection.fetchval(counted) == before
    await connection.close()


async def test_one_of_a_flood_asks_the_database(api: Api, database: Database) -> None:
    """Of two hundred at once, with nothing left, all but one go by what that one was told."""
    await limited(api, requests_a_second=0.01)
    store = _Counting(database)
    rates = RequestRates(store)
    user = uuid4()
    found = await asyncio.gather(*(rates.admit(user) for _ in range(200)), return_exceptions=True)
    assert sum(not isinstance(one, Problem) for one in found) == 1
    assert store.asked == 1


class _Counting(LimitStore):
    asked = 0

    async def take_requests(
        self, user: UUID, wanted: int, rate: float, burst: float
    ) -> tuple[int, int, float]:
        self.asked += 1
        return await super().take_requests(user, wanted, rate, burst)


async def test_who_ran_dry_together_comes_back_apart(database: Database) -> None:
    """Each user has a phase of its own, so that a flood of many is no wave of enqueues."""
    rates = RequestRates(_Empty(database))
    until_when = []
    for number in range(20):
        with pytest.raises(AskedTooOften) as refused:
            await rates.admit(UUID(int=number * 101))
        until_when.append(refused.value.until)
    assert 0.2 < max(until_when) - min(until_when) < 1.0


class _Empty(LimitStore):
    async def of(self, user: UUID) -> UserLimits:
        return UserLimits(requests_a_second=2.0)

    async def take_requests(
        self, user: UUID, wanted: int, rate: float, burst: float
    ) -> tuple[int, int, float]:
        return 0, 0, 0.3


def test_no_request_waits_for_a_thread() -> None:
    """What a route depends on are coroutines: a hop to a thread is most of what a refusal takes."""
    blocking, left = set(), [route.dependant for route in _api_routes()]
    while left:
        dependant = left.pop()
        left += dependant.dependencies
        call = dependant.call
        if not (inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(call.__call__)):
            blocking.add(f"{call.__module__}.{call.__qualname__}")
    assert not blocking


def _api_routes() -> list[APIRoute]:
    routes = [one for router in _ROUTERS for one in router.routes]
    return [one for one in routes if isinstance(one, APIRoute) and one.path.startswith("/api/")]


async def test_probes_and_pages_are_not_counted(api: Api) -> None:
    """Nobody has to say who they are there."""
    await limited(api, requests_a_second=0.1)
    assert {(await api.get("/api/health/live")).status for _ in range(10)} == {200}
    assert "RateLimit" not in (await api.get("/docs")).headers


async def test_open_jobs_are_counted(api: Api, demo: UUID) -> None:
    """Of many at once as many as may be get in; one that has ended makes room."""
    await limited(api, queued=3)
    replies = await asyncio.gather(*(api.enqueue(demo) for _ in range(12)))
    assert sorted(reply.status for reply in replies) == [202] * 3 + [429] * 9
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.body["code"] == "too_many_queued"
    assert "3 open jobs" in refused.body["detail"]
    await complete(api.parts.prompt_store)
    assert (await api.enqueue(demo)).status == 202


async def test_a_retry_is_an_open_job_too(api: Api, demo: UUID) -> None:
    """Who has failed jobs does not have more at once by retrying them; operators may."""
    failed = [await api.queued(demo) for _ in range(4)]
    store = api.parts.prompt_store
    for _ in failed:
        await fail(store)
    await limited(api, queued=2)
    replies = await asyncio.gather(*(api.post(f"{QUEUE}/{job}/retry") for job in failed))
    assert sorted(reply.status for reply in replies) == [202, 202, 429, 429]
    refused = next(reply for reply in replies if reply.status == 429)
    assert (refused.body["code"], "2 open jobs" in refused.body["detail"]) == (
        "too_many_queued", True,
    )  # fmt: skip
    left = [job for job, reply in zip(failed, replies, strict=True) if reply.status == 429]
    assert (await api.get(f"{QUEUE}/{left[0]}")).body["status"] == "failed"
    assert await store.retry(UUID(left[0]), None, "operator") == "retried"


async def test_a_retried_picture_is_an_open_job_too(api_with_pictures: Api, demo: UUID) -> None:
    """Each failed picture of the job counts, so all of them are made anew or none."""
    api = api_with_pictures
    body = {"rowId": str(demo), "prompt": "Blue.", "targetUrl": "https://images.example.com/a.jpg"}
    made = await api.post("/api/jobs/create", json=body | {"count": 2})
    job = made.body["jobId"]
    connection = await asyncpg.connect(api.parts.prompt_store.database.dsn)
    await connection.execute("update picture_jobs set status = 'failed', error = 'odd'")
    await connection.close()
    await limited(api, queued=1)
    refused = await api.post(f"/api/jobs/{job}/retry")
    assert (refused.status, refused.body["code"]) == (429, "too_many_queued")
    await limited(api, queued=2)
    assert (await api.post(f"/api/jobs/{job}/retry")).status == 202


async def test_a_repeated_request_is_not_a_second_job(api: Api, demo: UUID) -> None:
    """With its key, the first answer comes again, also where there is no room."""
    await limited(api, queued=1)
    key = {"Idempotency-Key": "once"}
    body = {"rowId": str(demo), "targetUrl": "https://images.example.com/a.jpg"}
    first = await api.post(QUEUE, json=body, headers=key)
    again = await api.post(QUEUE, json=body, headers=key)
    assert (first.status, again.status) == (202, 202)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await api.post(QUEUE, json=body)).status == 429


async def test_pictures_of_a_day_are_counted(api_with_pictures: Api, demo: UUID) -> None:
    """All of a request or none; Retry-After is midnight."""
    api = api_with_pictures
    await limited(api, pictures_a_day=3)
    body = {"rowId": str(demo), "prompt": "Blue.", "targetUrl": "https://images.example.com/a.jpg"}
    assert (await api.post("/api/jobs/create", json=body | {"count": 2})).status == 202
    refused = await api.post("/api/jobs/create", json=body | {"count": 2})
    assert (refused.status, refused.body["code"]) == (429, "too_many_pictures")
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert (await api.post("/api/jobs/create", json=body)).status == 202


@pytest.fixture
async def api_with_pictures(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    async with running(database_url, tmp_path, wavespeed_api_key="key") as api:
        yield api


@pytest.mark.parametrize("limit", ["most_queued", "most_waiting_seconds"])
async def test_a_full_queue_takes_no_more(
    database_url: str, tmp_path: Path, demo: UUID, limit: str
) -> None:
    """503 with Retry-After once too many wait, or one for too long; looking goes on."""
    value = 2 if limit == "most_queued" else 0.05
    async with running(database_url, tmp_path, **{limit: value}) as api:
        assert (await api.enqueue(demo)).status == 202

        async def refused() -> bool:
            reply = await api.enqueue(demo)
            full = reply.status == 503
            assert not full or (reply.body["code"], reply.headers["Retry-After"]) == (
                "queue_full", "30",
            )  # fmt: skip
            return full

        await until(refused)
        assert (await api.get(QUEUE)).status == 200


async def test_streams_are_counted(database_url: str, tmp_path: Path, demo: UUID) -> None:
    """Of a user and in all; one that was closed makes room."""
    async with running(database_url, tmp_path, user_streams=2) as api:
        first = await api.session.get(api.url + "/api/events")
        second = await api.session.get(api.url + "/api/events")
        assert (first.status, second.status) == (200, 200)
        refused = await api.get("/api/events")
        assert (refused.status, refused.body["code"]) == (429, "too_many_streams")
        first.close()

        async def there_is_room() -> bool:
            reply = await api.session.get(api.url + "/api/events")
            status = reply.status
            reply.close()
            return status == 200

        await until(there_is_room)
        second.close()


async def test_an_operator_limits_a_user(api: Api) -> None:
    """All four at once; what was spent today stands beside them; the audit says who and why."""
    mine = f"/api/ops/users/{DEMO_USER_ID}/limits"
    wanted = {"usdPerDay": 2.5, "picturesPerDay": 10, "queued": 5, "requestsPerSecond": 20}
    why = {"reason": "a bill of last week"}
    said = await api.call("PUT", mine, json=wanted | why, headers=OPERATOR)
    assert said.status == 200, said.content
    assert said.body == wanted | {"changed": True, "spentTodayUsd": 0.0}
    assert await api.parts.limit_store.of(DEMO_USER_ID) == UserLimits(
        usd_a_day=Decimal("2.5"), pictures_a_day=10, queued=5, requests_a_second=20.0
    )
    assert (await api.get(EVERYBODYS, headers=OPERATOR)).body["queued"] is None
    forget = f"{mine}?reason=it+was+paid"
    assert (await api.call("DELETE", forget, headers=OPERATOR)).body["changed"] is True
    assert (await api.get(mine, headers=OPERATOR)).body["queued"] is None
    acts = (await api.get("/api/ops/audit", headers=OPERATOR)).body["data"]
    assert [one["act"] for one in acts] == ["limited_user", "limited_user"]
    assert acts[0]["reason"] == f"it was paid: {DEMO_USER_ID}: as everybody"
    assert acts[1]["reason"].startswith(f"a bill of last week: {DEMO_USER_ID}: 2.5 USD and 10")


async def test_a_limit_that_makes_no_sense_is_refused(api: Api) -> None:
    """With the field that is to blame."""
    refused = await api.call("PUT", EVERYBODYS, json={"queued": -1, "usd": 3}, headers=OPERATOR)
    assert refused.status == 422
    assert set(refused.pointers) == {"#/queued", "#/usd"}
    # So long is no wait that could be said.
    least = await api.call("PUT", EVERYBODYS, json={"requestsPerSecond": 5e-324}, headers=OPERATOR)
    assert (least.status, least.pointers) == (422, ["#/requestsPerSecond"])
    assert (
        await api.call("PUT", "/api/ops/users/me/limits", json={}, headers=OPERATOR)
    ).status == 422
