"""An operator finds anybody's job, sees all of it, and acts on many at once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.prompt_store import PromptStore
from tests.api.conftest import CRON_SECRET
from tests.api.running import PHOTO, QUEUE, Api, complete, fail, finish, running

OPERATOR = {"Authorization": f"Bearer {CRON_SECRET}"}
JOBS = "/api/ops/jobs"


@pytest.fixture
async def api(database_url: str, demo: UUID, tmp_path: Path) -> AsyncIterator[Api]:
    """A server that takes in pictures too; nobody paints."""
    settings = {"cron_secret": CRON_SECRET, "wavespeed_api_key": "key", "wavespeed_level": "none"}
    async with running(database_url, tmp_path, **settings) as found:
        yield found


async def listed(api: Api, **filters: Any) -> list[str]:
    """The ids on the first page."""
    reply = await api.get(JOBS, params={k: str(v) for k, v in filters.items()}, headers=OPERATOR)
    assert reply.status == 200, reply.content
    return [job["id"] for job in reply.body["data"]]


async def acted(api: Api, act: str, **body: Any) -> Any:
    """What came of an act."""
    reply = await api.post(f"{JOBS}/{act}", json=body, headers=OPERATOR)
    assert reply.status == 200, reply.content
    return reply.body


async def picture_job(api: Api, row: UUID, **fields: Any) -> Any:
    """A job with pictures that was just created."""
    reply = await api.post(
        "/api/jobs/create", json={"rowId": str(row), "targetUrl": PHOTO} | fields
    )
    assert reply.status in {201, 202}, reply.content
    return reply.body


async def test_filters_find_the_jobs_they_name(api: Api, store: PromptStore, demo: UUID) -> None:
    """Each filter lets the jobs pass that fit, and no other."""
    done = await api.queued(demo, priority=9)
    await complete(store, "Make the sky teal.")
    broken = await api.queued(demo, priority=8)
    await fail(store, "refused")
    waiting = await api.queued(demo, priority=2)
    at_work = await api.queued(demo, priority=7)
    await store.claim(1, "tester", 30)
    user = str(DEMO_USER_ID)
    assert await listed(api) == [at_work, waiting, broken, done]
    for filters, expected in (
        ({"status": "queued"}, [waiting]),
        ({"status": "processing"}, [at_work]),
        ({"status": "failed"}, [broken]),
        ({"status": "completed"}, [done]),
        ({"errorCode": "refused"}, [broken]),
        ({"errorCode": "bad_input"}, []),
        ({"priority": "7-9"}, [at_work, broken, done]),
        ({"priority": 2}, [waiting]),
        ({"source": "model"}, [done]),
        ({"model": "grok-4.7"}, [done]),
        ({"userId": user, "status": "queued"}, [waiting]),
        ({"userId": uuid4()}, []),
        ({"rowId": demo, "priority": 2}, [waiting]),
        ({"createdBefore": "2001-01-01T00:00:00Z"}, []),
        ({"createdAfter": "2001-01-01T00:00:00Z", "priority": 2}, [waiting]),
        ({"q": "SKY teal"}, [done]),
        ({"q": "too dark"}, [broken]),
        ({"q": broken}, [broken]),
        ({"q": broken[:-4]}, [broken]),
        ({"q": user, "status": "failed"}, [broken]),
    ):
        assert await listed(api, **filters) == expected, filters


async def test_pages_follow_each_other(api: Api, demo: UUID) -> None:
    """Every job once, in order, and a Link to the next page until the last."""
    ids = [await api.queued(demo) for _ in range(5)][::-1]
    seen: list[str] = []
    path: str | None = f"{JOBS}?limit=2&status=queued"
    while path:
        reply = await api.get(path, headers=OPERATOR)
        seen += [job["id"] for job in reply.body["data"]]
        assert reply.body["hasMore"] is ("Link" in reply.headers)
        link = reply.headers.get("Link")
        path = link.partition(">")[0].lstrip("<") if link else None
    assert seen == ids


@pytest.mark.parametrize(
    "query",
    [
        "kind=film", "status=lost", "priority=11", "priority=3-1", "priority=x", "userId=7",
        "createdAfter=today", "limit=0", "cursor=zzz", "state=failed", "kind=picture&source=model",
        "kind=picture&status=completed", f"q={'a' * 201}",
    ],
)  # fmt: skip
async def test_a_wrong_filter_is_named(api: Api, query: str) -> None:
    """Refused at its parameter, instead of being left out without a word."""
    reply = await api.get(f"{JOBS}?{query}", headers=OPERATOR)
    assert (reply.status, reply.body["code"]) == (422, "invalid_parameter")
    assert reply.body["errors"][0]["parameter"] == query.rpartition("&")[2].partition("=")[0]


async def test_a_list_of_pictures(api: Api, demo: UUID) -> None:
    """One line a job, found by its status, its prompt's words, and the start of its id."""
    first = await picture_job(api, demo, prompt="Paint the fence green.", count=2)
    second = await picture_job(api, demo, useAiPrompt=True, priority=9)
    assert await listed(api, kind="picture") == [second["jobId"], first["jobId"]]
    for filters, expected in (
        ({"status": "queued"}, [first]),
        ({"status": "waiting_prompt"}, [second]),
        ({"q": "fence"}, [first]),
        ({"priority": "9-10"}, [second]),
        ({"q": second["promptJobId"]}, [second]),
        ({"q": first["jobId"][:18]}, [first]),
        ({"userId": uuid4()}, []),
        ({"userId": str(DEMO_USER_ID), "status": "queued"}, [first]),
    ):
        found = await listed(api, kind="picture", **filters)
        assert found == [one["jobId"] for one in expected], filters


