"""Looking at jobs, waiting for them, cancelling and retrying."""

import asyncio
import time
from uuid import UUID, uuid4

import pytest

from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.row_store import RowStore
from tests.api.running import PHOTO, QUEUE, Api, complete, fail, finish
from tests.conftest import until_true

KEYS = {
    "promptJobId", "rowId", "modelId", "status", "generatedPrompt", "error", "errorCode",
    "partialPrompt",
    "priority", "priorityBand", "retryCount", "maxRetries", "position", "estimatedWaitTime",
    "positionExact", "eta", "etaReason", "waitingReason",
    "nextAttemptAt", "source", "model", "standIn", "targetUrl", "refUrls", "createdAt",
    "startedAt", "completedAt", "updatedAt", "urls", "strategy", "degraded", "minQuality",
    "operation", "nextPollMs", "feedback",
}  # fmt: skip


async def test_statistics_are_exactly_the_documented_block(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """Six numbers, counted at this moment."""
    for _ in range(4):
        await api.queued(demo)
    await complete(store)
    await fail(store)
    await store.claim(1, "tester", 30)
    stats = (await api.get(QUEUE)).body
    assert set(stats) == {
        "totalQueued", "totalProcessing", "totalCompleted", "totalFailed", "averageWaitTime",
        "estimatedWaitTime",
    }  # fmt: skip
    counts = [stats[f"total{w}"] for w in ("Queued", "Processing", "Completed", "Failed")]
    assert counts == [1, 1, 1, 1]
    assert all(isinstance(value, (int, float)) for value in stats.values())


async def test_a_job_through_its_life(api: Api, demo: UUID, store: PromptStore) -> None:
    """Queued, processing and completed, each with numbers that fit."""
    job_id = await api.queued(demo)
    reply = await api.get(f"{QUEUE}/{job_id}")
    queued = reply.body
    assert set(queued) == KEYS
    assert queued["nextPollMs"] == 1000 * int(reply.headers["Retry-After"]) > 0
    assert (queued["status"], queued["position"]) == ("queued", 0)
    assert queued["estimatedWaitTime"] >= 1
    (claim,) = await store.claim(1, "tester", 30)
    processing = (await api.get(f"{QUEUE}/{job_id}")).body
    assert (processing["status"], processing["position"]) == ("processing", None)
    assert processing["startedAt"].endswith("Z")
    await store.settle(
        [
            {
                "job_id": job_id,
                "lease_token": str(claim.lease_token),
                "outcome": "completed",
                "prompt": "Make the coat red.",
                "source": "model",
                "model": "stand-in:grok-4.7",
            }
        ]
    )
    reply = await api.get(f"{QUEUE}/{job_id}")
    done = reply.body
    assert (done["status"], done["generatedPrompt"]) == ("completed", "Make the coat red.")
    assert (done["estimatedWaitTime"], done["position"], done["error"]) == (0, None, None)
    assert done["nextPollMs"] == 0
    assert (done["source"], done["standIn"]) == ("model", True)
    assert "Retry-After" not in reply.headers


async def test_a_failed_job_explains_itself(api: Api, demo: UUID, store: PromptStore) -> None:
    """The error is a sentence, the errorCode its class."""
    job_id = await api.queued(demo)
    await fail(store)
    job = (await api.get(f"{QUEUE}/{job_id}")).body
    assert (job["status"], job["errorCode"]) == ("failed", "bad_input")
    assert job["error"] == "The picture is too dark."


async def test_positions_count_what_comes_before(api: Api, demo: UUID) -> None:
    """More urgent jobs, and older ones of the same priority, come first."""
    low = await api.queued(demo, priority=2)
    first = await api.queued(demo, priority=9)
    second = await api.queued(demo, priority=9)
    places = [(await api.get(f"{QUEUE}/{j}")).body["position"] for j in (first, second, low)]
    assert places == [0, 1, 2]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("text", ["7", "not-a-uuid", "0" * 32, "%00", "9" * 400])
async def test_a_malformed_id_is_told_apart_from_an_unknown_one(
    api: Api, method: str, text: str
) -> None:
    """What cannot be an id is 422 and says how ids look."""
    reply = await api.call(method, f"{QUEUE}/{text}")
    assert (reply.status, reply.body["code"]) == (422, "invalid_id")
    assert "UUID" in reply.body["detail"]


async def test_jobs_of_others_do_not_exist(api: Api, database: Database) -> None:
    """Reading, cancelling, retrying and the timeline of a foreign job are the 404 of no job."""
    other = uuid4()
    await database.rows("seed_demo_user", other)
    row = await RowStore(database).create(other)
    foreign = await database.row("enqueue", row.id, PHOTO, [], 5, other, 3, uuid4(), {})
    assert foreign is not None
    for job_id in (foreign["job_id"], uuid4()):
        for method, path in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/retry"),
            ("GET", "/timeline"),
        ):
            reply = await api.call(method, f"{QUEUE}/{job_id}{path}")
            assert (reply.status, reply.body["code"]) == (404, "job_not_found")
            assert reply.body["detail"] == f"There is no job {job_id} that you may see."
    assert (await api.get(f"{QUEUE}/jobs")).body["data"] == []


