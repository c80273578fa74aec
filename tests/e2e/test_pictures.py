"""From prompt to picture, end to end: the whole product, both stand-ins, real pictures."""

import io
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from prompt_queue.settings import DEMO_ROW_ID
from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from tests.e2e.conftest import StackFactory
from tests.e2e.stack import Stack, wait_for
from tests.photographs import photograph, plain

SENT_ANEW = {"fail_passing", "rate_limit", "code_in_200", "no_outputs"}
BOOK = """
select count(*) filter (where c.cost_usd > 0) as bought, sum(c.cost_usd)::float8 as usd
from public.provider_calls c where c.leg = 'picture'
"""


def create(stack: Stack, key: str | None = None, **fields: Any) -> dict[str, Any]:
    body = {"rowId": str(DEMO_ROW_ID)} | fields
    headers = {"Idempotency-Key": key} if key else {}
    answer = stack.request("POST", "/api/jobs/create", body, headers)
    assert answer.status == 202, answer
    return dict(answer.body)


def job(stack: Stack, job_id: str) -> dict[str, Any]:
    answer = stack.get(f"/api/jobs/{job_id}")
    assert answer.status == 200, answer
    return dict(answer.body)


def final(stack: Stack, job_id: str, seconds: float = 60) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = dict(stack.get(f"/api/jobs/{job_id}?wait=10").body)
        if found["status"] in {"succeeded", "failed", "cancelled"}:
            return found
    raise AssertionError(f"not final: {job(stack, job_id)}")


def opened(url: str) -> Image.Image:
    with urllib.request.urlopen(url, timeout=10) as reply:
        image = Image.open(io.BytesIO(reply.read()))
    image.load()
    return image


def charged(stand_in: WaveSpeedStandIn) -> list[dict[str, Any]]:
    return [call for call in stand_in.calls() if call["charged"]]


