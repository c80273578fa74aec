"""Who was not let in stands in the log, and so do changes of where results are sent."""

from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import UUID

import pytest
import structlog

from prompt_queue.api.refusals import EVERY_SECONDS, Refusals
from prompt_queue.jobs.scopes import Scope
from prompt_queue.store.database import Database
from prompt_queue.telemetry import Event
from tests.api.running import QUEUE, Api
from tests.identity.conftest import bearer, new_key
from tests.identity.project import Project

Lines = list[MutableMapping[str, Any]]
URL = "https://hooks.example.com/results"


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged."""
    with structlog.testing.capture_logs() as captured:
        yield captured


def of(lines: Lines, event: Event) -> Lines:
    """The lines of one kind."""
    return [line for line in lines if line["event"] == event]


async def test_a_refusal_is_logged_without_what_was_shown(
    api: Api, database: Database, project: Project, user_a: UUID, lines: Lines
) -> None:
    """What was asked, from where, and by whom where that is known."""
    token = project.token(user_a)
    nowhere = f"{QUEUE}/00000000-0000-4000-a000-00000000dead"
    assert (await api.get(nowhere, headers=bearer(f"{token}x"))).status == 401
    (said,) = of(lines, Event.ACCESS_REFUSED)
    assert said == {
        "event": "access.refused", "log_level": "warning", "status": 401, "code": "unauthorized",
        "method": "GET", "route": QUEUE + "/{promptJobId}", "client": "127.0.0.1", "actor": None,
        "more": 0,
    }  # fmt: skip
    key = await new_key(database, Scope.READ, user=user_a)
    assert (await api.post("/api/rows", json={}, headers=bearer(key.text))).status == 403
    said = of(lines, Event.ACCESS_REFUSED)[-1]
    assert (said["code"], said["actor"]) == ("forbidden", f"key:{key.prefix}")
    assert (await api.get(QUEUE, headers={"Host": "rebound.example"})).status == 421
    assert of(lines, Event.ACCESS_REFUSED)[-1]["code"] == "misdirected_host"
    assert token not in str(lines)
    assert key.text not in str(lines)


async def test_who_is_let_in_is_not_in_the_log(
    api: Api, project: Project, user_a: UUID, lines: Lines
) -> None:
    """Nor is who asks for what is not there."""
    shown = bearer(project.token(user_a))
    assert (await api.get(QUEUE, headers=shown)).status == 200
    assert (await api.get("/api/nothing", headers=shown)).status == 404
    assert not of(lines, Event.ACCESS_REFUSED)


def test_a_flood_of_refusals_is_a_line_a_second(lines: Lines) -> None:
    """The next line says how many there were; other codes have lines of their own."""
    now = 100.0
    refusals = Refusals(lambda: now)
    scope = {"state": {}, "client": ("192.0.2.1", 5), "method": "GET"}
    for _ in range(1000):
        refusals.note(scope, 401, "unauthorized")
    refusals.note(scope, 403, "forbidden")
    now += EVERY_SECONDS
    refusals.note(scope, 401, "unauthorized")
    said = [(line["code"], line["more"]) for line in of(lines, Event.ACCESS_REFUSED)]
    assert said == [("unauthorized", 0), ("forbidden", 0), ("unauthorized", 999)]


async def test_changes_of_endpoints_are_logged(
    api: Api, project: Project, user_a: UUID, user_b: UUID, lines: Lines
) -> None:
    """Who made, changed, deleted one or has a new secret; neither the secret nor the address."""
    shown = bearer(project.token(user_a))
    made = await api.post("/api/webhooks/endpoints", json={"url": URL}, headers=shown)
    assert made.status == 201, made.content
    path = f"/api/webhooks/endpoints/{made.body['id']}"
    other = bearer(project.token(user_b))
    assert (await api.call("PATCH", path, json={"events": []}, headers=other)).status == 404
    assert (await api.call("PATCH", path, json={"url": f"{URL}/2"}, headers=shown)).status == 200
    secret = (await api.post(f"{path}/rotate-secret", json={}, headers=shown)).body["secret"]
    assert (await api.call("DELETE", path, headers=shown)).status == 204
    assert (await api.post("/api/webhooks/secret", json={}, headers=shown)).status == 200
    said = of(lines, Event.WEBHOOK_ENDPOINT_CHANGED)
    acts = [line["act"] for line in said]
    assert acts == ["created", "changed", "new_secret", "deleted", "new_secret"]
    assert said[1]["fields"] == ["url"]
    assert {line["actor"] for line in said} == {f"user:{user_a}"}
    assert {str(line["endpoint"]) for line in said[:4]} == {made.body["id"]}
    assert secret not in str(lines)
    assert URL not in str(lines)
