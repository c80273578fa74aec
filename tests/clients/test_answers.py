"""What the server answers reaches the program: results, errors, and what is not from us."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from prompt_queue.client import PromptQueue
from prompt_queue.client.models import Enqueued, PictureJob, PromptJob
from prompt_queue.client.reading import Unreadable, read
from prompt_queue.store.prompt_store import PromptStore
from tests.api.running import PHOTO, Api, complete, fail
from tests.clients.faces import Face, Said
from tests.clients.scripted import JOB_ID, Scripted, job, page, refuses, says
from tests.photographs import plain

KINDS = {
    400: "InvalidRequest", 401: "Unauthorized", 403: "Unauthorized", 404: "NotFound",
    409: "Conflict", 410: "NotFound", 413: "InvalidRequest", 418: "ApiError",
    422: "InvalidRequest", 429: "RateLimited", 500: "Unavailable", 503: "Unavailable",
}  # fmt: skip


@pytest.mark.parametrize("status", KINDS)
async def test_a_problem_becomes_an_exception(face: Face, server: Scripted, status: int) -> None:
    """Of the class of its status, with everything that the document says."""
    errors = [{"pointer": "#/priority", "detail": "too high"}]
    server.steps = [refuses(status, "some_code", errors=errors, requestId="r-7")]
    with pytest.raises(Said) as refused:
        await face.do("get", id=JOB_ID)
    said = refused.value
    assert said.name == KINDS[status]
    assert "A sentence." in said.message
    facts = (said.facts["code"], said.facts["status"], said.facts["retryable"])
    assert facts == ("some_code", status, False)
    assert said.facts["requestId"] == "r-7"
    assert said.facts["errors"] == errors


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (page(404), "NotFound"),
        (page(401), "Unauthorized"),
        (page(418), "UnexpectedAnswer"),
        (page(200), "UnexpectedAnswer"),
        (page(302, "", Location="https://sso.example.com/"), "UnexpectedAnswer"),
        (says([1]), "UnexpectedAnswer"),
    ],
)
async def test_an_answer_of_somebody_else_is_told_apart(
    face: Face, server: Scripted, step: Any, name: str
) -> None:
    """A sentence says that something stands before the server; the page itself is not a result."""
    server.steps = [step]
    with pytest.raises(Said) as refused:
        await face.do("get", id=JOB_ID)
    assert refused.value.name == name
    assert "<h1>" not in refused.value.message
    assert len(server.seen) == 1


async def test_a_page_of_beginnings_is_told_apart_as_quickly(face: Face, server: Scripted) -> None:
    """Tags without an end, 400 KB of them, hold up no program that gets such a page."""
    server.steps = [page(404, "<a" * 200_000)]
    begun = time.monotonic()
    async with asyncio.timeout(5):
        with pytest.raises(Said) as refused:
            await face.do("get", id=JOB_ID)
    assert time.monotonic() - begun < 5
    assert refused.value.name == "NotFound"
    assert len(refused.value.message) < 500


@pytest.mark.parametrize("tokens", [["fixed", "fixed"], ["first", "second"]])
async def test_the_token_is_sent_as_bearer(face: Face, server: Scripted, tokens: list[str]) -> None:
    """One text, or a function that is asked for each request, its repeats too."""
    if tokens[0] == tokens[1]:
        face.token = tokens[0]
    else:
        face.tokens = tokens
    server.steps = [refuses(503, "database_unavailable", True), says({})]
    await face.do("stats")
    sent = [one.headers["authorization"] for one in server.seen]
    assert sent == [f"Bearer {token}" for token in tokens]


async def test_a_key_acts_for_the_user_who_is_named(face: Face, server: Scripted) -> None:
    """With each request; without a name, nothing is said of anybody."""
    face.token = "pq_0123456789ab_key"
    server.steps = [says({}), says({})]
    await face.do("stats")
    face.act_for = JOB_ID
    await face.do("stats")
    assert [one.headers.get("x-act-for") for one in server.seen] == [None, JOB_ID]


async def test_a_redirect_gets_no_token(face: Face, server: Scripted) -> None:
    """It is not followed, so the token goes nowhere else."""
    face.token = "secret-token"
    server.steps = [page(307, "", Location="/elsewhere")]
    with pytest.raises(Said) as refused:
        await face.do("stats")
    assert [one.path for one in server.seen] == ["/api/prompt/queue"]
    assert "redirect" in refused.value.message
    assert "secret-token" not in str(refused.value.facts)


async def test_a_prompt_through_its_life(
    face: Face, studio: Api, demo: UUID, store: PromptStore
) -> None:
    """Queued, looked at, failed, put back, completed by hand, and its history."""
    queued = await face.do(
        "enqueue", row_id=str(demo), target_url=PHOTO, ref_urls=[PHOTO], priority=9, cache="off"
    )
    job_id = queued["promptJobId"]
    assert (queued["status"], queued["position"]) == ("queued", 0)
    seen = await face.do("get", id=job_id)
    assert (seen["priority"], seen["refUrls"]) == (9, [PHOTO])
    assert await fail(store) == job_id
    assert (await face.do("retry", id=job_id))["status"] == "queued"
    done = await face.do("set_prompt", id=job_id, text="Make it teal.")
    assert (done["status"], done["source"]) == ("completed", "manual")
    events = (await face.do("timeline", id=job_id))["events"]
    assert next(event["kind"] for event in events) == "queued"
    newer = await face.do("set_prompt", id=job_id, text="Make it red.", successor=True)
    assert newer["promptJobId"] != job_id
    with pytest.raises(Said) as refused:
        await face.do("cancel", id=job_id)
    assert (refused.value.name, refused.value.facts["code"]) == ("Conflict", "already_final")
    assert (await face.do("stats"))["totalCompleted"] == 2
    assert (await face.do("health"))["queueDepth"] == 0


async def test_a_cancel_may_be_repeated(face: Face, studio: Api, demo: UUID) -> None:
    """It answers with its receipt both times."""
    job_id = await studio.queued(demo)
    for _ in range(2):
        cancelled = await face.do("cancel", id=job_id)
        assert (cancelled["status"], cancelled["receipt"]["calls"]) == ("cancelled", 0)


async def test_lists_go_over_all_pages(
    face: Face, studio: Api, demo: UUID, store: PromptStore
) -> None:
    """Newest first, none twice, none left out; a filter holds on every page."""
    made = [await studio.queued(demo) for _ in range(5)]
    assert await complete(store) == made[0]
    listed = await face.do("list", page_size=2)
    assert [one["promptJobId"] for one in listed] == made[::-1]
    waiting = await face.do("list", page_size=2, status="queued", row_id=str(demo))
    assert [one["promptJobId"] for one in waiting] == made[:0:-1]


async def test_a_picture_through_its_life(
    face: Face, studio: Api, demo: UUID, tmp_path: Any
) -> None:
    """Uploaded, put into a row, ordered with a prompt, listed, cancelled."""
    photo = tmp_path / "photo.png"
    photo.write_bytes(plain("teal"))
    stored = await face.do("upload", path=str(photo))
    assert stored["mediaType"] == "image/png"
    row = await face.do("rows.create", target_url=stored["url"])
    rows = await face.do("rows.list")
    assert {one["rowId"] for one in rows} == {row["rowId"], str(demo)}
    created = await face.do(
        "jobs.create", row_id=row["rowId"], use_ai_prompt=True, metadata={"mine": 1}
    )
    job_id = created["jobId"]
    seen = await face.do("jobs.get", id=job_id)
    assert (seen["status"], seen["metadata"]) == ("waiting_prompt", {"mine": 1})
    assert [one["jobId"] for one in await face.do("jobs.list")] == [job_id]
    assert (await face.do("jobs.cancel", id=job_id))["status"] == "cancelled"
    assert (await face.do("jobs.timeline", id=job_id))["events"]
    with pytest.raises(Said) as refused:
        await face.do("jobs.retry", id=job_id)
    assert refused.value.facts["code"] == "not_failed"


async def test_what_is_not_there_is_not_found(face: Face, studio: Api) -> None:
    """With the server's own code and sentence."""
    with pytest.raises(Said) as refused:
        await face.do("get", id=str(uuid4()))
    assert (refused.value.name, refused.value.facts["code"]) == ("NotFound", "job_not_found")