async def test_an_unchanged_job_is_not_sent_again(api: Api, demo: UUID, store: PromptStore) -> None:
    """If-None-Match answers 304 until the job changes."""
    job_id = await api.queued(demo)
    first = await api.get(f"{QUEUE}/{job_id}")
    etag = first.headers["ETag"]
    assert etag.startswith('W/"')
    again = await api.get(f"{QUEUE}/{job_id}", headers={"If-None-Match": f'"x", {etag}'})
    assert (again.status, again.content, again.headers["ETag"]) == (304, b"", etag)
    await complete(store)
    changed = await api.get(f"{QUEUE}/{job_id}", headers={"If-None-Match": etag})
    assert changed.status == 200
    assert changed.headers["ETag"] != etag
    assert "no-store" not in changed.headers["Cache-Control"]


async def test_a_new_place_is_a_new_version(api: Api, demo: UUID) -> None:
    """The ETag changes when the job moves in the queue."""
    job_id = await api.queued(demo, priority=5)
    before = (await api.get(f"{QUEUE}/{job_id}")).headers["ETag"]
    await api.queued(demo, priority=9)
    assert (await api.get(f"{QUEUE}/{job_id}")).headers["ETag"] != before


async def test_a_long_poll_returns_when_the_job_ends(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """Without an ETag, ?wait= skips over processing and returns with the prompt."""
    job_id = await api.queued(demo)
    begun = time.monotonic()
    waiting = asyncio.create_task(api.get(f"{QUEUE}/{job_id}?wait=20"))
    await until_true(lambda: api.parts.watch.waiting == 1)
    await complete(store)
    reply = await waiting
    assert reply.body["status"] == "completed"
    assert time.monotonic() - begun < 5


async def test_a_long_poll_with_an_etag_returns_at_any_change(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """With the present ETag, being claimed is news."""
    job_id = await api.queued(demo)
    etag = (await api.get(f"{QUEUE}/{job_id}")).headers["ETag"]
    waiting = asyncio.create_task(
        api.get(f"{QUEUE}/{job_id}?wait=20", headers={"If-None-Match": etag})
    )
    await until_true(lambda: api.parts.watch.waiting == 1)
    assert not waiting.done()
    await store.claim(1, "tester", 30)
    reply = await waiting
    assert (reply.status, reply.body["status"]) == (200, "processing")


async def test_a_long_poll_with_an_old_etag_returns_at_once(api: Api, demo: UUID) -> None:
    """Whoever has an older version gets the present one without waiting."""
    job_id = await api.queued(demo)
    begun = time.monotonic()
    reply = await api.get(f"{QUEUE}/{job_id}?wait=20", headers={"If-None-Match": 'W/"old"'})
    assert reply.status == 200
    assert time.monotonic() - begun < 5


async def test_a_long_poll_ends_with_nothing_new(api: Api, demo: UUID) -> None:
    """When the time is over, the present state comes, or 304 for who has it."""
    job_id = await api.queued(demo)
    reply = await api.get(f"{QUEUE}/{job_id}?wait=0.3")
    assert (reply.status, reply.body["status"]) == (200, "queued")
    same = await api.get(
        f"{QUEUE}/{job_id}?wait=0.3", headers={"If-None-Match": reply.headers["ETag"]}
    )
    assert same.status == 304


async def test_many_waiters_are_one_question(
    api: Api, demo: UUID, store: PromptStore, database: Database
) -> None:
    """Forty waiting requests need no connection each: others are served meanwhile."""
    ids = [await api.queued(demo) for _ in range(40)]
    waiting = [asyncio.create_task(api.get(f"{QUEUE}/{job_id}?wait=30")) for job_id in ids]
    await until_true(lambda: api.parts.watch.waiting == len(ids))
    begun = time.monotonic()
    assert (await api.get(QUEUE)).status == 200
    assert time.monotonic() - begun < 2
    for _ in ids:
        await complete(store)
    replies = await asyncio.gather(*waiting)
    assert {r.body["status"] for r in replies} == {"completed"}


async def test_who_waits_is_answered_at_shutdown(api: Api, demo: UUID) -> None:
    """A stopping server gives waiting requests the present state and is gone at once."""
    job_id = await api.queued(demo)
    waiting = asyncio.create_task(api.get(f"{QUEUE}/{job_id}?wait=30"))
    await until_true(lambda: api.parts.watch.waiting == 1)
    begun = time.monotonic()
    api.server.should_exit = True
    reply = await waiting
    assert (reply.status, reply.body["status"]) == (200, "queued")
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "1e9", "nan", ""])
async def test_an_unusable_wait_is_refused(api: Api, demo: UUID, wait: str) -> None:
    """?wait= takes 0 to 60 seconds."""
    job_id = await api.queued(demo)
    reply = await api.get(f"{QUEUE}/{job_id}?wait={wait}")
    assert (reply.status, reply.body["errors"][0]["parameter"]) == (422, "wait")