def test_one_request_becomes_a_prompt_and_then_a_picture(
    make_studio: StackFactory, wavespeed_stand_in: WaveSpeedStandIn
) -> None:
    """Of real photographs; the picture opens, and the command line tells the whole story."""
    stack = make_studio()
    target, ref = (stack.upload(photograph(name)) for name in ("astronaut", "coffee"))
    asked = {"useAiPrompt": True, "targetUrl": target, "refUrls": [ref], "metadata": {"my": 1}}
    created = create(stack, "key-1", **asked)
    assert created == create(stack, "key-1", **asked)
    assert (created["status"], created["promptStatus"]) == ("waiting_prompt", "generating")
    found = final(stack, created["jobId"])
    assert (found["status"], found["promptStatus"], found["metadata"]) == (
        "succeeded", "completed", {"my": 1},
    )  # fmt: skip
    prompt = stack.job(created["promptJobId"])
    assert found["prompt"] == prompt["generatedPrompt"]
    (picture,) = found["pictures"]
    assert opened(picture["url"]).size == (picture["width"], picture["height"])
    assert max(opened(picture["thumbnailUrl"]).size) == 512
    (call,) = charged(wavespeed_stand_in)
    assert call["image_count"] == 2
    timeline = stack.get(f"/api/jobs/{created['jobId']}/timeline").body
    kinds = [event["kind"] for event in timeline["events"]]
    for kind in ("picture_created", "completed", "picture_released", "picture_submitted",
                 "picture_made", "picture_succeeded"):  # fmt: skip
        assert kind in kinds
    assert [c["servedModel"] for c in timeline["calls"]] == [
        "stand-in:grok-4.7", "bytedance/seedream-v4/edit",
    ]  # fmt: skip
    shown = subprocess.run(
        [sys.executable, "-m", "prompt_queue", "status", created["jobId"],
         f"--data-dir={stack.data_dir}"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    for said in ("claimed", "picture_succeeded", picture["url"], "bytedance/seedream-v4/edit"):
        assert said in shown
    page = stack.get("/api/jobs?limit=1").body
    assert [one["jobId"] for one in page["data"]] == [created["jobId"]]


def test_a_lost_reply_never_buys_the_same_picture_twice(
    make_studio: StackFactory, wavespeed_stand_in: WaveSpeedStandIn, picture_server: PictureServer
) -> None:
    """By callback, or by the history where none comes; what was not begun is sent again, once."""
    stack = make_studio()
    url = picture_server.add("t.png", plain("teal"))
    for script, buys, resubmitted in (
        ([{"fault": "drop_reply"}], 1, False),
        ([{"fault": "status_after"}, {"fault": "no_webhook"}], 1, False),
        ([{"fault": "html_after"}, {"fault": "no_webhook"}], 1, False),
        ([{"fault": "drop_request"}], 1, True),
        ([{"fault": "status"}], 1, True),
    ):
        before = len(charged(wavespeed_stand_in))
        wavespeed_stand_in.script(*script)
        found = final(stack, create(stack, targetUrl=url, prompt="Make it teal.")["jobId"])
        assert found["status"] == "succeeded", (script, found)
        assert len(charged(wavespeed_stand_in)) - before == buys, script
        assert found["pictures"][0]["resubmitted"] is resubmitted
    wavespeed_stand_in.script({"fault": "drop_request", "times": 2})
    found = final(stack, create(stack, targetUrl=url, prompt="Make it teal.")["jobId"])
    assert (found["status"], found["errorCode"]) == ("failed", "outcome_unknown")


def test_what_goes_wrong_at_the_provider_ends_well(
    make_studio: StackFactory, wavespeed_stand_in: WaveSpeedStandIn, picture_server: PictureServer
) -> None:
    """Each in its own way, with a sentence; nothing that is bought is given up."""
    stack = make_studio(picture_seconds=10)
    url = picture_server.add("t.png", plain("teal"))
    cases: list[tuple[str, str, str | None]] = [
        ("flap", "succeeded", None), ("odd_status", "succeeded", None),
        ("object_outputs", "succeeded", None), ("fail_passing", "succeeded", None),
        ("twice", "succeeded", None), ("bad_signature", "succeeded", None),
        ("tampered", "succeeded", None), ("late_webhook", "succeeded", None),
        ("no_webhook", "succeeded", None), ("rate_limit", "succeeded", None),
        ("code_in_200", "succeeded", None), ("no_outputs", "succeeded", None),
        ("fail", "failed", "invalid_input"), ("nsfw", "failed", "refused"),
        ("cancelled", "failed", "provider_cancelled"), ("never", "failed", "provider_timeout"),
        ("gone", "failed", "prediction_lost"),
    ]  # fmt: skip
    ids = []
    for fault, _, _ in cases:
        # One after another, so that each submit gets its own fault.
        before = len(wavespeed_stand_in.calls())
        wavespeed_stand_in.script({"fault": fault})
        ids.append(create(stack, targetUrl=url, prompt=f"Make it {fault}.")["jobId"])
        wait_for(lambda n=before: len(wavespeed_stand_in.calls()) > n, 20, fault)
        if fault in SENT_ANEW:
            final(stack, ids[-1])
    with ThreadPoolExecutor(20) as pool:
        ended = list(pool.map(lambda job_id: final(stack, job_id), ids))
    seen = [(fault, found["status"], found["errorCode"])
            for (fault, _, _), found in zip(cases, ended, strict=True)]  # fmt: skip
    assert seen == cases
    assert all(found["error"] for found in ended if found["status"] == "failed")


async def test_two_hundred_jobs_of_all_kinds(
    make_studio: StackFactory, xai_stand_in: StandIn, wavespeed_stand_in: WaveSpeedStandIn,
    picture_server: PictureServer,
) -> None:  # fmt: skip
    """With and without a prompt of Grok's, two models, a tenth of faults, four slots: all end well,
    each with its own prompt, and none that waits stands in the way."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": -1, "probability": 0.1})
    wavespeed_stand_in.settings(latency_seconds=0.5)
    for fault in ("drop_reply", "fail_passing", "rate_limit", "no_webhook"):
        wavespeed_stand_in.script({"fault": fault, "times": -1, "probability": 0.025})
    stack = make_studio(workers=2, concurrency=4, claim_limit=4)
    urls = [picture_server.add(f"{n}.png", plain(f"#{n:02x}80{n:02x}")) for n in range(100)]

    def ask(number: int) -> tuple[int, str]:
        model = "seedream" if number % 2 else "nano-banana"
        mine: dict[str, Any] = (
            {"useAiPrompt": True} if number % 4 < 2 else {"prompt": f"Make it number {number}."}
        )
        made = create(stack, targetUrl=urls[number % 100], generationModel=model, **mine)
        return number, str(made["jobId"])

    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        asked = dict(pool.map(ask, range(200)))
        ended = dict(
            zip(asked, pool.map(lambda i: final(stack, i, 90), asked.values()), strict=True)
        )
    assert Counter(found["status"] for found in ended.values()) == {"succeeded": 200}
    for number, found in ended.items():
        if number % 4 < 2:
            assert found["prompt"] == stack.job(found["promptJobId"])["generatedPrompt"]
        else:
            assert found["prompt"] == f"Make it number {number}."
    (book,) = await stack.sql(BOOK)
    bought = charged(wavespeed_stand_in)
    assert len({call["task_id"] for call in bought}) == len(bought)
    kept = [call for call in bought if not call["refunded"]]
    assert len(kept) == 200
    assert book["bought"] == 200
    assert book["usd"] == pytest.approx(sum(call["cost_usd"] for call in kept))
    assert time.monotonic() - began < 90


def test_the_least_quality_decides_what_a_picture_is_made_of(
    make_studio: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """While Grok is down: it waits, or takes a template, or the existing prompt, as asked; a prompt
    by hand lets it go on at once."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": -1})
    stack = make_studio(outage_seconds=3, max_retries=1, attempt_timeout_seconds=2)
    url = picture_server.add("t.png", plain("teal"))
    waiting = create(stack, useAiPrompt=True, targetUrl=url, minQuality="any_model")
    template = create(stack, useAiPrompt=True, targetUrl=url)
    existing = create(stack, useAiPrompt=True, targetUrl=url, existingPrompt="Make the coat red.")
    made = final(stack, template["jobId"])
    assert (made["status"], stack.job(made["promptJobId"])["source"]) == ("succeeded", "template")
    made = final(stack, existing["jobId"])
    assert (made["status"], made["prompt"]) == ("succeeded", "Make the coat red.")
    found = job(stack, waiting["jobId"])
    assert found["status"] in {"waiting_prompt", "failed"}
    began = time.monotonic()
    path = f"/api/prompt/queue/{waiting['promptJobId']}/prompt"
    assert stack.request("PUT", path, {"prompt": "By hand it is."}).status == 200
    wait_for(lambda: job(stack, waiting["jobId"])["status"] != "waiting_prompt", 1, "it goes on")
    made = final(stack, waiting["jobId"])
    assert (made["status"], made["prompt"]) == ("succeeded", "By hand it is.")
    assert time.monotonic() - began < 10


