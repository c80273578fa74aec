"""What must hold of the SQL functions, each in a few acts of two clients on an empty queue."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg

from tests.proofs.acts import PROMPT, Acts
from tests.proofs.care import CARE
from tests.proofs.outages import OUTAGES
from tests.proofs.outbox import OUTBOX
from tests.proofs.picture_fates import PICTURE_FATES
from tests.proofs.pictures import PICTURES
from tests.proofs.promises import PROMISES
from tests.proofs.sharing import SHARING

Scenario = Callable[[Acts, Acts], Awaitable[None]]


async def _claimed(queue: Acts, **values: int) -> tuple[UUID, UUID]:
    job = await queue.enqueue(**values)
    return job, (await queue.claim())[job]


async def _lost(queue: Acts, job: UUID) -> None:
    await queue.expire(job)
    assert await queue.reap() == 1


async def _ended(queue: Acts, outcome: str) -> tuple[UUID, UUID]:
    job, token = await _claimed(queue)
    if outcome == "cancelled":
        assert await queue.cancel(job) == "cancelled"
    else:
        assert await queue.settle(job, token, outcome) == (True, outcome)
    return job, token


async def _raises(queue: Acts, sql: str, job: UUID) -> bool:
    try:
        await queue.connection.execute(sql, job)
    except asyncpg.ObjectNotInPrerequisiteStateError:
        return True
    return False


async def a_failure_needs_the_current_token(queue: Acts, _: Acts) -> None:
    """A worker that lost its lease changes nothing about the next one's job."""
    job, old = await _claimed(queue)
    await _lost(queue, job)
    new = (await queue.claim())[job]
    for token in (old, uuid4()):
        for outcome in ("failed", "retry", "postponed", "released"):
            assert (await queue.settle(job, token, outcome))[0] is False
        for status in ("failed", "queued", "processing", "cancelled"):
            assert await queue.update(job, status, token) is False
    facts = await queue.facts(job)
    assert (facts.status, facts.token, facts.retry_count) == ("processing", new, 0)


async def a_late_success_counts_once(queue: Acts, _: Acts) -> None:
    """The first paid answer is taken from any worker, and the second is not."""
    job, old = await _claimed(queue)
    await _lost(queue, job)
    new = (await queue.claim())[job]
    assert await queue.settle(job, old, "completed") == (True, "completed")
    assert await queue.settle(job, new, "completed", "Another.") == (False, "completed")
    facts = await queue.facts(job)
    assert (facts.prompt, facts.state, facts.endings) == (PROMPT, None, 1)


async def what_is_final_stays(queue: Acts, _: Acts) -> None:
    """No act but a retry of a failed job changes a job that is over."""
    for ending in ("completed", "failed", "cancelled"):
        job, token = await _ended(queue, ending)
        for outcome in ("completed", "failed", "retry", "released"):
            assert await queue.settle(job, token, outcome, "Another.") == (False, ending)
        for status in ("completed", "failed", "queued", "processing", "cancelled"):
            assert await queue.update(job, status) is False
        already = "already_cancelled" if ending == "cancelled" else "already_final"
        assert await queue.cancel(job) == already
        assert await queue.heartbeat(job, token) is False
        assert await queue.begin(job, token) == "lease_lost"
        assert await queue.claim(5) == {}
        facts = await queue.facts(job)
        assert (facts.status, facts.endings, facts.state) == (ending, 1, None)
        assert facts.prompt == (PROMPT if ending == "completed" else None)


async def only_a_failed_job_is_retried(queue: Acts, other: Acts) -> None:
    """A retry reopens a failed job, once, and no other."""
    for ending in ("completed", "cancelled"):
        assert await queue.retry((await _ended(queue, ending))[0]) == "not_failed"
    waiting = await queue.enqueue()
    assert await queue.retry(waiting) == "not_failed"
    assert await queue.cancel(waiting) == "cancelled"
    job, _token = await _ended(queue, "failed")
    assert await other.overtakes(other.retry(job), queue, queue.retry(job)) == "not_failed"
    assert list(await queue.claim(5)) == [job]


