"""Putting jobs into the queue over HTTP."""

import asyncio
import time
from uuid import UUID, uuid4

import pytest

from prompt_queue.store.database import Database
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.row_store import RowStore
from tests.api.running import PHOTO, QUEUE, Api, complete
from tests.conftest import until


async def test_enqueue_answers_at_once_with_id_and_estimate(api: Api, demo: UUID) -> None:
    """A POST is accepted with the id, a numeric estimate, and where and when to look."""
    reply = await api.enqueue(demo, refUrls=[PHOTO], priority=8)
    assert reply.status == 202
    body = reply.body
    assert body["status"] == "queued"
    assert body["position"] == 0
    assert body["estimatedWaitTime"] >= 1
    assert reply.headers["Location"] == body["urls"]["self"]
    assert 1 <= int(reply.headers["Retry-After"]) <= 30
    job = (await api.get(reply.headers["Location"])).body
    assert job["promptJobId"] == body["promptJobId"]
    assert (job["priority"], job["priorityBand"], job["refUrls"]) == (8, "high", [PHOTO])


async def test_null_means_not_given_for_optional_fields(api: Api, demo: UUID) -> None:
    """JavaScript clients send null for what they leave out; it gets the default."""
    reply = await api.enqueue(demo, refUrls=None, priority=None)
    job = (await api.get(f"{QUEUE}/{reply.body['promptJobId']}")).body
    assert (job["refUrls"], job["priority"]) == ([], 5)


async def test_unknown_and_foreign_rows_cannot_be_told_apart(api: Api, database: Database) -> None:
    """A row that does not exist and a row of somebody else get the same 404."""
    other = uuid4()
    await database.rows("seed_demo_user", other)
    foreign = (await RowStore(database).create(other)).id
    replies = [await api.enqueue(row) for row in (uuid4(), foreign)]
    for reply, row in zip(replies, (None, foreign), strict=True):
        assert reply.status == 404
        assert reply.body["code"] == "row_not_found"
        if row:
            assert str(row) in reply.body["detail"]
    assert {r.body["title"] for r in replies} == {"There is no such row"}
    stats = (await api.get(QUEUE)).body
    assert stats["totalQueued"] == 0


BAD = [
    ({"rowId": "not-a-uuid"}, "#/rowId", "UUID"),
    ({"rowId": "{00000000-0000-4000-a000-000000000003}"}, "#/rowId", "UUID"),
    ({"rowId": None}, "#/rowId", "UUID"),
    ({"priority": 0}, "#/priority", "7-9 high"),
    ({"priority": 11}, "#/priority", "10 critical"),
    ({"priority": "high"}, "#/priority", "1-3 low, 4-6 normal"),
    ({"priority": True}, "#/priority", "whole number"),
    ({"priority": 5.5}, "#/priority", "whole number"),
    ({"targetUrl": None}, "#/targetUrl", "targetUrl is empty"),
    ({"targetUrl": ""}, "#/targetUrl", "targetUrl is empty"),
    ({"targetUrl": "not a url"}, "#/targetUrl", "percent-encode"),
    ({"targetUrl": "portrait.jpg"}, "#/targetUrl", "https://"),
    ({"targetUrl": "ftp://images.example.com/a.jpg"}, "#/targetUrl", "https://"),
    ({"targetUrl": "http://images.example.com/a.jpg"}, "#/targetUrl", "https://"),
    ({"targetUrl": "https://127.0.0.1/a.jpg"}, "#/targetUrl", "private network"),
    ({"targetUrl": 7}, "#/targetUrl", "as text"),
    ({"targetUrl": PHOTO + "x" * 2048}, "#/targetUrl", "2048"),
    ({"refUrls": [PHOTO] * 100}, "#/refUrls", "at most 16"),
    ({"refUrls": [PHOTO, PHOTO, PHOTO, "http://10.0.0.1/"]}, "#/refUrls/3", "private network"),
    ({"refUrls": PHOTO}, "#/refUrls", "list"),
    ({"refUrls": [PHOTO, None]}, "#/refUrls/1", "as text"),
    ({"targetUrl": "https://a.example/\x00.jpg"}, "#/targetUrl", "NUL"),
    ({"refUrls": ["https://a.example/\ud800.jpg"]}, "#/refUrls/0", "surrogate"),
    ({"prioritty": 8}, "#/prioritty", "did you mean priority?"),
    ({"status": "completed"}, "#/status", "There is no field status"),
]


@pytest.mark.parametrize(("fields", "where", "words"), BAD, ids=lambda v: str(v)[:40])
async def test_a_bad_field_gets_a_sentence_and_a_pointer(
    api: Api, demo: UUID, fields: dict[str, object], where: str, words: str
) -> None:
    """Each bad field is refused with 422, the place, and what to write instead."""
    reply = await api.enqueue(demo, **fields)
    assert reply.status == 422
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["X-Error-Code"] == reply.body["code"] == "invalid_request"
    (error,) = reply.body["errors"]
    assert error["pointer"] == where
    assert words in error["detail"]
    assert reply.body["retryable"] is False


async def test_a_missing_target_is_named(api: Api, demo: UUID) -> None:
    """A body without targetUrl is told that the picture to edit is missing."""
    reply = await api.post(QUEUE, json={"rowId": str(demo)})
    assert (reply.status, reply.pointers) == (422, ["#/targetUrl"])
    assert "picture that is to be edited" in reply.body["detail"]


async def test_all_errors_are_told_at_once(api: Api) -> None:
    """A body with several errors gets one entry for each."""
    reply = await api.post(QUEUE, json={"rowId": "x", "priority": 0, "targetUrl": ""})
    assert sorted(reply.pointers) == ["#/priority", "#/rowId", "#/targetUrl"]


