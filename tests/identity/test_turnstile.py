"""Who was just refused is refused at the door, and nobody else."""

import asyncio
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from prompt_queue.api import turnstile
from prompt_queue.api.identities import TokenIdentity
from prompt_queue.store.limit_store import UserLimits
from tests.api.running import QUEUE, Api
from tests.conftest import until
from tests.identity.conftest import bearer
from tests.identity.project import Project


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of requests whose caller was looked for."""
    paths: list[str] = []
    identify = TokenIdentity.identify

    async def noted(self: TokenIdentity, request: object) -> object:
        paths.append(request.url.path)  # type: ignore[attr-defined]
        return await identify(self, request)  # type: ignore[arg-type]

    monkeypatch.setattr(TokenIdentity, "identify", noted)
    return paths


async def used_up(api: Api, project: Project, user: UUID, rate: float) -> dict[str, str]:
    """The header of a user who has asked for the statistics as often as may be."""
    await api.parts.limit_store.set(user, UserLimits(requests_a_second=rate), by_hand=True)
    shown = bearer(project.token(user))
    async with asyncio.timeout(10):
        while (await api.get(QUEUE, headers=shown)).status == 200:
            pass
    return shown


async def test_the_same_request_is_refused_at_the_door(
    api: Api, project: Project, user_a: UUID, asked: list[str]
) -> None:
    """It finds no caller, says the same as before, and counts for its route."""
    shown = await used_up(api, project, user_a, 0.01)
    first = await api.get(QUEUE, headers=shown)
    asked.clear()
    labels = {"method": "GET", "route": QUEUE, "status": "429"}
    name = "prompt_queue_http_request_duration_seconds_count"
    before = REGISTRY.get_sample_value(name, labels)
    again = await api.get(QUEUE, headers=shown)
    assert not asked
    assert (again.status, again.body["code"]) == (429, "too_many_requests")
    assert before is not None
    assert REGISTRY.get_sample_value(name, labels) == before + 1
    same = {"RateLimit-Policy", "X-Error-Code", "Content-Type", "X-Content-Type-Options"}
    assert {n: again.headers[n] for n in same} == {n: first.headers[n] for n in same}
    assert int(again.headers["Retry-After"]) == pytest.approx(100, abs=2)
    assert again.body["requestId"] != first.body["requestId"]


async def test_everything_else_goes_the_long_way(
    api: Api, project: Project, user_a: UUID, user_b: UUID, asked: list[str]
) -> None:
    """Other users, other credentials of the same one, other questions, and no credentials."""
    shown = await used_up(api, project, user_a, 0.01)
    other = bearer(project.token(user_b))
    assert (await api.get(QUEUE, headers=other)).status == 200
    assert (await api.get(QUEUE)).status == 401
    assert (await api.get(QUEUE, headers=shown | {"X-Act-For": str(user_b)})).status == 403
    forged = {"Authorization": shown["Authorization"] + "A"}
    assert (await api.get(QUEUE, headers=forged)).status == 401
    assert (await api.get("/api/me", headers=shown)).status == 200
    assert (await api.get("/api/health/live", headers=shown)).status == 200
    asked.clear()
    assert (await api.get(f"{QUEUE}?again", headers=shown)).status == 429
    assert (await api.post(QUEUE, json={}, headers=shown)).status == 429
    assert asked == [QUEUE, QUEUE]


async def test_the_next_request_of_the_bucket_is_let_in(
    api: Api, project: Project, user_a: UUID
) -> None:
    """The door is shut no longer than the bucket is empty."""
    shown = await used_up(api, project, user_a, 4.0)
    async with asyncio.timeout(5):
        while (await api.get(QUEUE, headers=shown)).status == 429:
            pass


async def test_a_lifted_limit_is_heard(
    api: Api, project: Project, user_a: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The door forgets within a second, long before the bucket would have another request."""
    monkeypatch.setattr("prompt_queue.api.rates._LOOK_SECONDS", 0.1)
    shown = await used_up(api, project, user_a, 0.01)
    assert (await api.get(QUEUE, headers=shown)).status == 429
    await api.parts.limit_store.set(user_a, UserLimits(), by_hand=True)

    async def is_let_in() -> bool:
        return (await api.get(QUEUE, headers=shown)).status == 200

    await until(is_let_in, deadline=turnstile.REMEMBERED_SECONDS + 3)


async def test_it_remembers_only_so_many(
    api: Api, project: Project, user_a: UUID, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    """A flood of ever new questions takes no memory; the oldest are forgotten."""
    monkeypatch.setattr(turnstile, "_MOST_REMEMBERED", 3)
    shown = await used_up(api, project, user_a, 0.01)
    for number in range(4):
        assert (await api.get(f"{QUEUE}?{number}", headers=shown)).status == 429
    asked.clear()
    for number in (3, 0):
        assert (await api.get(f"{QUEUE}?{number}", headers=shown)).status == 429
    assert len(asked) == 1