def test_where_no_worker_runs_the_cron_route_does_it_all(
    make_studio: StackFactory, picture_server: PictureServer
) -> None:
    """One call after another, as once a minute: prompt, picture, storage."""
    stack = make_studio(workers=0, CRON_SECRET="cron", cron_budget_seconds=10)
    created = create(
        stack, useAiPrompt=True, targetUrl=picture_server.add("t.png", plain("teal")), count=2
    )
    cron = {"Authorization": "Bearer cron"}
    done = Counter[str]()
    for path in ("/api/cron/prompt-processor", "/api/dispatch", "/api/dispatch"):
        answer = stack.request("POST", path, {}, cron)
        assert answer.status == 200, answer
        done.update({name: answer.body[name] for name in ("completed", "submitted", "pictures")})
        if job(stack, created["jobId"])["status"] == "succeeded":
            break
    assert done == {"completed": 1, "submitted": 2, "pictures": 2}
    found = final(stack, created["jobId"])
    assert [picture["status"] for picture in found["pictures"]] == ["succeeded"] * 2


def test_a_killed_worker_costs_no_picture(
    make_studio: StackFactory, wavespeed_stand_in: WaveSpeedStandIn, picture_server: PictureServer
) -> None:
    """While it submits, while the picture is made, while it is saved."""
    wavespeed_stand_in.settings(latency_seconds=1.0)
    stack = make_studio(workers=0, lease_seconds=2)
    url = picture_server.add("t.png", plain("teal"))
    ids = []
    for point in ("submit.sent", "submit.answered", "picture.saved"):
        doomed = stack.work(PROMPT_QUEUE_FAILPOINTS=f"{point}:kill")
        ids.append(create(stack, targetUrl=url, prompt=f"Make it {point}.")["jobId"])
        assert doomed.wait(30) == -signal.SIGKILL
    stack.work()
    assert [final(stack, job_id)["status"] for job_id in ids] == ["succeeded"] * 3
    assert len(charged(wavespeed_stand_in)) == 3


def test_bad_requests_say_what_to_do(make_studio: StackFactory) -> None:
    """Before anything is queued or paid."""
    stack = make_studio(workers=0)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"generationModel": "dall-e"}, "generationModel must be one of"),
        ({"count": 9}, "8"),
        ({"width": 512}, "belong together"),
        ({"useAiPrompt": True, "prompt": "x"}, "not both"),
        ({"generationModel": "flux-kontext", "refUrls": ["https://e.com/r"], "prompt": "x"},
         "takes the target picture alone"),
        ({}, "no prompt"),
        ({"targetUrl": "http://10.0.0.1/x", "prompt": "x"}, "targetUrl"),
    ]  # fmt: skip
    for fields, words in cases:
        body = {"rowId": str(DEMO_ROW_ID), "targetUrl": "https://e.com/t"} | fields
        answer = stack.request("POST", "/api/jobs/create", body)
        assert answer.status == 422, (fields, answer)
        assert words in str(answer.body), (words, answer.body)
    assert stack.get("/api/jobs").body["data"] == []
    forged = {"webhook-id": "w", "webhook-timestamp": "1", "webhook-signature": "v3,0"}
    for path, status in (("/api/webhooks/wavespeed/nonsense", 404), ("/api/jobs/7", 422)):
        method = "POST" if "webhooks" in path else "GET"
        assert (
            stack.request(method, path, {} if method == "POST" else None, forged).status == status
        )
