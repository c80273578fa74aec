"""`status`, `stats`, `jobs`, `retry` and `cancel` against a real database."""

import asyncio
from decimal import Decimal
from uuid import UUID, uuid4

from prompt_queue.jobs.job import Status
from prompt_queue.jobs.outcome import CallEnd, Done, GeneratedPrompt, Usage
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.store.worker_store import WorkerStore
from tests.cli.conftest import DONE, FAILED, TARGET, Jobs
from tests.cli.shell import Shell, ended, error_lines


async def test_status_shows_a_waiting_job(shell: Shell, jobs: Jobs) -> None:
    """Place, estimate and timeline of a queued job, as text."""
    await jobs.queued(priority=9)
    job_id = await jobs.queued(priority=8)
    ran = await shell.run("status", job_id)
    assert ran.code == 0, ran.err
    assert str(job_id) in ran.out
    assert "8 (high)" in ran.out
    assert "1 ahead, about 22 s" in ran.out
    assert "No worker runs" in ran.out
    assert "+0." in ran.out


async def test_status_as_json_has_events_calls_and_cost(shell: Shell, jobs: Jobs) -> None:
    """One document in the names of the HTTP API, with the ledger's costs summed up."""
    job_id = await jobs.queued()
    (claim,) = await jobs.store.claim(1, "test-worker", 30)
    call_id = uuid4()
    await jobs.store.begin_calls(
        [
            {
                "call_id": str(call_id),
                "job_id": str(job_id),
                "lease_token": str(claim.lease_token),
                "worker": "test-worker",
                "model": "grok-4.7",
            }
        ]
    )
    usage = Usage(cost_usd=Decimal("0.0125"))
    await jobs.store.end_calls(
        [CallEnd(call_id, answered=True, http_status=200, model="stand-in:grok-4.7", usage=usage)]
    )
    stand_in = Done(GeneratedPrompt(text="Paint it.\x1b[31m", model="stand-in:grok-4.7"))
    await jobs.store.settle([outcome_as_json(claim, stand_in)])
    document = (await shell.run("status", job_id, "--json")).json
    assert document["promptJobId"] == str(job_id)
    assert (document["status"], document["position"], document["estimatedWaitTime"]) == (
        "completed",
        None,
        0,
    )
    assert document["standIn"] is True
    assert document["targetUrl"] == TARGET
    assert document["spentUsd"] == 0.0125
    assert document["events"][0]["kind"] == "queued"
    (call,) = document["calls"]
    assert (call["state"], call["httpStatus"], call["costUsd"]) == ("answered", 200, 0.0125)
    text = (await shell.run("status", job_id)).out
    assert "stand-in: made up by a local program, not by Grok" in text
    assert "\x1b" not in text
    assert "0.012500 USD" in text


async def test_status_of_an_unknown_job_has_code_4(shell: Shell) -> None:
    """No such job: one line and the code for not found."""
    ran = await shell.run("status", uuid4(), "--json")
    assert (ran.code, ran.out) == (4, "")
    assert len(error_lines(ran)) == 1


async def test_status_watch_prints_news_until_the_end(shell: Shell, jobs: Jobs) -> None:
    """In a pipe each change is one line; the watch ends with the job, with 0 for a prompt."""
    job_id = await jobs.queued()
    process = await shell.start("status", job_id, "--watch")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"queued: 0 ahead, about 10 s\n"
    (claim,) = await jobs.store.claim(1, "test-worker", 30)
    assert await process.stdout.readline() == b"processing\n"
    await jobs.store.settle([outcome_as_json(claim, DONE)])
    ran = await ended(process)
    assert (ran.code, ran.out) == (0, "completed by grok-4.7: Paint the wall blue.\n")


async def test_status_watch_of_a_failed_job_has_code_1(shell: Shell, jobs: Jobs) -> None:
    """Whoever waits for a job learns from the code that it failed; looking at it is no failure."""
    job_id = await jobs.settled(FAILED)
    watched = await shell.run("status", job_id, "--watch", "--json")
    assert (watched.code, watched.json["status"]) == (1, "failed")
    assert (await shell.run("status", job_id)).code == 0


async def test_status_watch_on_a_terminal_redraws(shell: Shell, jobs: Jobs) -> None:
    """On a terminal the whole panel is shown, and the command still ends with the job."""
    job_id = await jobs.settled(DONE)
    ran = await shell.run_on_terminal("status", job_id, "--watch")
    assert ran.code == 0
    assert "Paint the wall blue." in ran.out
    assert "claimed" in ran.out


