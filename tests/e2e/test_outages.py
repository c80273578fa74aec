"""The provider fails in every way that it knows; each request ends well, by the whole house."""

import time
from typing import Any

import pytest

from prompt_queue.testing import PictureServer, StandIn
from tests.e2e.conftest import StackFactory
from tests.e2e.stack import Stack, wait_for
from tests.photographs import plain

OPERATOR = {"Authorization": "Bearer cron"}


def statuses(stack: Stack, ids: list[str]) -> list[str]:
    return [stack.job(job_id)["status"] for job_id in ids]


def breakers(stack: Stack) -> dict[str, str]:
    return {model["model"]: model["breaker"] for model in stack.get("/api/health").body["models"]}


@pytest.mark.timeout(175)
def test_a_minute_of_outage_costs_no_request_its_prompt(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Down for 60 s, then back: all wait, few are asked for, and a model answers each of them."""
    stack = make_stack(models="grok-4.7", concurrency=8)
    url = picture_server.add("t.png", plain("teal"))
    xai_stand_in.script({"fault": "status", "status": 503, "times": -1})
    began = time.monotonic()
    ids = [stack.enqueue(url) for _ in range(30)]
    wait_for(lambda: breakers(stack).get("grok-4.7") in {"open", "half_open"}, 20, "opened")
    assert "Nobody asks grok-4.7" in " ".join(stack.get("/api/health").body["reasons"])
    time.sleep(max(0.0, 60 - (time.monotonic() - began)))
    asked = len(xai_stand_in.calls())
    assert asked < 60
    assert set(statuses(stack, ids)) == {"queued"}
    xai_stand_in.clear_faults()
    wait_for(lambda: set(statuses(stack, ids)) == {"completed"}, 90, "all completed", every=0.5)
    jobs = [stack.job(job_id) for job_id in ids]
    assert {(job["source"], job["degraded"]) for job in jobs} == {("model", False)}
    assert breakers(stack)["grok-4.7"] == "closed"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"fault": "credits"}, "out_of_credit"),
        (
            {"fault": "status", "status": 400,
             "body": {"code": "invalid-argument", "error": "Incorrect API key provided: xai-***"}},
            "misconfigured",
        ),
    ],
    ids=["credit", "key"],
)  # fmt: skip
def test_account_faults_hold_everything_until_they_are_mended(
    make_stack: StackFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
    fault: dict[str, Any],
    code: str,
) -> None:
    """One call a model finds out; the operator mends it, closes the breaker, and all goes on."""
    stack = make_stack(models="grok-4.7", concurrency=1, CRON_SECRET="cron")
    url = picture_server.add("t.png", plain("teal"))
    xai_stand_in.script(fault | {"times": -1})
    ids = [stack.enqueue(url, minQuality="model") for _ in range(5)]
    codes = {code, "breaker_open"}
    wait_for(lambda: {stack.job(i)["errorCode"] for i in ids} == codes, 20, "all wait")
    assert set(statuses(stack, ids)) == {"queued"}
    assert len(xai_stand_in.calls()) == 1
    assert {stack.job(job_id)["retryCount"] for job_id in ids} == {0}
    xai_stand_in.clear_faults()
    body = {"model": "grok-4.7", "state": "closed", "reason": "paid"}
    closed = stack.request("POST", "/api/prompt/queue/breaker", body, OPERATOR)
    assert (closed.status, closed.body["changed"]) == (200, True)
    wait_for(lambda: set(statuses(stack, ids)) == {"completed"}, 10, "completed", every=0.2)


@pytest.mark.parametrize("retry_after", [1, None], ids=["with Retry-After", "without"])
def test_a_rate_limit_costs_a_pause_and_no_retry(
    make_stack: StackFactory,
    xai_stand_in: StandIn,
    picture_server: PictureServer,
    retry_after: int | None,
) -> None:
    """Three 429s in a row, then the prompt."""
    fault: dict[str, Any] = {"fault": "rate_limit", "times": 3}
    xai_stand_in.script(fault | ({"retryAfter": retry_after} if retry_after else {}))
    stack = make_stack(max_retries=0)
    began = time.monotonic()
    job = stack.final(stack.enqueue(picture_server.add("t.png", plain("teal"))))
    assert (job["status"], job["retryCount"], job["source"]) == ("completed", 0, "model")
    assert len(xai_stand_in.calls()) == 4
    if retry_after:
        assert time.monotonic() - began > 3 * retry_after


def test_all_models_open_is_a_template_or_a_wait(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """`template_ok` ends with a labelled template, `model` waits and says why."""
    stack = make_stack(models="grok-4.7,grok-4.6", outage_seconds=2, CRON_SECRET="cron")
    url = picture_server.add("t.png", plain("teal"))
    for model in ("grok-4.7", "grok-4.6"):
        body = {"model": model, "state": "open", "reason": "maintenance"}
        assert stack.request("POST", "/api/prompt/queue/breaker", body, OPERATOR).status == 200
    strict, lax = stack.enqueue(url, minQuality="model"), stack.enqueue(url)
    job = stack.final(lax)
    assert (job["status"], job["source"], job["degraded"]) == ("completed", "template", True)
    # What was seen of the picture without a model is in it.
    assert "teal" in job["generatedPrompt"]
    waiting = stack.job(strict)
    assert (waiting["status"], waiting["errorCode"]) == ("queued", "breaker_open")
    assert xai_stand_in.calls() == []


BROKEN = {
    "missing.png": (None, "answered 404"),
    "page.png": (b"<html>log in</html>", "web page"),
    "cut.png": (plain("teal")[:30], "damaged"),
    "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "film.png": (b"GIF89a" + b"\0" * 64, "GIF"),
    "tiny.png": (plain("teal", 4, 4), "pixels"),
    "huge.png": (plain("teal") + b"\0" * (11 * 1024 * 1024), "larger than"),
}


def test_broken_pictures_fail_early_and_say_which(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Not a cent is spent on them, and no template hides them."""
    stack = make_stack()
    good = picture_server.add("good.png", plain("teal"))
    ids = {}
    for name, (data, _) in BROKEN.items():
        bad = picture_server.add(name, data) if data else good.replace("good.png", name)
        ids[name] = stack.enqueue(good, refUrls=[good, bad])
    for name, (_, words) in BROKEN.items():
        job = stack.final(ids[name])
        assert (job["status"], job["errorCode"]) == ("failed", "invalid_input"), job
        assert "reference picture 2" in job["error"]
        assert words in job["error"], job["error"]
    assert xai_stand_in.calls() == []


def test_a_retired_first_model_is_named_and_the_second_answers(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Health says which name is not listed, and no call is lost on it."""
    stack = make_stack(models="grok-retired,grok-4.6")

    def named() -> bool:
        return "does not list grok-retired" in " ".join(stack.get("/api/health").body["reasons"])

    wait_for(named, 20, "the list was read")
    job = stack.final(stack.enqueue(picture_server.add("t.png", plain("teal"))))
    assert (job["status"], job["model"]) == ("completed", "stand-in:grok-4.6")
    assert [call["model"] for call in xai_stand_in.calls()] == ["grok-4.6"]