async def test_fields_that_are_wrong_are_named(face: Face, studio: Api, demo: UUID) -> None:
    """By their place in the request."""
    with pytest.raises(Said) as refused:
        await face.do("enqueue", row_id=str(demo), target_url=PHOTO, priority=99)
    assert [error["pointer"] for error in refused.value.facts["errors"]] == ["#/priority"]


def test_fields_of_newer_servers_do_no_harm() -> None:
    """They are in `raw`; fields that an older server does not send are empty."""
    found = read(PromptJob, job(waitingReason={"code": "paused", "colour": 1}, novelty={"a": [1]}))
    assert found.raw["novelty"] == {"a": [1]}
    assert found.waiting_reason is not None
    assert found.waiting_reason.code == "paused"
    assert (found.generated_prompt, found.eta, found.ref_urls) == (None, None, ())


def test_what_is_read_has_types() -> None:
    """Times with a zone, pictures as pictures, and the end of a job as a question to it."""
    found = read(
        PictureJob,
        {
            "jobId": JOB_ID, "status": "succeeded", "createdAt": "2026-11-26T10:00:00Z",
            "pictures": [{"number": 1, "status": "succeeded", "url": "http://x/1.png"}],
        },
    )  # fmt: skip
    assert (found.id, found.is_final, found.succeeded) == (JOB_ID, True, True)
    assert found.pictures[0].url == "http://x/1.png"
    assert found.created_at is not None
    assert found.created_at.tzinfo is not None


@pytest.mark.parametrize("found", [None, [], {}, {"status": "queued"}, {"promptJobId": "x"}])
def test_what_cannot_be_read_is_said(found: Any) -> None:
    """Without its id and status, an answer is no job."""
    with pytest.raises(Unreadable):
        read(Enqueued, found)


@pytest.mark.parametrize(
    "url", ["queue.example.com", "ftp://x", "http://a:b@x", "http://x?y", "http://"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """At once, not with the first request."""
    with pytest.raises(ValueError, match="base_url"):
        PromptQueue(url)


async def test_address_and_token_come_from_the_environment(
    server: Scripted, monkeypatch: pytest.MonkeyPatch, face: Face
) -> None:
    """Where the program gives none; and the token is not shown."""
    monkeypatch.setenv("PROMPT_QUEUE_URL", server.url + "/behind/a/path/")
    monkeypatch.setenv("PROMPT_QUEUE_TOKEN", "secret-token")
    face.base_url = None  # type: ignore[assignment]
    server.steps = [says({})]
    await face.do("stats")
    assert server.seen[0].path == "/behind/a/path/api/prompt/queue"
    assert server.seen[0].headers["authorization"] == "Bearer secret-token"


async def test_a_token_that_no_header_can_carry_is_not_repeated(
    face: Face, server: Scripted
) -> None:
    """The error says what is wrong, not what the token was."""
    face.token = "secret\ntoken"
    server.steps = [says({})]
    with pytest.raises((Said, ValueError)) as refused:
        await face.do("stats")
    assert "characters" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert server.seen == []