async def test_stats_counts_jobs_and_names_workers(shell: Shell, jobs: Jobs) -> None:
    """The mission's six numbers under their names, and every worker that was seen."""
    await jobs.settled(DONE)
    await jobs.settled(FAILED)
    await jobs.queued()
    await WorkerStore(jobs.database).seen("w1", "host-1", 4711, 32, 2)
    document = (await shell.run("stats", "--json")).json
    assert (document["totalQueued"], document["totalProcessing"]) == (1, 0)
    assert (document["totalCompleted"], document["totalFailed"]) == (1, 1)
    assert document["averageWaitTime"] >= 0
    assert document["estimatedWaitTime"] >= 1
    (worker,) = document["workers"]
    assert (worker["worker"], worker["pid"], worker["busy"]) == ("w1", 4711, 2)
    text = (await shell.run("stats")).out
    assert "host-1" in text
    assert "completed" in text


async def test_stats_refuses_json_without_end(shell: Shell) -> None:
    """--watch and --json contradict each other: one document cannot go on for ever."""
    ran = await shell.run("stats", "--watch", "--json")
    assert (ran.code, ran.out, len(error_lines(ran))) == (2, "", 1)


async def test_jobs_lists_newest_first_and_filters(shell: Shell, jobs: Jobs) -> None:
    """The list is limited, says whether there is more, and knows status and user."""
    failed = await jobs.settled(FAILED)
    older, newer = await jobs.queued(), await jobs.queued()
    listed = (await shell.run("jobs", "--json", "--limit", 2)).json
    assert [job["promptJobId"] for job in listed["data"]] == [str(newer), str(older)]
    assert listed["hasMore"] is True
    only = (await shell.run("jobs", "--json", "--status", "failed")).json
    assert [job["promptJobId"] for job in only["data"]] == [str(failed)]
    assert only["hasMore"] is False
    nobody = (await shell.run("jobs", "--json", "--user", uuid4())).json
    assert nobody == {"data": [], "hasMore": False}
    text = (await shell.run("jobs")).out
    assert text.index(str(newer)) < text.index(str(older)) < text.index(str(failed))
    assert "Grok declined this request." in text


async def test_retry_reopens_failed_jobs_and_says_who_did_it(shell: Shell, jobs: Jobs) -> None:
    """Each id has its own outcome; one that could not be retried makes the code 1."""
    failed = await jobs.settled(FAILED)
    completed = await jobs.settled(DONE)
    ran = await shell.run("retry", failed, completed, "--json")
    assert ran.code == 1
    assert [(r["outcome"], r["status"]) for r in ran.json["results"]] == [
        ("retried", "queued"),
        ("not_failed", "completed"),
    ]
    events = await jobs.store.events(failed)
    assert str(events[-1]["data"]["actor"]).startswith("cli:")


async def test_cancel_is_final_and_may_be_repeated(shell: Shell, jobs: Jobs) -> None:
    """A cancelled job stays so; cancelling again is no error, and a completed one is refused."""
    job_id = await jobs.queued()
    first = await shell.run("cancel", job_id)
    assert (first.code, first.out) == (0, f"{job_id}  is cancelled\n")
    assert await _status(jobs, job_id) is Status.CANCELLED
    assert (await shell.run("cancel", job_id)).code == 0
    completed = await jobs.settled(DONE)
    assert (await shell.run("cancel", completed)).code == 1


async def test_retry_and_cancel_of_unknown_jobs_have_code_4(shell: Shell) -> None:
    """When there is none of the jobs, the code says not found."""
    for command in ("retry", "cancel"):
        ran = await shell.run(command, uuid4(), uuid4())
        assert ran.code == 4
        assert ran.out.count("does not exist") == 2


async def test_concurrent_cancels_have_one_winner(shell: Shell, jobs: Jobs) -> None:
    """Two commands cancel at once: both end with 0, one of them did it."""
    job_id = await jobs.queued()
    both = await asyncio.gather(*(shell.run("cancel", job_id, "--json") for _ in range(2)))
    outcomes = sorted(ran.json["results"][0]["outcome"] for ran in both)
    assert outcomes == ["already_cancelled", "cancelled"]


async def test_a_prompt_by_hand_mends_a_failed_job(shell: Shell, jobs: Jobs) -> None:
    """It may be repeated; over a prompt that came first it needs a successor."""
    failed = await jobs.settled(FAILED)
    for sentence in ("is completed with your prompt", "has that prompt already"):
        ran = await shell.run("supply", failed, "Make the coat\nred.")
        assert (ran.code, ran.out) == (0, f"{failed}  {sentence}\n")
    job = await jobs.store.find_job(failed)
    assert job is not None
    assert (job.generated_prompt, job.source) == ("Make the coat red.", "manual")
    completed = await jobs.settled(DONE)
    refused = await shell.run("supply", completed, "Make the coat red.")
    assert (refused.code, "--successor" in refused.out) == (1, True)
    made = (await shell.run("supply", completed, "Make it red.", "--successor", "--json")).json
    (result,) = made["results"]
    assert (result["outcome"], result["promptJobId"] != str(completed)) == ("successor", True)
    assert (await shell.run("supply", uuid4(), "Make it red.")).code == 4
    assert (await shell.run("supply", failed, " ")).code == 2


async def _status(jobs: Jobs, job_id: UUID) -> Status | None:
    job = await jobs.store.find_job(job_id)
    return job.status if job else None
