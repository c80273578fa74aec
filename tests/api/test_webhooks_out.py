"""Endpoints for results over HTTP, and requests that ask to be told."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import Api, complete, fail, running

ENDPOINTS = "/api/webhooks/endpoints"
HOOK = "https://receiver.example.com/hook"


@pytest.fixture
async def stranger(api: Api, database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The same database, another user."""
    async with running(database_url, tmp_path, local_user_id=uuid4()) as started:
        yield started


async def made(api: Api, **fields: object) -> dict[str, str]:
    reply = await api.post(ENDPOINTS, json={"url": HOOK} | fields)
    assert reply.status == 201, reply.content
    return dict(reply.body)


async def messages(database_url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    found = await connection.fetch("select * from webhook_messages order by number")
    await connection.close()
    return list(found)


async def test_an_endpoint_is_made_read_changed_and_forgotten(api: Api) -> None:
    """Its secret is in the answer that made it, and in no other."""
    first = await made(api, events=["prompt.failed"], description="ours")
    assert first["secret"].startswith("whsec_")
    path = f"{ENDPOINTS}/{first['id']}"
    shown = (await api.get(path)).body
    assert (shown["events"], shown["state"]) == (["prompt.failed"], "active")
    assert "secret" not in shown
    changed = await api.call("PATCH", path, json={"state": "disabled", "events": []})
    assert (changed.body["state"], changed.body["events"]) == ("disabled", [])
    assert changed.body["description"] == "ours"
    assert changed.body["disabledReason"]
    assert (await api.post(f"{path}/test")).body["code"] == "endpoint_disabled"
    again = await api.call("PATCH", path, json={"state": "active"})
    assert (again.body["state"], again.body["disabledReason"]) == ("active", None)
    assert first["secret"].encode() not in (await api.get(ENDPOINTS)).content
    assert (await api.call("DELETE", path)).status == 204
    assert (await api.get(path)).body["code"] == "endpoint_not_found"


async def test_endpoints_of_somebody_else_are_missing(
    api: Api, stranger: Api, database_url: str
) -> None:
    """For every verb, in the same words as for one that never was."""
    path = f"{ENDPOINTS}/{(await made(api))['id']}"
    await api.post(f"{path}/test")
    (message,) = await messages(database_url)
    calls = [
        await stranger.get(path),
        await stranger.call("PATCH", path, json={"state": "disabled"}),
        await stranger.call("DELETE", path),
        await stranger.post(f"{path}/rotate-secret"),
        await stranger.post(f"{path}/test"),
        await stranger.get(f"{path}/deliveries"),
    ]
    assert [(call.status, call.body["code"]) for call in calls] == [(404, "endpoint_not_found")] * 6
    replayed = await stranger.post(f"/api/webhooks/deliveries/{message['id']}/replay")
    assert (replayed.status, replayed.body["code"]) == (404, "delivery_not_found")
    assert (await stranger.get(ENDPOINTS)).body == {"data": []}
    assert (await api.get(path)).body["state"] == "active"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://receiver.example.com/", "https"),
        ("https://127.0.0.1/hook", "TRUSTED_WEBHOOK_HOSTS"),
        ("https://me:secret@receiver.example.com/", "user name"),
        ("https://receiver.example.com:22/", "Port 22"),
    ],
)
async def test_an_address_that_may_not_be_called_is_refused_with_a_pointer(
    api: Api, demo: UUID, url: str, said: str
) -> None:
    """When it is given, be it to an endpoint or with a request."""
    reply = await api.post(ENDPOINTS, json={"url": url})
    assert (reply.status, reply.pointers) == (422, ["#/url"])
    assert said in reply.body["detail"]
    with_job = await api.enqueue(demo, webhook={"url": url})
    assert (with_job.status, with_job.pointers) == (422, ["#/webhook/url"])


