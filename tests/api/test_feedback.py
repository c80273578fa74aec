"""What users think of prompts and pictures, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.store.prompt_store import PromptStore
from tests.api.conftest import CRON_SECRET
from tests.api.listening import listening
from tests.api.running import QUEUE, Api, Reply, complete, fail, running
from tests.api.test_picture_jobs import PROMPT, claimed, create, look_and_save, settle

OTHER = uuid4()


@pytest.fixture
async def studio(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A server that has a key for pictures; nobody paints."""
    settings = {
        "wavespeed_api_key": "key", "wavespeed_level": "none", "cron_secret": CRON_SECRET,
    }  # fmt: skip
    async with running(database_url, tmp_path, **settings) as found:
        yield found


async def judge(api: Api, path: str, verdict: str = "up", **more: Any) -> Reply:
    return await api.call("PUT", f"{path}/feedback", json={"verdict": verdict} | more)


async def picture(api: Api, row: UUID, **fields: Any) -> str:
    """The path of a job with a finished picture."""
    job_id = (await create(api, row, prompt=PROMPT, **fields)).body["jobId"]
    await settle(api, await claimed(api), "submitted", prediction_id="p1", delay=60)
    await look_and_save(api, 1)
    return f"/api/jobs/{job_id}"


async def test_a_verdict_is_kept_changed_and_withdrawn(
    api: Api, demo: UUID, store: PromptStore
) -> None:
    """It stands in the job until it is withdrawn, and each change is an event without the words."""
    job_id = await api.queued(demo)
    here = f"{QUEUE}/{job_id}"
    await complete(store)
    before = await api.get(here)
    assert before.body["feedback"] is None
    first = await judge(api, here, "down", reason="wrong_style", text="  Too cold. ")
    assert first.status == 200
    said = {name: first.body[name] for name in ("verdict", "reason", "text")}
    assert said == {"verdict": "down", "reason": "wrong_style", "text": "Too cold."}
    again = await judge(api, here, "down", reason="wrong_style", text="Too cold.")
    assert again.body == first.body
    changed = await judge(api, here)
    assert (changed.body["verdict"], changed.body["text"]) == ("up", None)
    after = await api.get(here)
    assert after.body["feedback"] == changed.body
    assert after.headers["ETag"] != before.headers["ETag"]
    assert (await api.get(f"{here}/feedback")).body == changed.body
    for _ in range(2):
        assert (await api.call("DELETE", f"{here}/feedback")).status == 204
    gone = await api.get(f"{here}/feedback")
    assert (gone.status, gone.body["code"]) == (404, "feedback_not_found")
    events = [e for e in await store.events(UUID(job_id)) if e["kind"] == "feedback"]
    assert [event["data"] for event in events] == [
        {"verdict": "down", "reason": "wrong_style"}, {"verdict": "up"}, {"verdict": "withdrawn"},
    ]  # fmt: skip


async def test_each_picture_of_a_job_has_its_own_verdict(studio: Api, demo: UUID) -> None:
    """The number says which; one that is not there is the 404 of no job."""
    here = await picture(studio, demo)
    assert (await judge(studio, here, "down", reason="poor_quality")).status == 200
    (made,) = (await studio.get(here)).body["pictures"]
    assert (made["feedback"]["verdict"], made["feedback"]["reason"]) == ("down", "poor_quality")
    elsewhere = await studio.call("PUT", f"{here}/feedback?number=2", json={"verdict": "up"})
    assert (elsewhere.status, elsewhere.body["code"]) == (404, "job_not_found")
    assert (await studio.get(f"{here}/feedback?number=2")).status == 404
    wrong = await studio.get(f"{here}/feedback?number=9")
    assert (wrong.status, wrong.body["errors"][0]["parameter"]) == (422, "number")
    assert (await studio.call("DELETE", f"{here}/feedback")).status == 204
    assert (await studio.get(here)).body["pictures"][0]["feedback"] is None


async def test_only_what_is_finished_is_judged(api: Api, demo: UUID, store: PromptStore) -> None:
    """A job that waits and one that failed have nothing to judge."""
    waiting = f"{QUEUE}/{await api.queued(demo)}"
    early = await judge(api, waiting)
    assert (early.status, early.body["code"]) == (409, "nothing_yet")
    await fail(store)
    assert (await judge(api, waiting)).status == 409


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"verdict": "sideways"}, "#/verdict"),
        ({}, "#/verdict"),
        ({"verdict": "up", "reason": "because"}, "#/reason"),
        ({"verdict": "up", "text": "x" * 501}, "#/text"),
        ({"verdict": "up", "stars": 5}, "#/stars"),
    ],
)
async def test_what_cannot_be_used_is_pointed_at(
    api: Api, demo: UUID, store: PromptStore, body: dict[str, Any], pointer: str
) -> None:
    """The problem names the field, and nothing is kept."""
    here = f"{QUEUE}/{await api.queued(demo)}"
    await complete(store)
    reply = await api.call("PUT", f"{here}/feedback", json=body)
    assert (reply.status, reply.body["code"]) == (422, "invalid_request")
    assert reply.pointers == [pointer]
    assert (await api.get(here)).body["feedback"] is None


