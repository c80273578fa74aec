"""A prompt by hand, in each state that a job can have."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import QUEUE, Api, Reply, complete, fail

BY_HAND = "Make the coat red and keep everything else."


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the test's own database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def supply(api: Api, job_id: str, prompt: str = BY_HAND, **fields: Any) -> Reply:
    body = {"prompt": prompt} | fields
    return await api.call("PUT", f"{QUEUE}/{job_id}/prompt", json=body)


async def kinds(store: PromptStore, job_id: str) -> list[str]:
    return [event["kind"] for event in await store.events(UUID(job_id))]


async def counts(api: Api) -> dict[str, int]:
    stats = (await api.get(QUEUE)).body
    return {name: stats[f"total{name}"] for name in ("Queued", "Processing", "Completed", "Failed")}


async def test_a_waiting_job_is_completed_and_nobody_claims_it(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """The prompt is there at once, labelled, on one line, and the queue is empty."""
    job_id = await api.queued(demo)
    reply = await supply(api, job_id, "  Make the coat red\nand keep everything else. ")
    assert reply.status == 200
    found = {key: reply.body[key] for key in ("status", "source", "model", "generatedPrompt")}
    assert found == {
        "status": "completed", "source": "manual", "model": None, "generatedPrompt": BY_HAND,
    }  # fmt: skip
    assert await store.claim(1, "tester", 30) == []
    assert await kinds(store, job_id) == ["queued", "completed"]
    assert await counts(api) == {"Queued": 0, "Processing": 0, "Completed": 1, "Failed": 0}


async def test_a_running_job_is_taken_from_its_worker(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """The worker's lease is gone, and its own prompt comes too late."""
    job_id = await api.queued(demo)
    (claim,) = await store.claim(1, "tester", 30)
    assert (await supply(api, job_id)).status == 200
    assert await store.heartbeat({claim.job_id: claim.lease_token}, 30) == set()
    late = {"job_id": job_id, "lease_token": str(claim.lease_token), "outcome": "completed"}
    (settled,) = await store.settle([late | {"prompt": "Make the sky teal.", "model": "grok-4.7"}])
    assert (settled.applied, settled.status) == (False, "completed")
    assert (await api.get(f"{QUEUE}/{job_id}")).body["generatedPrompt"] == BY_HAND
    assert (await kinds(store, job_id))[-1] == "stale_write_refused"


async def test_a_failed_job_is_mended_and_its_dependents_go_on(
    api: Api, demo: UUID, store: PromptStore, sql: asyncpg.Connection
) -> None:
    """Its error is gone, and rows of jobs that failed with it have their prompt."""
    job_id = await api.queued(demo)
    await sql.execute("insert into jobs (prompt_job_id) values ($1)", UUID(job_id))
    await fail(store)
    assert await sql.fetchval("select prompt_status from jobs") == "failed"
    reply = await supply(api, job_id)
    assert (reply.status, reply.body["error"], reply.body["errorCode"]) == (200, None, None)
    assert await sql.fetchval("select prompt_status from jobs") == "completed"
    assert await counts(api) == {"Queued": 0, "Processing": 0, "Completed": 1, "Failed": 0}


async def test_a_prompt_that_came_first_stays(api: Api, demo: UUID, store: PromptStore) -> None:
    """The answer says so, and what to do instead; nothing is changed."""
    await api.queued(demo)
    job_id = await complete(store)
    reply = await supply(api, job_id)
    assert (reply.status, reply.body["code"]) == (409, "already_final")
    assert "came first" in reply.body["detail"]
    assert (await api.get(f"{QUEUE}/{job_id}")).body["generatedPrompt"] == "Make the sky teal."


async def test_a_completed_job_gets_one_successor(api: Api, demo: UUID, store: PromptStore) -> None:
    """The new job has the same row and pictures; the same request again finds it."""
    await api.queued(demo, refUrls=["https://images.example.com/coat.jpg"])
    job_id = await complete(store)
    first, again = [await supply(api, job_id, successor=True) for _ in range(2)]
    assert (first.status, again.status) == (201, 201)
    assert first.headers["Location"] == first.body["urls"]["self"]
    assert again.body["promptJobId"] == first.body["promptJobId"] != job_id
    old = (await api.get(f"{QUEUE}/{job_id}")).body
    assert old["generatedPrompt"] == "Make the sky teal."
    kept = ("rowId", "targetUrl", "refUrls", "priority")
    assert {key: first.body[key] for key in kept} == {key: old[key] for key in kept}
    assert (first.body["status"], first.body["source"]) == ("completed", "manual")
    assert (await kinds(store, job_id))[-1] == "superseded"
    assert await kinds(store, first.body["promptJobId"]) == ["completed"]
    assert (await counts(api))["Completed"] == 2


async def test_the_same_prompt_again_is_the_same_act(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """A repeat after a lost answer gets the job, and nothing happens twice."""
    job_id = await api.queued(demo)
    replies = [await supply(api, job_id) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert await kinds(store, job_id) == ["queued", "completed"]


async def test_a_cancelled_job_stays_cancelled(api: Api, demo: UUID) -> None:
    """Also where a successor is asked for."""
    job_id = await api.queued(demo)
    await api.call("DELETE", f"{QUEUE}/{job_id}")
    for successor in (False, True):
        reply = await supply(api, job_id, successor=successor)
        assert (reply.status, reply.body["code"]) == (409, "already_final")
        assert "cancelled" in reply.body["detail"]


@pytest.mark.parametrize("prompt", ["", " \n ", "a" * 2001, None, 7])
async def test_a_prompt_is_a_sentence(api: Api, demo: UUID, prompt: Any) -> None:
    """Empty, endless and no text at all are refused at the field, and the job waits on."""
    job_id = await api.queued(demo)
    reply = await supply(api, job_id, prompt)
    assert (reply.status, reply.body["code"]) == (422, "invalid_request")
    assert reply.pointers == ["#/prompt"]
    assert (await api.get(f"{QUEUE}/{job_id}")).body["status"] == "queued"


async def test_a_stranger_finds_no_job(api: Api, store: PromptStore, demo: UUID) -> None:
    """A job of somebody else answers as one that never was, and stays as it is."""
    job_id = await api.queued(demo)
    assert (await supply(api, str(uuid4()))).status == 404
    stranger = await store.supply(UUID(job_id), BY_HAND, uuid4(), "test", successor=False)
    assert (stranger.outcome, stranger.job_id) == ("not_found", None)
    assert (await store.find_job(UUID(job_id))).status == "queued"
