"""`pause`, `resume` and `retry --failed` against a real database."""

from prompt_queue.jobs.job import Status
from tests.cli.conftest import FAILED, Jobs
from tests.cli.shell import Shell


async def test_pause_and_resume_may_be_repeated(shell: Shell, jobs: Jobs) -> None:
    """A paused queue gives out nothing until it is resumed."""
    await jobs.queued()
    assert (await shell.run("pause", "--reason", "repairs")).out.strip() == (
        "the queue is now paused"
    )
    assert "was already paused" in (await shell.run("pause")).out
    assert await jobs.store.claim(1, "w", 30) == []
    assert (await shell.run("resume", "--json")).json == {
        "model": None,
        "state": "running",
        "changed": True,
    }
    assert len(await jobs.store.claim(1, "w", 30)) == 1


async def test_failed_jobs_go_back_by_their_class(shell: Shell, jobs: Jobs) -> None:
    """`retry --failed --code` takes those of the class, and no others."""
    job_id = await jobs.settled(FAILED)
    assert (await shell.run("retry", "--failed", "--code", "other", "--json")).json == {
        "retried": 0
    }
    assert "1 jobs wait" in (await shell.run("retry", "--failed", "--code", "refused")).out
    job = await jobs.store.find_job(job_id)
    assert job is not None
    assert job.status is Status.QUEUED


async def test_a_retry_of_nothing_is_wrong_usage(shell: Shell, jobs: Jobs) -> None:
    """Neither jobs nor --failed: nothing is guessed."""
    ran = await shell.run("retry")
    assert ran.code == 2
    assert "--failed" in ran.err
