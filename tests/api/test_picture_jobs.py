"""Jobs that become pictures, over HTTP: created, looked at, listed, cancelled, tried again."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.guards.callbacks import CALLBACK_PATH
from prompt_queue.jobs.picture import PictureClaim, PictureOutcome
from prompt_queue.store.prompt_store import PromptStore
from tests.api.listening import listening
from tests.api.running import PHOTO, Api, complete, fail, running
from tests.conftest import until_true

SECRET = "whsec_test"
PROMPT = "Make the sky teal."


@pytest.fixture
async def studio(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A server that has a key for pictures; nobody paints."""
    settings = {
        "wavespeed_api_key": "key", "wavespeed_webhook_secret": SECRET, "wavespeed_level": "none",
    }  # fmt: skip
    async with running(database_url, tmp_path, **settings) as found:
        yield found


async def create(api: Api, row: Any, key: str | None = None, **fields: Any) -> Any:
    body = {"rowId": str(row), "targetUrl": PHOTO} | fields
    headers = {"Idempotency-Key": key} if key else {}
    return await api.post("/api/jobs/create", json=body, headers=headers)


async def claimed(api: Api) -> PictureClaim:
    (claim,) = await api.parts.picture_store.claim(1, "tester", 30)
    return claim


async def settle(api: Api, claim: PictureClaim, outcome: str, **more: Any) -> None:
    (settled,) = await api.parts.picture_store.settle(
        [(claim, PictureOutcome(outcome=outcome, **more))]
    )
    assert settled.applied


async def test_a_job_through_its_life(studio: Api, demo: UUID, store: PromptStore) -> None:
    """Both ids and both estimates at once; then what stands where, until the picture is there."""
    reply = await create(studio, demo, useAiPrompt=True, count=2, priority=9)
    assert reply.status == 202
    created = reply.body
    assert created["estimatedWaitTime"] > created["estimatedPromptTime"] > 0
    here = f"/api/jobs/{created['jobId']}"
    assert reply.headers["Location"].endswith(here)
    waiting = await studio.get(here)
    assert (waiting.body["status"], waiting.body["promptStatus"]) == (
        "waiting_prompt",
        "generating",
    )
    assert waiting.body["promptJobId"] == created["promptJobId"]
    assert waiting.body["nextPollMs"] == 1000 * int(waiting.headers["Retry-After"]) > 0
    await complete(store, PROMPT)
    queued = (await studio.get(here)).body
    assert (queued["status"], queued["promptStatus"], queued["prompt"]) == (
        "queued", "completed", PROMPT,
    )  # fmt: skip
    for number in (1, 2):
        claim = await claimed(studio)
        await settle(studio, claim, "submitted", prediction_id=f"p{number}", delay=60)
        await look_and_save(studio, number)
    done = (await studio.get(here)).body
    assert (done["status"], done["estimatedWaitTime"]) == ("succeeded", 0)
    assert done["nextPollMs"] == 0
    assert [one["url"] for one in done["pictures"]] == ["https://f/1", "https://f/2"]
    kinds = [e["kind"] for e in (await studio.get(f"{here}/timeline")).body["events"]]
    assert kinds.count("picture_succeeded") == 2
    assert "completed" in kinds


