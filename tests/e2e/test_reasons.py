"""Every reason to wait, by what causes it in life: read over HTTP, explained, and gone again."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from prompt_queue.settings import DEMO_ROW_ID
from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from tests.e2e.conftest import surroundings
from tests.e2e.stack import Stack, wait_for
from tests.photographs import plain

MODEL = "grok-4.7"
OPERATOR = {"Authorization": "Bearer cron"}
SLOTS = 2
CAP = 3
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def photo() -> Iterator[tuple[PictureServer, str]]:
    """A picture, and who serves it."""
    with PictureServer() as server:
        yield server, server.add("t.png", plain("teal"))


@pytest.fixture(scope="module")
def shared_stack(
    xai_stand_in_process: StandIn,
    wavespeed_stand_in_process: WaveSpeedStandIn,
    photo: tuple[PictureServer, str],
) -> Iterator[Stack]:
    """A server whose workers the tests start and end."""
    painter = wavespeed_stand_in_process
    settings = {
        "models": MODEL, "rate_limits": f"{MODEL}=100", "CRON_SECRET": "cron",
        "concurrency": SLOTS, "user_in_flight_cap": CAP, "cache_seconds": 60,
        "retry_base_delay_ms": 3000, "retry_jitter": "none",
        "WAVESPEED_API_KEY": painter.api_key, "WAVESPEED_API_BASE": painter.base_url,
        "wavespeed_level": "none", "picture_stand_in": "true",
    }  # fmt: skip
    environment = surroundings(xai_stand_in_process, photo[0], **settings)
    stack = Stack(environment, workers=0)
    yield stack.up()
    stack.close()


@pytest.fixture
def stack(
    shared_stack: Stack, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn
) -> Iterator[Stack]:
    """The stack of this file with a worker of two slots, and providers that are well."""
    if not shared_stack.running("work"):
        shared_stack.work()
    yield shared_stack
    # What a test that failed has left must not fail the others.
    for what in ({}, {"model": MODEL}):
        shared_stack.request("POST", "/api/prompt/queue/resume", what, OPERATOR)


def ask(stack: Stack, photo: tuple[PictureServer, str], **values: Any) -> str:
    """A request unlike all others, for which no template will do."""
    other = {"userInstructions": f"Request {next(NUMBERS)}.", "minQuality": "model"}
    return stack.enqueue(photo[1], **(other | values))


def reason(stack: Stack, job_id: str, code: str) -> dict[str, Any]:
    """Why the job waits, once it waits for this; the command line gives the same reason."""

    def found() -> Any:
        said = stack.job(job_id)["waitingReason"]
        return said if said and said["code"] == code else None

    told = dict(wait_for(found, 15, f"{job_id} waits for {code}"))
    explained = json.loads(stack.command("explain", job_id, "--json"))
    assert explained["waitingReason"]["code"] == code, explained
    assert len(told["detail"]) > 15
    return told


def completes(stack: Stack, *jobs: str) -> None:
    """All of them get what a model wrote, and wait for nothing then."""
    for job_id in jobs:
        job = stack.final(job_id)
        assert (job["status"], job["waitingReason"]) == ("completed", None), job
        assert job["source"] in {"model", "cache"}


def press(stack: Stack, act: str, **body: str) -> None:
    answer = stack.request("POST", f"/api/prompt/queue/{act}", body, OPERATOR)
    assert (answer.status, answer.body["changed"]) == (200, True)


def test_no_worker(stack: Stack, photo: tuple[PictureServer, str]) -> None:
    """Until one starts."""
    stack.retire()
    job = ask(stack, photo)
    told = reason(stack, job, "no_worker")
    assert (told["until"], stack.job(job)["eta"]) == (None, None)
    assert "No worker runs" in stack.command("explain", job)
    stack.work()
    completes(stack, job)


def test_position(stack: Stack, xai_stand_in: StandIn, photo: tuple[PictureServer, str]) -> None:
    """Behind a full worker the next one is told so, and the one after that how many come first."""
    xai_stand_in.settings(latency_seconds=4)
    jobs = [ask(stack, photo, priority=8 - number) for number in range(SLOTS + 2)]
    wait_for(lambda: len(xai_stand_in.calls()) == SLOTS, 15, "the slots are taken")
    assert stack.job(jobs[-2])["waitingReason"]["detail"] == "It is the next one."
    assert reason(stack, jobs[-1], "position")["detail"] == "1 job comes first."
    xai_stand_in.settings(latency_seconds=0)
    completes(stack, *jobs)


def test_user_cap(stack: Stack, xai_stand_in: StandIn, photo: tuple[PictureServer, str]) -> None:
    """With slots to spare, what is over the user's share waits until one of the others ends."""
    xai_stand_in.settings(latency_seconds=4)
    more = stack.work()
    jobs = [ask(stack, photo, priority=9 - number) for number in range(CAP + 1)]
    told = reason(stack, jobs[-1], "user_cap")
    assert told["until"] is None
    xai_stand_in.settings(latency_seconds=0)
    completes(stack, *jobs)
    more.terminate()


