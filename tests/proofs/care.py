"""What must hold of order, cap, single flight, retries by filter and pruning: more scenarios."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from tests.proofs.acts import BY_HAND, PROMPT, Acts

_ENDED = """
insert into public.prompt_generation_jobs
  (row_id, model_id, user_id, target_url, status, generated_prompt, created_at, completed_at)
select row_id, model_id, user_id, target_url, $2, 'Done.', t.at - interval '1 hour', t.at
from public.prompt_generation_jobs, (select clock_timestamp() - $3 * interval '1 day' as at) t
where id = $1
returning id
"""


@asynccontextmanager
async def _settings(queue: Acts, **values: float) -> AsyncIterator[None]:
    for name, value in values.items():
        await queue.connection.execute(f"update public.prompt_queue_settings set {name} = {value}")
    try:
        yield
    finally:
        await queue.connection.execute(
            "update public.prompt_queue_settings "
            "set user_in_flight_cap = null, ageing_seconds = 600"
        )


async def _take(queue: Acts, token: UUID) -> bool:
    answer = await queue.connection.fetchval(
        "select public.take_prompt_singleton('tests', 60, $1)", token
    )
    assert answer in (token, None)
    return answer is not None


async def one_is_alone(queue: Acts, other: Acts) -> None:
    """A right is one caller's, who may ask again, until it is given back or runs out."""
    mine, theirs = uuid4(), uuid4()
    release = "select public.release_prompt_singleton('tests', $1)"
    try:
        assert await other.overtakes(_take(other, theirs), queue, _take(queue, mine)) is False
        assert await _take(other, theirs) is True
        await queue.connection.execute(release, mine)
        assert await _take(queue, mine) is False
        await queue.connection.execute(
            "update public.prompt_queue_singletons "
            "set lease_until = clock_timestamp() - interval '1 s'"
        )
        assert [await _take(queue, mine), await _take(other, theirs)] == [True, False]
        await queue.connection.execute(release, mine)
        assert await _take(other, theirs) is True
    finally:
        await queue.connection.execute("delete from public.prompt_queue_singletons")


async def a_cap_is_exact(queue: Acts, other: Acts) -> None:
    """Whoever claims at once: a user has as many jobs in flight as the cap says, others go on."""
    jobs = [await queue.enqueue() for _ in range(3)]

    async def claim_with_one_more() -> dict[UUID, UUID]:
        jobs.append(await queue.enqueue())
        return await queue.claim(5)

    async with _settings(queue, user_in_flight_cap=1):
        assert await other.overtakes(other.claim(), queue, claim_with_one_more()) == {}
        theirs = await other.enqueue()
        assert list(await queue.claim(5)) == [theirs]
        jobs.append(await queue.enqueue())
        assert await queue.claim(5) == {}
        held = [job for job in jobs if (await queue.facts(job)).state == "leased"]
        assert len(held) == 1
        token = (await queue.facts(held[0])).token
        assert token is not None
        assert (await queue.settle(held[0], token, "completed"))[0]
        assert len(await queue.claim(5)) == 1
    assert len(await queue.claim(5)) == 3


async def users_take_turns(queue: Acts, other: Acts) -> None:
    """The second user's first job comes after the first user's first one, not after the last."""
    first = [await queue.enqueue() for _ in range(4)]
    second = await other.enqueue()
    order = [next(iter(await queue.claim())) for _ in range(5)]
    assert order == [first[0], second, *first[1:]] or order == [*first[:2], second, *first[2:]]


async def waiting_counts_as_priority(queue: Acts, _: Acts) -> None:
    """Nine steps of waiting outweigh nine of priority, and less waiting does not."""
    plain = [await queue.enqueue(priority=1) for _ in range(2)]
    urgent = [await queue.enqueue(priority=10) for _ in range(2)]
    age = """
    update public.prompt_job_queue set enqueued_at = clock_timestamp() - $2 * interval '1 second'
    where job_id = $1
    """
    await queue.connection.execute(age, plain[0], 91)
    await queue.connection.execute(age, plain[1], 60)
    async with _settings(queue, ageing_seconds=10):
        order = [next(iter(await queue.claim())) for _ in range(4)]
    assert order == [plain[0], *urgent, plain[1]]


async def who_is_not_due_waits_also_behind_a_job_in_other_hands(queue: Acts, other: Acts) -> None:
    """While another takes the head of a lane, who stands behind it is not given out instead."""
    first, second = [await queue.enqueue(priority=1) for _ in range(2)]
    urgent = await queue.enqueue(priority=10)
    age = "update public.prompt_job_queue set enqueued_at = clock_timestamp() - interval '91 s'"
    await queue.connection.execute(f"{age} where job_id = $1", first)
    async with _settings(queue, ageing_seconds=10):
        claimed = await other.overtakes(other.claim(), queue, queue.claim())
        assert list(claimed) == [urgent]  # type: ignore[call-overload]
        assert list(await queue.claim()) == [second]


async def a_filter_finds_its_own(queue: Acts, _: Acts) -> None:
    """A retry of many reopens the failed jobs of its user and class, up to its limit."""
    jobs = []
    for _round in range(3):
        job = await queue.enqueue()
        token = (await queue.claim())[job]
        assert (await queue.settle(job, token, "failed"))[0]
        jobs.append(job)
    many = "select public.retry_prompt_jobs($1, $2, p_limit => 2)"
    assert await queue.connection.fetchval(many, uuid4(), None) == 0
    assert await queue.connection.fetchval(many, None, "no_such_code") == 0
    assert await queue.connection.fetchval(many, None, None) == 2
    assert await queue.connection.fetchval(many, None, None) == 1
    assert len(await queue.claim(5)) == 3


