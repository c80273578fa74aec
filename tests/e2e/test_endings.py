"""Refusals, hangs, prompts by hand and a worker that dies beside its call: each has one ending."""

import time

from prompt_queue.testing import PictureServer, StandIn
from tests.e2e.conftest import StackFactory
from tests.e2e.stack import Answer, Stack, wait_for
from tests.photographs import plain

BY_HAND = "Make the coat red and keep everything else."
LEDGER = "select state, error_code from public.provider_calls where job_id = $1 order by started_at"


def supply(stack: Stack, job_id: str, **fields: bool) -> Answer:
    body = {"prompt": BY_HAND} | fields
    return stack.request("PUT", f"/api/prompt/queue/{job_id}/prompt", body)


async def ledger(stack: Stack, job_id: str) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in await stack.sql(LEDGER, job_id)]


def test_a_refusal_is_final_whatever_the_request_allows(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """One call, a clear sentence; no other model, no rewording, no template."""
    xai_stand_in.script({"fault": "refusal", "times": -1})
    stack = make_stack(models="grok-4.7,grok-4.6")
    url = picture_server.add("t.png", plain("teal"))
    for quality in ("template_ok", "any_model", "model"):
        job = stack.final(stack.enqueue(url, minQuality=quality))
        assert (job["status"], job["errorCode"]) == ("failed", "refused")
        assert job["generatedPrompt"] is None
        assert "declined" in job["error"]
    assert [call["model"] for call in xai_stand_in.calls()] == ["grok-4.7"] * 3


async def test_a_provider_that_hangs_for_ever_ends_in_the_ladder(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Each try waits longer than the one before; then a template, or the failure, as was asked."""
    xai_stand_in.script({"fault": "hang", "seconds": 60, "times": -1})
    stack = make_stack(models="grok-4.7", attempt_timeout_seconds=1, max_retries=1)
    url = picture_server.add("t.png", plain("teal"))
    began = time.monotonic()
    wants = {q: stack.enqueue(url, minQuality=q) for q in ("template_ok", "model")}
    jobs = {quality: stack.final(job_id) for quality, job_id in wants.items()}
    assert time.monotonic() - began < 20
    template, failed = jobs["template_ok"], jobs["model"]
    assert (template["status"], template["source"], template["degraded"]) == (
        "completed", "template", True,
    )  # fmt: skip
    assert (failed["status"], failed["errorCode"]) == ("failed", "provider_timeout")
    for job_id in wants.values():
        assert {state for state, _ in await ledger(stack, job_id)} == {"unanswered"}
    waits = await stack.sql(
        "select extract(epoch from ended_at - started_at)::float8 as seconds "
        "from public.provider_calls where job_id = $1 order by started_at",
        wants["model"],
    )
    first, second = [row["seconds"] for row in waits]
    assert 1 <= first < 1.5 <= second < 2.5


def test_a_prompt_by_hand_in_each_state(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Waiting, running, failed, completed (a successor, if asked for) and cancelled."""
    stack = make_stack(concurrency=1, max_retries=0, models="grok-4.7")
    url = picture_server.add("t.png", plain("teal"))
    completed = stack.enqueue(url)
    first = stack.final(completed)["generatedPrompt"]
    xai_stand_in.script({"fault": "refusal"})
    failed = stack.enqueue(url)
    assert stack.final(failed)["status"] == "failed"
    xai_stand_in.script({"fault": "hang", "seconds": 60})
    running = stack.enqueue(url)
    wait_for(lambda: len(xai_stand_in.calls()) == 3, 10, "the provider was asked")
    waiting, cancelled = stack.enqueue(url), stack.enqueue(url)
    assert stack.request("DELETE", f"/api/prompt/queue/{cancelled}").status in {200, 204}
    for job_id, state in ((waiting, "queued"), (running, "processing"), (failed, "failed")):
        assert stack.job(job_id)["status"] == state
        assert supply(stack, job_id).status == 200
        job = stack.job(job_id)
        assert (job["status"], job["source"]) == ("completed", "manual")
        assert job["generatedPrompt"] == BY_HAND
    assert supply(stack, cancelled).status == 409
    late = supply(stack, completed)
    assert (late.status, late.body["code"]) == (409, "already_final")
    assert stack.job(completed)["generatedPrompt"] == first
    successor = supply(stack, completed, successor=True)
    assert successor.status == 201
    assert successor.body["promptJobId"] != completed
    assert successor.body["generatedPrompt"] == BY_HAND
    # The worker whose job was taken is free for the next one.
    assert stack.final(stack.enqueue(url), 30)["source"] == "model"


async def test_kill_9_between_intent_and_answer_is_paid_once_more_at_most(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """The ledger keeps the call that nobody heard the end of; the next worker asks once."""
    xai_stand_in.script({"fault": "hang", "seconds": 60})
    stack = make_stack(lease_seconds=2)
    job_id = stack.enqueue(picture_server.add("t.png", plain("teal")))
    wait_for(xai_stand_in.calls, 10, "the provider was asked")
    assert [state for state, _ in await ledger(stack, job_id)] == ["sent"]
    (worker,) = stack.running("work")
    worker.kill()
    job = stack.final(job_id)
    assert (job["status"], job["source"], job["retryCount"]) == ("completed", "model", 0)
    assert [state for state, _ in await ledger(stack, job_id)] == ["sent", "answered"]
    assert len(xai_stand_in.calls()) == 2