async def test_a_stream_tells_job_prompt_and_pictures(
    studio: Api, demo: UUID, store: PromptStore
) -> None:
    """What the timeline has, in one stream, until the last picture is there."""
    created = (await create(studio, demo, useAiPrompt=True, count=2)).body
    here = f"/api/jobs/{created['jobId']}"
    async with listening(studio.session, f"{studio.url}{here}/events") as ear:
        snapshot = await ear.until("snapshot")
        assert snapshot.data == (await studio.get(here)).body
        await complete(store, PROMPT)
        done = await ear.until("update", "completed")
        assert done.data["promptJobId"] == created["promptJobId"]
        assert done.data["job"]["prompt"] == PROMPT
        for number in (1, 2):
            await settle(studio, await claimed(studio), "submitted", prediction_id=f"p{number}")
            await look_and_save(studio, number)
            made = await ear.until("update", "picture_succeeded")
            assert made.data["jobId"] == created["jobId"]
        frames = await ear.rest()
        assert (frames[-1].event, frames[-1].data) == ("end", {"reason": "final"})
    numbers = [e["id"] for e in (await studio.get(f"{here}/timeline")).body["events"]]
    seen = {"Last-Event-ID": str(max(numbers))}
    assert (await studio.get(f"{here}/events", headers=seen)).status == 204
    async with listening(studio.session, f"{studio.url}{here}/events", snapshot.id) as ear:
        again = [frame.id for frame in await ear.rest() if frame.event == "update"]
    assert again == [number for number in numbers if number > (snapshot.id or 0)]
    async with listening(studio.session, f"{studio.url}/api/events") as ear:
        assert (await ear.until("snapshot")).data == {"promptJobs": [], "jobs": []}
        waiting = (await create(studio, demo, prompt=PROMPT)).body["jobId"]
        assert (await ear.until("update", "picture_created")).data["jobId"] == waiting
    async with listening(studio.session, f"{studio.url}/api/events") as ear:
        assert [job["jobId"] for job in (await ear.until("snapshot")).data["jobs"]] == [waiting]


async def look_and_save(api: Api, number: int) -> None:
    """Be the worker that does the rest, without waiting until it is due."""
    saved = {"url": f"https://f/{number}", "thumbnail_url": None, "width": 8, "height": 8,
             "media_type": "image/jpeg", "size": 9}  # fmt: skip
    for outcome, more in (("made", {"provider_outputs": ["https://c/1"]}),
                          ("succeeded", {"outputs": [saved]})):  # fmt: skip
        due = await due_claim(api)
        await settle(api, due, outcome, **more)


async def due_claim(api: Api) -> PictureClaim:
    connection = await asyncpg.connect(api.parts.prompt_store.database.dsn)
    await connection.execute(
        "update public.picture_jobs set due_at = now() where due_at is not null "
        "and prediction_id is not null"
    )
    await connection.close()
    return await claimed(api)


async def test_waiting_ends_with_a_change(studio: Api, demo: UUID, store: PromptStore) -> None:
    """A long poll with an ETag returns when the prompt is there; unchanged is 304."""
    created = (await create(studio, demo, useAiPrompt=True)).body
    here = f"/api/jobs/{created['jobId']}"
    etag = (await studio.get(here)).headers["ETag"]
    same = await studio.get(here, headers={"If-None-Match": etag})
    assert (same.status, same.content) == (304, b"")
    waiting = asyncio.create_task(studio.get(f"{here}?wait=20", headers={"If-None-Match": etag}))
    await until_true(lambda: studio.parts.picture_watch.waiting == 1)
    await complete(store)
    changed = await waiting
    # That its prompt is being worked on is news too.
    while changed.body["status"] == "waiting_prompt":
        seen = {"If-None-Match": changed.headers["ETag"]}
        changed = await studio.get(f"{here}?wait=20", headers=seen)
    assert (changed.status, changed.body["status"]) == (200, "queued")


async def test_a_key_makes_one_job_and_may_be_required(
    studio: Api, demo: UUID, database_url: str, tmp_path: Path
) -> None:
    """The same answer again, word for word; without one nothing is taken, if so set."""
    first = await create(studio, demo, key="k1", prompt=PROMPT)
    again = await create(studio, demo, key="k1", prompt=PROMPT)
    assert (again.body, again.headers["Idempotency-Replayed"]) == (first.body, "true")
    other = await create(studio, demo, key="k1", prompt="Another one.")
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")
    settings = {"wavespeed_api_key": "key", "require_idempotency_key": True}
    async with running(database_url, tmp_path, **settings) as strict:
        refused = await create(strict, demo, prompt=PROMPT)
        assert refused.status == 422
        assert "Idempotency-Key" in refused.body["detail"]
        assert (await create(strict, demo, key="k2", prompt=PROMPT)).status == 202