async def test_cancel_is_final_and_may_be_repeated(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """A cancelled job is never claimed; a second DELETE gets the same answer."""
    job_id = await api.queued(demo)
    first = await api.call("DELETE", f"{QUEUE}/{job_id}")
    assert first.status == 200
    assert first.body == {
        "promptJobId": job_id,
        "status": "cancelled",
        "receipt": {"spentUsd": 0.0, "calls": 0, "callInFlight": False, "savedUsd": None},
    }
    again = await api.call("DELETE", f"{QUEUE}/{job_id}")
    assert (again.status, again.body) == (200, first.body)
    assert await store.claim(1, "tester", 30) == []


async def test_what_has_ended_cannot_be_cancelled(api: Api, demo: UUID, store: PromptStore) -> None:
    """DELETE of a completed job is 409 and changes nothing."""
    job_id = await api.queued(demo)
    await complete(store)
    reply = await api.call("DELETE", f"{QUEUE}/{job_id}")
    assert (reply.status, reply.body["code"]) == (409, "already_final")
    assert (await api.get(f"{QUEUE}/{job_id}")).body["status"] == "completed"


async def test_retry_reopens_a_failed_job_only(api: Api, demo: UUID, store: PromptStore) -> None:
    """A failed job waits again; any other is 409."""
    job_id = await api.queued(demo)
    refused = await api.post(f"{QUEUE}/{job_id}/retry")
    assert (refused.status, refused.body["code"]) == (409, "not_failed")
    await fail(store)
    reply = await api.post(f"{QUEUE}/{job_id}/retry")
    assert (reply.status, reply.body["status"]) == (202, "queued")
    assert await complete(store) == job_id


async def test_the_timeline_tells_everything_in_order(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """Events come oldest first, under camelCase names."""
    job_id = await api.queued(demo)
    await finish(store, outcome="retry", error="Busy.", error_code="rate_limited", delay_seconds=30)
    timeline = (await api.get(f"{QUEUE}/{job_id}/timeline")).body
    assert [event["kind"] for event in timeline["events"]][:2] == ["queued", "claimed"]
    assert {"id", "kind", "data", "createdAt"} == set(timeline["events"][0])
    assert timeline["calls"] == []
    job = (await api.get(f"{QUEUE}/{job_id}")).body
    assert job["nextAttemptAt"] is not None
    assert job["retryCount"] == 1