async def test_a_trusted_receiver_may_be_private(
    database_url: str, demo: UUID, tmp_path: Path
) -> None:
    """By its host and port, as the operator lists it."""
    trusted = ("127.0.0.1:9000",)
    async with running(database_url, tmp_path, trusted_webhook_hosts=trusted) as api:
        assert (await api.post(ENDPOINTS, json={"url": "http://127.0.0.1:9000/"})).status == 201
        assert (await api.post(ENDPOINTS, json={"url": "http://127.0.0.1:9001/"})).status == 422


async def test_unknown_types_are_refused(api: Api) -> None:
    """With the list of those that there are."""
    reply = await api.post(ENDPOINTS, json={"url": HOOK, "events": ["prompt.done"]})
    assert (reply.status, reply.pointers) == (422, ["#/events"])
    assert "prompt.completed" in reply.body["detail"]


async def test_a_user_has_twenty_endpoints_at_most(api: Api) -> None:
    """Also when they are made at once."""
    replies = await asyncio.gather(
        *(api.post(ENDPOINTS, json={"url": f"{HOOK}/{n}"}) for n in range(22))
    )
    assert sorted(reply.status for reply in replies) == [201] * 20 + [409] * 2


async def test_deliveries_come_in_pages(api: Api) -> None:
    """Newest first, each once."""
    path = f"{ENDPOINTS}/{(await made(api))['id']}"
    sent = [(await api.post(f"{path}/test")).body["deliveryId"] for _ in range(5)]
    first = (await api.get(f"{path}/deliveries?limit=3")).body
    rest = (await api.get(f"{path}/deliveries?limit=3&cursor={first['nextCursor']}")).body
    assert [one["id"] for one in first["data"] + rest["data"]] == sent[::-1]
    assert (first["hasMore"], rest["hasMore"]) == (True, False)
    assert first["data"][0]["type"] == "endpoint.test"


async def test_a_request_is_told_of_its_end_and_of_a_second_end(
    api: Api, store: PromptStore, database_url: str, demo: UUID
) -> None:
    """Only of the events that it names; the timeline shows what was sent."""
    job = await api.queued(demo, webhook={"url": HOOK, "events": ["prompt.failed"]})
    await fail(store)
    assert (await api.post(f"/api/prompt/queue/{job}/retry")).status == 202
    await fail(store)
    await api.post(f"/api/prompt/queue/{job}/retry")
    await complete(store)
    found = await messages(database_url)
    assert [(m["type"], m["url"], str(m["subject"])) for m in found] == [
        ("prompt.failed", HOOK, job)
    ] * 2
    timeline = (await api.get(f"/api/prompt/queue/{job}/timeline")).body
    assert [hook["type"] for hook in timeline["webhooks"]] == ["prompt.failed"] * 2
    assert timeline["webhooks"][0]["state"] == "waiting"


async def test_a_cancelled_job_and_one_with_a_prompt_by_hand_are_told_of(
    api: Api, database_url: str, demo: UUID
) -> None:
    """Each in the transaction that ends it."""
    await made(api)
    cancelled, supplied = await api.queued(demo), await api.queued(demo)
    await api.call("DELETE", f"/api/prompt/queue/{cancelled}")
    reply = await api.call(
        "PUT", f"/api/prompt/queue/{supplied}/prompt", json={"prompt": "By hand."}
    )
    assert reply.status == 200, reply.content
    found = {m["type"]: json.loads(m["payload"]) for m in await messages(database_url)}
    assert set(found) == {"prompt.cancelled", "prompt.completed"}
    assert found["prompt.completed"]["prompt"] == "By hand."
    assert found["prompt.completed"]["source"] == "manual"


async def test_the_secret_of_single_requests_is_shown_when_it_is_made(
    api: Api, demo: UUID, database_url: str
) -> None:
    """The first request makes one; asking for it makes a new one, and both sign for a day."""
    assert (await api.get("/api/webhooks/secret")).body["exists"] is False
    await api.queued(demo, webhook={"url": HOOK})
    assert (await api.get("/api/webhooks/secret")).body["exists"] is True
    shown = (await api.post("/api/webhooks/secret")).body
    assert shown["secret"].startswith("whsec_")
    assert shown["oldSecretUntil"] is not None
    assert shown["secret"].encode() not in (await api.get("/api/webhooks/secret")).content