async def test_cancel_and_retry_say_what_they_did(
    studio: Api, demo: UUID, store: PromptStore
) -> None:
    """In words too; what has ended is not cancelled, what has not failed is not tried again."""
    created = (await create(studio, demo, useAiPrompt=True)).body
    here = f"/api/jobs/{created['jobId']}"
    assert (await studio.post(f"{here}/retry")).body["code"] == "not_failed"
    await fail(store, "invalid_input")
    failed = (await studio.get(here)).body
    assert (failed["status"], failed["promptStatus"], failed["errorCode"]) == (
        "failed", "failed", "invalid_input",
    )  # fmt: skip
    assert (await studio.call("DELETE", here)).body["code"] == "already_final"
    retried = await studio.post(f"{here}/retry")
    assert (retried.status, retried.body["status"]) == (202, "waiting_prompt")
    receipt = (await studio.call("DELETE", here)).body["receipt"]
    assert (receipt["cancelled"], receipt["promptCancelled"]) == (1, True)
    assert "nothing more is spent" in receipt["sentence"]
    created = (await create(studio, demo, prompt=PROMPT)).body
    await settle(studio, await claimed(studio), "submitted", prediction_id="p1")
    here = f"/api/jobs/{created['jobId']}"
    receipt = (await studio.call("DELETE", here)).body["receipt"]
    assert receipt["atProvider"] == 1
    assert "may charge for it" in receipt["sentence"]


async def test_lists_are_in_pages(studio: Api, demo: UUID) -> None:
    """Newest first, one's own; another user's job is not there."""
    ids = [(await create(studio, demo, prompt=PROMPT)).body["jobId"] for _ in range(5)]
    seen, path = [], "/api/jobs?limit=2"
    while path:
        page = (await studio.get(path)).body
        seen += [one["jobId"] for one in page["data"]]
        path = f"/api/jobs?limit=2&cursor={page['nextCursor']}" if page["hasMore"] else ""
    assert seen == ids[::-1]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retry"), ("GET", "/timeline")):
        reply = await studio.call(method, f"/api/jobs/{uuid4()}{path}")
        assert (reply.status, reply.body["code"]) == (404, "job_not_found")
        assert (await studio.call(method, f"/api/jobs/7{path}")).body["code"] == "invalid_id"


async def test_without_a_key_for_pictures_nothing_is_taken(api: Api, demo: UUID) -> None:
    """Nobody would paint."""
    reply = await create(api, demo, prompt=PROMPT)
    assert (reply.status, reply.body["code"]) == (503, "no_picture_provider")


async def test_only_signed_webhooks_are_heard(studio: Api, demo: UUID, store: PromptStore) -> None:
    """Forged, altered, old, for somebody else: refused; a good one twice is taken once."""
    await create(studio, demo, prompt=PROMPT)
    claim, call = await claimed(studio), uuid4()
    await store.begin_calls(
        [{"call_id": str(call), "job_id": str(claim.job_id), "model": "wavespeed",
          "lease_token": str(claim.lease_token), "leg": "picture", "provider": "wavespeed"}]
    )  # fmt: skip
    path = CALLBACK_PATH + studio.parts.callbacks.token(call)
    body = json.dumps({"id": "p1", "status": "completed"}).encode()
    now = int(await studio.parts.clock.now())

    def headers(at: int, webhook_id: str = "w1", key: bytes = b"test") -> dict[str, str]:
        message = f"{webhook_id}.{at}.".encode() + body
        signed = hmac.new(key, message, hashlib.sha256).hexdigest()
        return {"webhook-id": webhook_id, "webhook-timestamp": str(at),
                "webhook-signature": f"v3,{signed}"}  # fmt: skip

    for wrong in ({}, headers(now, key=b"other"), headers(now - 400)):
        reply = await studio.post(path, data=body, headers=wrong)
        assert (reply.status, reply.body["code"]) == (401, "bad_signature")
    altered = await studio.post(path, data=body + b" ", headers=headers(now))
    assert altered.status == 401
    nowhere = await studio.post(CALLBACK_PATH + "AAAA", data=body, headers=headers(now))
    assert nowhere.status == 404
    answers = [
        (await studio.post(path, data=body, headers=headers(now, name))).body["answer"]
        for name in ("w1", "w1", "w2")
    ]
    assert answers == ["taken", "repeated", "taken"]
    (row,) = await studio.parts.picture_store.find(claim.order_id)
    assert row.status == "submitting"