async def another_user_finds_nothing(queue: Acts, _: Acts) -> None:
    """Cancel and retry for a user see that user's jobs alone."""
    job, token = await _claimed(queue)
    assert await queue.cancel(job, uuid4()) == "not_found"
    assert (await queue.settle(job, token, "failed"))[0]
    assert await queue.retry(job, uuid4()) == "not_found"


async def the_last_wall_stands(queue: Acts, _: Acts) -> None:
    """Plain SQL cannot change what is final, nor open or claim a job by hand."""
    change = "update public.prompt_generation_jobs set error = 'x' where id = $1"
    for ending in ("completed", "failed", "cancelled"):
        job, _token = await _ended(queue, ending)
        assert await _raises(queue, change, job)
        if ending != "failed":
            await queue.connection.execute("set application_name = 'prompt_queue.retry'")
            refused = await _raises(queue, change, job)
            await queue.connection.execute("reset application_name")
            assert refused
    job = await queue.enqueue()
    by_hand = "update public.prompt_generation_jobs set status = '{}' where id = $1"
    assert await _raises(queue, by_hand.format("processing"), job)
    assert not await _raises(queue, by_hand.format("cancelled"), job)
    facts = await queue.facts(job)
    assert (facts.state, facts.endings) == (None, 1)


async def retries_are_bounded(queue: Acts, _: Acts) -> None:
    """The retry after the last one fails the job."""
    job, token = await _claimed(queue, max_retries=1)
    assert await queue.settle(job, token, "retry") == (True, "queued")
    token = (await queue.claim())[job]
    assert await queue.settle(job, token, "retry") == (True, "failed")
    assert (await queue.facts(job)).retry_count == 1


async def a_delayed_retry_waits(queue: Acts, _: Acts) -> None:
    """A retry is not claimable before its time, not even when another's has come; then it is."""
    job, token = await _claimed(queue)
    assert (await queue.settle(job, token, "retry", delay=60))[0]
    assert await queue.claim() == {}
    sooner, token = await _claimed(queue)
    assert (await queue.settle(sooner, token, "retry", delay=1e-6))[0]
    assert list(await queue.claim(2)) == [sooner]
    await queue.wake()
    assert list(await queue.claim()) == [job]


async def a_heartbeat_needs_the_current_token(queue: Acts, _: Acts) -> None:
    """Only the holder prolongs a lease, and not beyond the end of its attempt."""
    job, old = await _claimed(queue)
    await _lost(queue, job)
    new = (await queue.claim(attempt=1.0))[job]
    assert await queue.heartbeat(job, old) is False
    assert await queue.heartbeat(job, new) is True
    assert await queue.connection.fetchval(
        "select lease_until <= attempt_until from public.prompt_job_queue where job_id = $1", job
    )


async def a_live_lease_is_not_freed(queue: Acts, other: Acts) -> None:
    """The reaper takes expired leases alone, also when a heartbeat is just being written."""
    job, token = await _claimed(queue)
    assert await queue.reap() == 0
    await queue.expire(job)
    assert await other.overtakes(other.heartbeat(job, token), queue, queue.reap()) == 0
    assert (await queue.facts(job)).token == token


async def three_losses_end_a_job(queue: Acts, _: Acts) -> None:
    """Two lost leases are forgiven, the third sets the job aside."""
    job = await queue.enqueue()
    for status in ("queued", "queued", "failed"):
        assert list(await queue.claim()) == [job]
        await _lost(queue, job)
        assert (await queue.facts(job)).status == status


async def two_claims_never_share(queue: Acts, other: Acts) -> None:
    """A claim passes by what another is just taking."""
    job = await queue.enqueue()
    assert await other.overtakes(other.claim(), queue, queue.claim()) == {}
    assert (await queue.facts(job)).events.count("claimed") == 1


async def a_cancel_waits_for_a_settlement(queue: Acts, other: Acts) -> None:
    """A cancel that meets a completion half-way says that it came too late."""
    job, token = await _claimed(queue)
    done = other.settle(job, token, "completed")
    assert await other.overtakes(done, queue, queue.cancel(job)) == "already_final"
    assert (await queue.facts(job)).status == "completed"


