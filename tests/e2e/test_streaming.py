"""The text while it is written: seen by whoever watches, and never half of it as a result."""

import time
from typing import Any

from prompt_queue.testing import PictureServer, StandIn
from tests.e2e.conftest import StackFactory
from tests.e2e.stack import Stack, wait_for
from tests.photographs import plain

WRITES = "select n_tup_ins + n_tup_upd as n from pg_stat_user_tables where relname = $1"


def watch(stack: Stack, job_id: str) -> tuple[list[str], dict[str, Any]]:
    """Every text that long polls with an ETag bring, and the job at its end."""
    path, etag, texts = f"/api/prompt/queue/{job_id}", "", list[str]()
    while True:
        answer = stack.request("GET", f"{path}?wait=10", headers={"If-None-Match": etag})
        if answer.status == 304:
            continue
        etag, job = answer.headers["etag"], answer.body
        if job["partialPrompt"] and job["partialPrompt"] not in texts:
            texts.append(job["partialPrompt"])
        if job["status"] in {"completed", "failed"}:
            assert job["partialPrompt"] is None
            return texts, job


async def test_a_watcher_sees_the_text_grow(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Step by step, in far fewer writes than there are words; the record is updated for none."""
    xai_stand_in.settings(latency_seconds=4.0)
    stack = make_stack()
    job_id = stack.enqueue(picture_server.add("t.png", plain("teal")), stream=True)
    texts, job = watch(stack, job_id)
    assert job["status"] == "completed"
    assert len(texts) >= 4
    assert all(job["generatedPrompt"].startswith(text.strip()) for text in texts)
    assert len(texts) < len(job["generatedPrompt"].split())

    async def written(table: str) -> int:
        (row,) = await stack.sql(WRITES, table)
        return int(row["n"])

    deadline = time.monotonic() + 15
    while not await written("prompt_partials"):
        assert time.monotonic() < deadline
    assert await written("prompt_partials") <= 16
    assert await written("prompt_generation_jobs") <= 4


def test_a_stream_that_breaks_leaves_no_half_prompt(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """By an early end, an error, silence: the job is tried again and gets a whole prompt."""
    xai_stand_in.settings(latency_seconds=1.0)
    xai_stand_in.script({"fault": "stream_end"})
    stack = make_stack(attempt_timeout_seconds=4)
    url = picture_server.add("t.png", plain("teal"))
    whole = stack.final(stack.enqueue(url, stream=True))
    (first, _) = xai_stand_in.calls()[-2:]
    assert (whole["status"], whole["retryCount"]) == ("completed", 1)
    assert first["outcome"] == "fault:stream_end"
    for fault in ("stream_error", "stream_hang"):
        xai_stand_in.script({"fault": fault})
        job_id = stack.enqueue(url, stream=True)
        half = wait_for(lambda j=job_id: stack.job(j)["partialPrompt"], 15, "half of it is shown")
        job = stack.final(job_id)
        assert (job["status"], job["retryCount"]) == ("completed", 1)
        assert job["generatedPrompt"] == whole["generatedPrompt"] != half
        calls = stack.get(f"/api/prompt/queue/{job_id}/timeline").body["calls"]
        assert len(calls) == 2
        assert (calls[0]["state"] == "unanswered") == (fault == "stream_hang")


def test_a_killed_worker_leaves_nothing_to_see(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """What it had shown goes with its lease, and the next worker writes from the beginning."""
    xai_stand_in.settings(latency_seconds=1.0)
    xai_stand_in.script({"fault": "stream_hang"})
    stack = make_stack(lease_seconds=2)
    job_id = stack.enqueue(picture_server.add("t.png", plain("teal")), stream=True)
    wait_for(lambda: stack.job(job_id)["partialPrompt"], 15, "half of it is shown")
    for worker in stack.running("work"):
        worker.kill()
    wait_for(lambda: stack.job(job_id)["partialPrompt"] is None, 15, "it is gone")
    assert stack.final(job_id)["status"] == "completed"


def test_nobody_streams_where_the_operator_does_not_want_it(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """The request is served in one piece."""
    stack = make_stack(streaming="false")
    job = stack.final(stack.enqueue(picture_server.add("t.png", plain("teal")), stream=True))
    assert job["status"] == "completed"
    xai_stand_in.script({"fault": "stream_error"})
    again = stack.final(stack.enqueue(picture_server.add("u.png", plain("red")), stream=True))
    assert again["retryCount"] == 1
