"""The test scenarios of the product's description, each by its name, through the whole house."""

import collections
from concurrent.futures import ThreadPoolExecutor

from prompt_queue.testing import PictureServer, StandIn
from tests.e2e.conftest import StackFactory
from tests.e2e.stack import wait_for
from tests.photographs import photograph, plain


def test_happy_path(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Successful prompt generation: queued, processing, completed, counted, about the pixels."""
    xai_stand_in.settings(latency_seconds=0.5)
    stack = make_stack()
    target = picture_server.add("astronaut.jpg", photograph("astronaut"))
    reference = picture_server.add("coffee.jpg", photograph("coffee"))
    job_id = stack.enqueue(target, refUrls=[reference], priority=8)
    seen = [stack.job(job_id)["status"]]

    def watch() -> bool:
        status = stack.job(job_id)["status"]
        if status != seen[-1]:
            seen.append(status)
        return bool(status == "completed")

    wait_for(watch, 20, "completed", every=0.01)
    assert seen[-2:] == ["processing", "completed"]
    job = stack.job(job_id)
    assert (job["source"], job["model"], job["error"]) == ("model", "stand-in:grok-4.7", None)
    other = stack.final(stack.enqueue(picture_server.add("teal.png", plain("teal"))))
    assert other["generatedPrompt"] != job["generatedPrompt"]
    assert "teal" in other["generatedPrompt"]
    stats = stack.get("/api/prompt/queue").body
    assert (stats["totalCompleted"], stats["totalQueued"]) == (2, 0)
    (first, second) = xai_stand_in.calls()
    assert (first["image_count"], second["image_count"]) == (2, 1)


def test_api_failure(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Grok API unavailable: the job fails with a sentence, and a retry later completes it."""
    xai_stand_in.script({"fault": "status", "status": 503, "times": -1})
    stack = make_stack(max_retries=2)
    job_id = stack.enqueue(picture_server.add("t.png", plain("teal")), minQuality="any_model")
    job = stack.final(job_id)
    assert (job["status"], job["retryCount"]) == ("failed", 2)
    assert (job["errorCode"], job["error"]) == (
        "provider_unavailable",
        "Grok could not be reached; please try again later.",
    )
    xai_stand_in.clear_faults()
    assert stack.request("POST", f"/api/prompt/queue/{job_id}/retry").status == 202
    assert stack.final(job_id)["status"] == "completed"


def test_network_issues(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Timeout and retry scenarios: a hang, a reset and a cut body, then the prompt."""
    xai_stand_in.script({"fault": "hang", "seconds": 30}, {"fault": "reset"}, {"fault": "truncate"})
    stack = make_stack(attempt_timeout_seconds=1, max_retries=3)
    job = stack.final(stack.enqueue(picture_server.add("t.png", plain("teal"))))
    assert (job["status"], job["retryCount"]) == ("completed", 3)
    assert len(xai_stand_in.calls()) == 4


def test_concurrent_requests(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Multiple simultaneous requests: each of 40 gets its own job and its own prompt, once."""
    stack = make_stack(workers=2)
    colours = ["red", "green", "blue", "black", "white", "yellow", "purple", "teal"]
    urls = {c: picture_server.add(f"{c}.png", plain(c)) for c in colours}
    with ThreadPoolExecutor(20) as pool:
        asked = [colours[n % len(colours)] for n in range(40)]
        ids = list(pool.map(lambda colour: stack.enqueue(urls[colour]), asked))
        jobs = list(pool.map(stack.final, ids))
    assert len(set(ids)) == 40
    assert {job["status"] for job in jobs} == {"completed"}
    prompts = collections.defaultdict(set)
    for colour, job in zip(asked, jobs, strict=True):
        prompts[colour].add(job["generatedPrompt"])
    assert all(len(words) == 1 for words in prompts.values())
    assert len(set.union(*prompts.values())) == len(colours)
    assert len(xai_stand_in.calls()) == 40


def test_priority_handling(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Different priority levels: behind a busy slot, 10 goes first and 1 last."""
    xai_stand_in.settings(latency_seconds=0.6)
    stack = make_stack(concurrency=1, claim_limit=1)
    busy = stack.enqueue(picture_server.add("busy.png", plain("white")), priority=10)
    wait_for(lambda: stack.job(busy)["status"] == "processing", 10, "the slot is busy")
    priorities = (3, 8, 1, 10, 5)
    ids = {p: stack.enqueue(picture_server.add(f"{p}.png", plain("teal")), priority=p)
           for p in priorities}  # fmt: skip
    started = {p: stack.final(job_id)["startedAt"] for p, job_id in ids.items()}
    assert sorted(priorities, key=lambda p: started[p]) == [10, 8, 5, 3, 1]


def test_error_recovery(
    make_stack: StackFactory, xai_stand_in: StandIn, picture_server: PictureServer
) -> None:
    """Failed job recovery: a worker killed in the middle of a call costs the job nothing."""
    xai_stand_in.settings(latency_seconds=3)
    stack = make_stack(lease_seconds=2)
    job_id = stack.enqueue(picture_server.add("t.png", plain("teal")))
    wait_for(xai_stand_in.calls, 10, "the provider was asked")
    (worker,) = stack.running("work")
    worker.kill()
    xai_stand_in.settings(latency_seconds=0)
    job = stack.final(job_id)
    assert (job["status"], job["retryCount"]) == ("completed", 0)
    timeline = stack.get(f"/api/prompt/queue/{job_id}/timeline").body
    assert "lease_lost" in [event["kind"] for event in timeline["events"]]