async def who_waited_sees_what_came_before(queue: Acts, other: Acts) -> None:
    """An act that waited for another's commit judges and answers by what was committed."""
    job, token = await _claimed(queue, max_retries=0)
    verdict = await other.overtakes(other.begin(job, token), queue, queue.begin(job, token))
    assert verdict == "outcome_unknown"
    for outcome in ("completed", "failed"):
        job, token = await _claimed(queue)
        settled = queue.settle(job, token, outcome)
        assert await other.overtakes(other.cancel(job), queue, settled) == (False, "cancelled")


async def a_paid_call_needs_the_lease(queue: Acts, _: Acts) -> None:
    """The ledger grants max_retries + 1 sends without an answer, to the holder alone."""
    job, old = await _claimed(queue, max_retries=1)
    await _lost(queue, job)
    new = (await queue.claim())[job]
    assert await queue.begin(job, old) == "lease_lost"
    call = uuid4()
    assert [await queue.begin(job, new, call) for _ in range(2)] == ["granted"] * 2
    assert await queue.begin(job, new) == "granted"
    assert await queue.begin(job, new) == "outcome_unknown"
    assert [await queue.end(call, True), await queue.end(call, False)] == [1, 0]
    assert await queue.begin(job, new) == "granted"
    assert await queue.begin(job, new) == "outcome_unknown"
    assert (await queue.settle(job, new, "failed"))[0]
    assert await queue.retry(job) == "retried"
    assert await queue.begin(job, (await queue.claim())[job]) == "granted"


async def a_pause_gives_nothing_out(queue: Acts, _: Acts) -> None:
    """A paused queue or priority hands out no jobs, a paused model no calls."""
    job, token = await _claimed(queue)
    await queue.enqueue()
    pause = "insert into public.prompt_queue_pauses (model, actor) values ($1, 'tester')"
    for model in ("", "grok-4.7"):
        await queue.connection.execute(pause, model)
    claimed, verdict = await queue.claim(), await queue.begin(job, token)
    await queue.connection.execute("delete from public.prompt_queue_pauses")
    assert (claimed, verdict) == ({}, "model_paused")
    await queue.connection.execute("select public.pause_prompt_queue(null, null, 'me', 4, 6)")
    above = await queue.enqueue(priority=7)
    assert set(await queue.claim(9)) == {above}
    await queue.connection.execute("select public.resume_prompt_queue(null, 'me', 4, 6)")
    assert len(await queue.claim(9)) == 1


async def the_four_arguments_work_on_open_jobs(queue: Acts, _: Acts) -> None:
    """Without a token a job is completed while open, and failed only while processing."""
    job = await queue.enqueue()
    assert await queue.update(job, "failed") is False
    assert await queue.update(job, "completed") is True
    job, _token = await _claimed(queue)
    assert await queue.update(job, "failed") is True
    assert (await queue.facts(job)).events.count("unfenced_write") == 1


SCENARIOS: tuple[Scenario, ...] = (
    a_failure_needs_the_current_token,
    a_late_success_counts_once,
    what_is_final_stays,
    only_a_failed_job_is_retried,
    another_user_finds_nothing,
    the_last_wall_stands,
    retries_are_bounded,
    a_delayed_retry_waits,
    a_heartbeat_needs_the_current_token,
    a_live_lease_is_not_freed,
    three_losses_end_a_job,
    two_claims_never_share,
    a_cancel_waits_for_a_settlement,
    who_waited_sees_what_came_before,
    a_paid_call_needs_the_lease,
    a_pause_gives_nothing_out,
    the_four_arguments_work_on_open_jobs,
    *CARE,
    *OUTAGES,
    *SHARING,
    *PICTURES,
    *PICTURE_FATES,
)
OUTBOX_SCENARIOS: tuple[Scenario, ...] = (*OUTBOX, *PROMISES)
"""Apart, because what they guard and what the others guard have no function in common."""