async def test_jobs_of_others_cannot_be_judged(
    studio: Api, demo: UUID, store: PromptStore, database_url: str, tmp_path: Path
) -> None:
    """Reading, judging and withdrawing are the 404 of a job that never was, and nothing is kept."""
    prompt = f"{QUEUE}/{await studio.queued(demo)}"
    await complete(store)
    made = await picture(studio, demo)
    connection = await asyncpg.connect(database_url)
    await connection.execute("insert into auth.users (id) values ($1)", OTHER)
    folder = tmp_path / "other"
    folder.mkdir()
    async with running(database_url, folder, local_user_id=OTHER) as other:
        for path in (prompt, made, f"{QUEUE}/{uuid4()}", f"/api/jobs/{uuid4()}"):
            assert (await judge(other, path)).body["code"] == "job_not_found"
            assert (await other.get(f"{path}/feedback")).body["code"] == "job_not_found"
            refused = await other.call("DELETE", f"{path}/feedback")
            assert refused.body["code"] == "job_not_found"
    assert await connection.fetchval("select count(*) from public.prompt_feedback") == 0
    await connection.close()


async def test_a_verdict_goes_with_its_job(
    api: Api, demo: UUID, store: PromptStore, database_url: str
) -> None:
    """When the job is deleted, nothing of what was said of it is left."""
    job_id = await api.queued(demo)
    await complete(store)
    await judge(api, f"{QUEUE}/{job_id}", text="Mine.")
    connection = await asyncpg.connect(database_url)
    await connection.execute("delete from public.prompt_generation_jobs where id = $1", job_id)
    assert await connection.fetchval("select count(*) from public.prompt_feedback") == 0
    await connection.close()


async def test_verdicts_are_told_live_and_counted(
    studio: Api, demo: UUID, store: PromptStore, database_url: str
) -> None:
    """Another tab of the user learns of it; the metric counts by kind and verdict."""
    job_id = await studio.queued(demo)
    await complete(store)
    made = await picture(studio, demo)
    async with listening(studio.session, f"{studio.url}/api/events") as ear:
        await ear.until("snapshot")
        await judge(studio, f"{QUEUE}/{job_id}", "down")
        told = await ear.until("update", "feedback")
        assert (told.data["promptJobId"], told.data["data"]) == (job_id, {"verdict": "down"})
        await judge(studio, made)
        told = await ear.until("update", "picture_feedback")
        assert made.endswith(told.data["jobId"])
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("select public.sum_up_prompt_queue()")
    await connection.close()
    headers = {"Authorization": f"Bearer {CRON_SECRET}"}
    text = (await studio.get("/metrics", headers=headers)).content.decode()
    assert 'prompt_queue_feedback_total{kind="prompt",verdict="down"} 1.0' in text
    assert 'prompt_queue_feedback_total{kind="picture",verdict="up"} 1.0' in text


async def test_a_picture_says_which_prompt_it_was_made_from(
    studio: Api, demo: UUID, store: PromptStore
) -> None:
    """A completed prompt is taken over as it is, or edited; the job names where it came from."""
    prompt_job = await studio.queued(demo)
    early = await create(studio, demo, promptJobId=prompt_job)
    assert (early.status, early.body["code"]) == (422, "invalid_request")
    assert "completed prompt job of yours" in early.body["detail"]
    await complete(store, PROMPT)
    taken = await create(studio, demo, promptJobId=prompt_job)
    assert (taken.status, taken.body["promptJobId"], taken.body["status"]) == (
        202, prompt_job, "queued",
    )  # fmt: skip
    job = (await studio.get(f"/api/jobs/{taken.body['jobId']}")).body
    assert (job["prompt"], job["promptJobId"], job["promptStatus"]) == (
        PROMPT, prompt_job, "completed",
    )  # fmt: skip
    edited = (await create(studio, demo, promptJobId=prompt_job, prompt="Mine.")).body["jobId"]
    timeline = (await studio.get(f"/api/jobs/{edited}/timeline")).body["events"]
    (created,) = [e for e in timeline if e["kind"] == "picture_created"]
    assert (created["data"]["promptJobId"], created["data"]["edited"]) == (prompt_job, True)
    assert (await studio.get(f"/api/jobs/{edited}")).body["prompt"] == "Mine."
    both = await create(studio, demo, promptJobId=prompt_job, useAiPrompt=True)
    assert both.status == 422


async def test_a_prompt_of_somebody_else_is_not_taken_over(
    studio: Api, demo: UUID, store: PromptStore, database_url: str
) -> None:
    """It answers like one that never was."""
    prompt_job = await studio.queued(demo)
    await complete(store, PROMPT)
    connection = await asyncpg.connect(database_url)
    await connection.execute("insert into auth.users (id) values ($1)", OTHER)
    await connection.execute(
        "update public.prompt_generation_jobs set user_id = $2 where id = $1", prompt_job, OTHER
    )
    await connection.close()
    for job_id in (prompt_job, str(uuid4())):
        reply = await create(studio, demo, promptJobId=job_id)
        assert (reply.status, reply.body["code"]) == (422, "invalid_request")