def test_rate_gate(stack: Stack, xai_stand_in: StandIn, photo: tuple[PictureServer, str]) -> None:
    """One 429 holds who was refused and who comes after, until the time that the provider named."""
    xai_stand_in.script({"fault": "rate_limit", "retryAfter": 5, "times": 1})
    refused = ask(stack, photo)
    assert reason(stack, refused, "rate_gate")["until"] is not None
    later = ask(stack, photo)
    assert reason(stack, later, "rate_gate")["until"] is not None
    assert xai_stand_in.calls()[0]["status"] == 429
    completes(stack, refused, later)


def test_backoff(stack: Stack, xai_stand_in: StandIn, photo: tuple[PictureServer, str]) -> None:
    """One fault costs a pause whose end is told."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": 1})
    job = ask(stack, photo)
    assert reason(stack, job, "backoff")["until"] is not None
    completes(stack, job)
    assert stack.job(job)["retryCount"] == 1


def test_breaker_open(
    stack: Stack, xai_stand_in: StandIn, photo: tuple[PictureServer, str]
) -> None:
    """Faults open it; who comes then waits too, and goes on by itself once the model is well."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": -1})
    jobs = [ask(stack, photo) for _ in range(20)]

    def is_open() -> bool:
        models = stack.get("/api/health").body["models"]
        return any(model["breaker"] == "open" for model in models)

    wait_for(is_open, 20, "it opens")
    late = ask(stack, photo, priority=1)
    reason(stack, late, "breaker_open")
    xai_stand_in.clear_faults()
    completes(stack, *jobs, late)


def test_paused(stack: Stack, photo: tuple[PictureServer, str]) -> None:
    """By the operator, the queue or its only model; there is no forecast until it is resumed."""
    for model in ({}, {"model": MODEL}):
        press(stack, "pause", reason="repairs", **model)
        job = ask(stack, photo)
        told = reason(stack, job, "paused")
        assert (told["until"], stack.job(job)["etaReason"]) == (None, "paused")
        assert "prompt-queue resume" in told["detail"]
        press(stack, "resume", **model)
        completes(stack, job)


def test_budget_of_the_account(
    stack: Stack, xai_stand_in: StandIn, photo: tuple[PictureServer, str]
) -> None:
    """Without credit the job is parked, until the operator has paid and says so."""
    xai_stand_in.script({"fault": "credits", "times": 1})
    job = ask(stack, photo)
    told = reason(stack, job, "budget")
    assert "no credit" in told["detail"]
    assert len(xai_stand_in.calls()) == 1
    press(stack, "breaker", model=MODEL, state="closed", reason="paid")
    completes(stack, job)


def test_budget_of_a_user(stack: Stack, photo: tuple[PictureServer, str]) -> None:
    """A user who may spend nothing more today waits until midnight, or for the operator."""
    limits = "/api/ops/users/everybody/limits"
    assert stack.request("PUT", limits, {"usdPerDay": 0}, OPERATOR).status == 200
    job = ask(stack, photo)
    told = reason(stack, job, "budget")
    assert "budget for today" in told["detail"]
    assert told["until"] is not None
    seen = stack.job(job)
    assert (seen["errorCode"], seen["retryCount"]) == ("user_budget", 0)
    assert stack.request("DELETE", limits, headers=OPERATOR).body["changed"] is True
    completes(stack, job)


def test_waiting_for_the_prompt_of_an_identical_request(
    stack: Stack, xai_stand_in: StandIn, photo: tuple[PictureServer, str]
) -> None:
    """The second of two gets what the first one pays for."""
    xai_stand_in.settings(latency_seconds=4)
    same = {"userInstructions": f"Request {next(NUMBERS)}."}
    first = ask(stack, photo, **same)
    wait_for(xai_stand_in.calls, 15, "the first one is asked")
    second = ask(stack, photo, **same)
    assert "identical request" in reason(stack, second, "waiting_prompt")["detail"]
    xai_stand_in.settings(latency_seconds=0)
    completes(stack, first, second)
    assert len(xai_stand_in.calls()) == 1


def test_a_picture_waits_for_its_prompt(
    stack: Stack, xai_stand_in: StandIn, photo: tuple[PictureServer, str]
) -> None:
    """First for one in the queue, then for one that is being written; then it is painted."""
    press(stack, "pause", reason="repairs")
    answer = stack.request(
        "POST", "/api/jobs/create",
        {"rowId": str(DEMO_ROW_ID), "targetUrl": photo[1], "useAiPrompt": True,
         "userInstructions": f"Request {next(NUMBERS)}."},
    )  # fmt: skip
    assert answer.status == 202
    here = f"/api/jobs/{answer.body['jobId']}"

    def waits_with(words: str) -> None:
        def found() -> bool:
            told = stack.get(here).body["waitingReason"]
            return bool(told and told["code"] == "waiting_prompt" and words in told["detail"])

        wait_for(found, 15, words)

    waits_with("An operator has paused the queue")
    xai_stand_in.settings(latency_seconds=3)
    press(stack, "resume")
    waits_with("Its prompt is being written")
    done = wait_for(
        lambda: (body := stack.get(here + "?wait=10").body)["status"] == "succeeded" and body,
        30, "painted",
    )  # fmt: skip
    assert done["waitingReason"] is None