async def test_a_row_id_with_wrong_uuid_never_reaches_the_database(api: Api) -> None:
    """No job is made from a refused request."""
    await api.enqueue("nonsense")
    assert (await api.get(QUEUE)).body["totalQueued"] == 0


async def test_one_key_is_one_job_under_fifty_posts(api: Api, demo: UUID) -> None:
    """Fifty requests at once with one Idempotency-Key make one job and get one answer."""
    body = {"rowId": str(demo), "targetUrl": PHOTO}
    replies = await asyncio.gather(
        *(api.post(QUEUE, json=body, headers={"Idempotency-Key": "one"}) for _ in range(50))
    )
    assert {r.status for r in replies} == {202}
    assert len({r.content for r in replies}) == 1
    assert sum("Idempotency-Replayed" not in r.headers for r in replies) == 1
    assert (await api.get(QUEUE)).body["totalQueued"] == 1


async def test_a_key_with_another_body_is_refused(api: Api, demo: UUID) -> None:
    """The same key for a different request is 422, and makes nothing."""
    key = {"Idempotency-Key": "two"}
    first = {"rowId": str(demo), "targetUrl": PHOTO}
    await api.post(QUEUE, json=first, headers=key)
    reply = await api.post(QUEUE, json=first | {"priority": 9}, headers=key)
    assert (reply.status, reply.body["code"]) == (422, "idempotency_key_reused")
    same = await api.post(QUEUE, json={"targetUrl": PHOTO, "rowId": str(demo)}, headers=key)
    assert same.headers["Idempotency-Replayed"] == "true"
    assert (await api.get(QUEUE)).body["totalQueued"] == 1


async def test_an_unusable_key_is_refused(api: Api, demo: UUID) -> None:
    """A key of more than 255 characters is refused with the name of the header."""
    reply = await api.post(
        QUEUE,
        json={"rowId": str(demo), "targetUrl": PHOTO},
        headers={"Idempotency-Key": "k" * 256},
    )
    assert reply.status == 422
    assert reply.body["errors"][0]["header"] == "Idempotency-Key"


async def test_prefer_wait_holds_until_the_prompt_is_there(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """With Prefer: wait the answer is the finished job, as soon as it has finished."""
    body = {"rowId": str(demo), "targetUrl": PHOTO}
    waiting = asyncio.create_task(api.post(QUEUE, json=body, headers={"Prefer": "wait=30"}))
    await until(lambda: _queued(api))
    job_id = await complete(store, "Make the coat red.")
    reply = await waiting
    assert reply.status == 200
    assert reply.headers["Preference-Applied"] == "wait=30"
    assert reply.body["promptJobId"] == job_id
    assert reply.body["generatedPrompt"] == "Make the coat red."


async def test_prefer_wait_gives_up_after_its_time(api: Api, demo: UUID) -> None:
    """When the time is over and the job has not ended, the answer is the usual 202."""
    begun = time.monotonic()
    reply = await api.post(
        QUEUE,
        json={"rowId": str(demo), "targetUrl": PHOTO},
        headers={"Prefer": "respond-async, wait=1"},
    )
    assert reply.status == 202
    assert reply.body["status"] == "queued"
    assert time.monotonic() - begun >= 1


async def _queued(api: Api) -> bool:
    return bool((await api.get(QUEUE)).body["totalQueued"])


async def test_a_request_says_how_good_and_what_for(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """Quality, operation, prompt and wishes reach the worker; consent is kept with the job."""
    fields = {
        "minQuality": "any_model", "operation": "enhance", "existingPrompt": " make it red ",
        "userInstructions": "keep it subtle", "identityConsent": True,
    }  # fmt: skip
    job_id = await api.queued(demo, **fields)
    job = (await api.get(f"{QUEUE}/{job_id}")).body
    assert (job["minQuality"], job["operation"], job["degraded"]) == ("any_model", "enhance", False)
    (claim,) = await store.claim(1, "tester", 30)
    assert (claim.min_quality, claim.operation) == ("any_model", "enhance")
    assert (claim.existing_prompt, claim.user_instructions) == ("make it red", "keep it subtle")
    row = await store.database.row("find_job", UUID(job_id), None)
    assert row is not None
    assert row["identity_consent"] is True


async def test_what_a_request_does_not_say_has_its_default(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """Null and absent are the same."""
    names = ("minQuality", "operation", "existingPrompt", "userInstructions", "identityConsent")
    job = (await api.get(f"{QUEUE}/{await api.queued(demo, **dict.fromkeys(names))}")).body
    assert (job["minQuality"], job["operation"]) == ("template_ok", "generate")
    (claim,) = await store.claim(1, "tester", 30)
    assert (claim.existing_prompt, claim.user_instructions) == (None, None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"minQuality": "best"}, "any_model"),
        ({"operation": "paint"}, "enhance"),
        ({"operation": "enhance"}, "existingPrompt"),
        ({"operation": "enhance", "existingPrompt": "  "}, "existingPrompt"),
        ({"existingPrompt": "a" * 2001}, "2000"),
        ({"userInstructions": ["red"]}, "string"),
        ({"identityConsent": "perhaps"}, ""),
    ],
)
async def test_options_that_mean_nothing_are_refused_with_a_sentence(
    api: Api, demo: UUID, fields: dict[str, object], words: str
) -> None:
    """Nothing is queued, and the answer says what would be understood."""
    reply = await api.enqueue(demo, **fields)
    assert (reply.status, reply.body["code"]) == (422, "invalid_request")
    assert words in str(reply.body)
    assert (await api.get(QUEUE)).body["totalQueued"] == 0