async def pruning_takes_what_is_old_and_over(queue: Acts, _: Acts) -> None:
    """Open jobs, young ones, and those that `jobs` names stay; so do the calls of open jobs."""
    ask = queue.connection.fetchval
    waiting = await queue.enqueue()
    for status in ("completed", "failed", "cancelled"):
        old, named, young = [await ask(_ENDED, waiting, status, days) for days in (91, 92, 89)]
        await queue.connection.execute("insert into jobs (prompt_job_id) values ($1)", named)
        prune = "select p.deleted from public.prune_prompt_jobs(90, $1) p"
        assert await ask(prune, status) == 1
        left = "select array_agg(id) from public.prompt_generation_jobs where status = $1"
        assert set(await ask(left, status)) == {named, young}, old
    await queue.connection.execute("delete from jobs")
    call = """
    insert into public.provider_calls (call_id, job_id, user_id, model, started_at)
    select gen_random_uuid(), coalesce($2, gen_random_uuid()), user_id, 'm',
      clock_timestamp() - $3 * interval '1 day'
    from public.prompt_generation_jobs where id = $1
    """
    for job, days in ((waiting, 99), (None, 99), (None, 89)):
        await queue.connection.execute(call, waiting, job, days)
    assert await ask("select public.prune_provider_calls(90)") == 1
    event = """
    update public.prompt_job_events set created_at = clock_timestamp() - $2 * interval '1 day'
    where job_id = $1
    """
    await queue.connection.execute(event, waiting, 89)
    assert await ask("select public.prune_prompt_job_events(90)") == 0
    await queue.connection.execute(event, waiting, 91)
    assert await ask("select public.prune_prompt_job_events(90)") == 1


async def every_ending_is_counted(queue: Acts, other: Acts) -> None:
    """Whoever ends, reopens, inserts or deletes a job, the sums are those of the table."""
    end = """
    update public.prompt_generation_jobs set status = $2, generated_prompt = 'Done.' where id = $1
    """
    for status in ("completed", "failed", "cancelled"):
        by_hand = await queue.enqueue()
        await queue.connection.execute(end, by_hand, status)
        await queue.connection.fetchval(_ENDED, by_hand, status, 1)
        assert await queue.miscounted() == []
    lost = await queue.enqueue()
    for _ in range(3):
        await queue.claim()
        await queue.expire(lost)
        await queue.reap()
    assert (await queue.facts(lost)).status == "failed"
    assert await queue.miscounted() == []
    assert await queue.retry(lost) == "retried"
    assert await queue.miscounted() == []
    assert await queue.cancel(lost) == "cancelled"
    done = await queue.enqueue()
    assert (await queue.settle(done, (await queue.claim())[done], "completed"))[0]
    assert await queue.miscounted() == []
    again = await queue.enqueue()
    compact = "select public.compact_prompt_queue_tally()"
    settle = queue.settle(again, (await queue.claim())[again], "failed")
    await other.overtakes(other.connection.execute(compact), queue, settle)
    await queue.connection.execute(compact)
    assert await queue.connection.fetchval("select count(*) from public.prompt_queue_tally") <= 8
    assert await queue.miscounted() == []
    await queue.connection.execute("delete from public.prompt_generation_jobs")
    assert await queue.miscounted() == []


async def a_job_has_a_time_limit(queue: Acts, _: Acts) -> None:
    """A pause beyond it fails the job, one within it does not."""
    limit = "update public.prompt_queue_settings set job_seconds = $1"
    try:
        await queue.connection.execute(limit, 60.0)
        for outcome in ("retry", "postponed"):
            for delay, status in ((1, "queued"), (61, "failed")):
                job = await queue.enqueue()
                token = (await queue.claim())[job]
                assert await queue.settle(job, token, outcome, delay=delay) == (True, status)
    finally:
        await queue.connection.execute(limit, None)


async def a_prompt_by_hand_ends_what_is_open(queue: Acts, other: Acts) -> None:
    """From a waiting, a running and a failed job, of that user alone, and never over a prompt."""
    waiting, running, failed = [await queue.enqueue() for _ in range(3)]
    tokens = await queue.claim(3)
    assert (await queue.settle(failed, tokens[failed], "failed"))[0]
    assert (await queue.settle(waiting, tokens[waiting], "released"))[0]
    assert await queue.supply(running, user=uuid4()) == "not_found"
    for job in (waiting, running, failed):
        assert await queue.supply(job) == "supplied"
        assert await queue.supply(job) == "already_supplied"
        assert (await queue.facts(job)).status == "completed"
        assert (await queue.facts(job)).prompt == BY_HAND
    assert await queue.claim(3) == {}
    assert await queue.settle(running, tokens[running], "completed") == (False, "completed")
    assert await queue.miscounted() == []
    first = await queue.enqueue()
    token = (await queue.claim())[first]
    settle = queue.settle(first, token, "completed")
    assert await queue.overtakes(settle, other, other.supply(first)) == "already_completed"
    assert (await queue.facts(first)).prompt == PROMPT


CARE = (
    a_job_has_a_time_limit,
    a_prompt_by_hand_ends_what_is_open,
    every_ending_is_counted,
    one_is_alone,
    a_cap_is_exact,
    users_take_turns,
    waiting_counts_as_priority,
    who_is_not_due_waits_also_behind_a_job_in_other_hands,
    a_filter_finds_its_own,
    pruning_takes_what_is_old_and_over,
)