async def test_the_page_of_a_prompt_tells_all(api: Api, store: PromptStore, demo: UUID) -> None:
    """Attempts with their worker and end, calls with their costs, the acts with who and why."""
    job = await api.queued(demo)
    (claim,) = await store.claim(1, "tester", 30)
    call = uuid4()
    await store.begin_calls(
        [{"call_id": str(call), "job_id": job, "lease_token": str(claim.lease_token),
          "model": "grok-4.7", "worker": "tester"}]
    )  # fmt: skip
    lost = {"job_id": job, "lease_token": str(claim.lease_token), "outcome": "failed",
            "error": "It is too dark.", "error_code": "bad_input"}  # fmt: skip
    await store.settle([lost])
    await acted(api, "retry", ids=[job], reason="try once more")
    await store.claim(1, "other", 30)
    page = (await api.get(f"{JOBS}/{job}", headers=OPERATOR)).body
    assert (page["kind"], page["job"]["promptJobId"], page["userId"]) == (
        "prompt", job, str(DEMO_USER_ID)
    )  # fmt: skip
    assert [(one["worker"], one["outcome"]) for one in page["attempts"]] == [
        ("tester", "failed"), ("other", None)
    ]  # fmt: skip
    assert page["attempts"][0]["calls"] == [str(call)]
    kinds = [event["kind"] for event in page["timeline"]["events"]]
    assert kinds == ["queued", "claimed", "failed", "retried", "claimed"]
    retried = page["timeline"]["events"][3]
    assert (retried["actor"], retried["reason"]) == ("cron", "try once more")
    assert page["receipts"]["calls"] == page["receipts"]["unresolved"] == 1
    assert page["timeline"]["calls"][0]["leg"] == "prompt"


async def test_the_page_of_a_picture_job_has_its_prompt(
    api: Api, store: PromptStore, demo: UUID
) -> None:
    """Events of both, each with the job it is about; the prompt names the pictures that wait."""
    made = await picture_job(api, demo, useAiPrompt=True)
    job, prompt = made["jobId"], made["promptJobId"]
    page = (await api.get(f"{JOBS}/{job}", headers=OPERATOR)).body
    assert (page["kind"], page["promptJobId"]) == ("picture", prompt)
    assert page["waitingReason"]["code"] == "waiting_prompt"
    assert {event["jobId"] for event in page["timeline"]["events"]} == {job, prompt}
    of_prompt = (await api.get(f"{JOBS}/{prompt}", headers=OPERATOR)).body
    assert of_prompt["dependents"] == [job]


async def test_a_job_that_is_not_there(api: Api) -> None:
    """404 for an id that nobody has, 422 for what is none."""
    missing = await api.get(f"{JOBS}/{uuid4()}", headers=OPERATOR)
    assert (missing.status, missing.body["code"]) == (404, "job_not_found")
    wrong = await api.get(f"{JOBS}/7", headers=OPERATOR)
    assert (wrong.status, wrong.body["code"]) == (422, "invalid_id")


async def test_many_jobs_at_once(api: Api, store: PromptStore, demo: UUID) -> None:
    """What can be cancelled is, of prompts and pictures; each other job is refused with a word."""
    done = await api.queued(demo, priority=10)
    await complete(store)
    waiting = await api.queued(demo)
    pictures = (await picture_job(api, demo, prompt="Blue."))["jobId"]
    nobody = str(uuid4())
    found = await acted(
        api, "cancel", ids=[done, waiting, pictures, nobody, waiting], reason="a mistake"
    )
    assert found["changed"] == 2
    assert {one["id"]: one["code"] for one in found["refused"]} == {
        done: "already_final", nobody: "job_not_found"
    }  # fmt: skip
    assert (await api.get(f"{QUEUE}/{waiting}")).body["status"] == "cancelled"
    for job, kind in ((waiting, "cancelled"), (pictures, "picture_cancelled")):
        page = (await api.get(f"{JOBS}/{job}", headers=OPERATOR)).body
        (event,) = [one for one in page["timeline"]["events"] if one["kind"] == kind]
        assert (event["actor"], event["reason"]) == ("cron", "a mistake")


