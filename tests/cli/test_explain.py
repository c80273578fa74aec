"""`explain` says why a job is where it is."""

import json

from prompt_queue.store.operator_store import OperatorStore
from prompt_queue.store.worker_store import WorkerStore
from tests.cli.conftest import DONE, FAILED, Jobs
from tests.cli.shell import Shell


async def test_a_waiting_job_is_explained(shell: Shell, jobs: Jobs) -> None:
    """The reason, what helps, what is expected, and what has happened."""
    await WorkerStore(jobs.database).seen("tester", "host", 1, 4, 0)
    job = await jobs.queued()
    ran = await shell.run("explain", job)
    assert ran.code == 0, ran.err
    for said in ("queued", "It is the next one. (position)", "expected", "9 of 10", "+0."):
        assert said in ran.out
    await OperatorStore(jobs.database).pause(None, "lunch", "test")
    paused = await shell.run("explain", job)
    assert "prompt-queue resume" in paused.out
    assert "nobody can know (paused)" in paused.out


async def test_a_job_that_has_ended_is_explained(shell: Shell, jobs: Jobs) -> None:
    """With its error, if it has one."""
    failed = await jobs.settled(FAILED)
    ran = await shell.run("explain", failed)
    assert "Grok declined this request. (refused)" in ran.out
    done = await shell.run("explain", await jobs.settled(DONE))
    assert "nothing: it has ended." in done.out


async def test_the_document_has_the_names_of_the_api(shell: Shell, jobs: Jobs) -> None:
    job = await jobs.queued()
    ran = await shell.run("explain", job, "--json")
    document = json.loads(ran.out)
    assert document["waitingReason"]["code"] == "no_worker"
    assert (document["eta"], document["etaReason"]) == (None, "no_worker")
    assert [event["kind"] for event in document["events"]] == ["queued"]
    missing = await shell.run("explain", "00000000-0000-4000-a000-000000000000")
    assert missing.code == 4
