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


async def test_a_band_is_paused_and_resumed(shell: Shell, jobs: Jobs) -> None:
    """By its word or by its numbers; jobs of other priorities go on."""
    await jobs.queued()
    ran = await shell.run("pause", "--band", "normal")
    assert ran.out.strip() == "the band of priorities 4 to 6 (normal) is now paused"
    assert await jobs.store.claim(1, "w", 30) == []
    ran = await shell.run("resume", "--band", "4-6", "--json")
    assert ran.json == {
        "model": None, "priorities": {"from": 4, "to": 6}, "state": "running", "changed": True
    }  # fmt: skip
    assert len(await jobs.store.claim(1, "w", 30)) == 1


async def test_what_is_no_band_is_wrong_usage(shell: Shell, jobs: Jobs) -> None:
    """Nothing is paused instead."""
    for options in (("--band", "0-3"), ("--band", "urgent"), ("--band", "low", "--model", "m")):
        ran = await shell.run("pause", *options)
        assert ran.code == 2
        assert "--band" in ran.err