async def test_a_filter_retries_what_failed_and_fits(
    api: Api, store: PromptStore, demo: UUID
) -> None:
    """The newest first, up to the limit, and failed ones alone."""
    failed = [await api.queued(demo) for _ in range(3)]
    for _ in failed:
        await fail(store, "refused")
    await api.queued(demo)
    found = await acted(api, "retry", filter={"errorCode": "refused"}, limit=2)
    assert (found["changed"], found["refused"], found["hasMore"]) == (2, [], True)
    assert await listed(api, status="failed") == [failed[0]]
    found = await acted(api, "retry", filter={"errorCode": "refused"})
    assert (found["changed"], found["hasMore"]) == (1, False)


async def test_an_act_says_which_jobs(api: Api) -> None:
    """Ids or a filter, not both, not neither, at most 500, and no field without a meaning."""
    for body in (
        {}, {"ids": [], "filter": {}}, {"ids": ["7"]}, {"ids": [str(uuid4())] * 501},
        {"filter": {"state": "failed"}}, {"filter": {}, "limit": 501},
    ):  # fmt: skip
        reply = await api.post(f"{JOBS}/retry", json=body, headers=OPERATOR)
        assert (reply.status, reply.body["code"]) == (422, "invalid_request"), body
    wrong = {"filter": {"status": "lost"}}
    reply = await api.post(f"{JOBS}/cancel", json=wrong, headers=OPERATOR)
    assert (reply.status, reply.body["code"]) == (422, "invalid_parameter")


async def test_every_act_is_in_the_audit(api: Api, store: PromptStore, demo: UUID) -> None:
    """The latest first, in pages, each with who, what and why; an owner's own act is none."""
    job = await api.queued(demo)
    other = await api.queued(demo)
    await api.post(f"{QUEUE}/pause", json={"reason": "repairs"}, headers=OPERATOR)
    await api.post(f"{QUEUE}/limits", json={"model": "m", "requestsPerSecond": 2}, headers=OPERATOR)
    await acted(api, "cancel", ids=[job], reason="a mistake")
    await api.call("DELETE", f"{QUEUE}/{other}")
    await store.supply(UUID(await api.queued(demo)), "Blue.", None, "cli:me", successor=False)
    first = (await api.get("/api/ops/audit?limit=2", headers=OPERATOR)).body
    assert [(one["act"], one["actor"]) for one in first["data"]] == [
        ("supplied", "cli:me"), ("cancelled", "cron")
    ]  # fmt: skip
    assert first["data"][1]["about"] == job
    assert first["data"][1]["reason"] == "a mistake"
    rest = await api.get(f"/api/ops/audit?cursor={first['nextCursor']}", headers=OPERATOR)
    assert [(one["act"], one["about"]) for one in rest.body["data"]] == [
        ("limited", "m"), ("paused", "the queue")
    ]  # fmt: skip
    wrong = await api.get("/api/ops/audit?cursor=x", headers=OPERATOR)
    assert (wrong.status, wrong.body["code"]) == (422, "invalid_parameter")


async def test_a_job_that_rests_goes_on_at_once_when_it_is_hastened(
    api: Api, store: PromptStore, demo: UUID
) -> None:
    """Its retries stay counted, the act is in its events and in the audit, and it works once."""
    resting = await api.queued(demo)
    await finish(
        store, outcome="retry", error="It is away.", error_code="transient", delay_seconds=3600
    )
    page = (await api.get(f"{JOBS}/{resting}", headers=OPERATOR)).body
    assert page["job"]["nextAttemptAt"] is not None
    assert await store.claim(1, "tester", 30) == []
    assert await acted(api, "hasten", ids=[resting], reason="it is mended") == {
        "changed": 1, "refused": [], "hasMore": False
    }  # fmt: skip
    refused = (await acted(api, "hasten", ids=[resting, str(uuid4())]))["refused"]
    assert {one["code"] for one in refused} == {"not_delayed", "job_not_found"}
    (claimed,) = await store.claim(1, "tester", 30)
    assert (str(claimed.job_id), claimed.retry_count) == (resting, 1)
    events = (await api.get(f"{JOBS}/{resting}", headers=OPERATOR)).body["timeline"]["events"]
    (hastened,) = [event for event in events if event["kind"] == "hastened"]
    assert (hastened["actor"], hastened["reason"]) == ("cron", "it is mended")
    (act,) = (await api.get("/api/ops/audit", headers=OPERATOR)).body["data"]
    assert (act["act"], act["about"], act["reason"]) == ("hastened", resting, "it is mended")
