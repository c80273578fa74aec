"""What must hold of breakers, retry budgets and the renewal of the table: more scenarios."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from tests.proofs.acts import Acts

MODEL = "grok-4.7"
_COOL_OFF = "update public.prompt_model_health set open_until = clock_timestamp()"


async def _open(queue: Acts, *signs: str) -> bool:
    """Whether the model's breaker is open after calls that ended so."""
    (job, token) = await _job(queue)
    await _tell(queue, await _sent(queue, job, token, len(signs)), signs)
    return await _is_open(queue)


async def _job(queue: Acts) -> tuple[UUID, UUID]:
    job = await queue.enqueue(max_retries=10)
    return job, (await queue.claim())[job]


async def _sent(queue: Acts, job: UUID, token: UUID, count: int) -> list[UUID]:
    calls = [uuid4() for _ in range(count)]
    assert await queue.begin_all(job, token, calls) == ["granted"] * count
    return calls


async def _tell(queue: Acts, calls: Sequence[UUID], signs: Sequence[str]) -> None:
    await queue.end_all(dict(zip(calls, signs, strict=True)))


async def _is_open(queue: Acts) -> bool:
    state = await queue.connection.fetchval(
        "select h.state from public.prompt_model_health h where h.model = $1", MODEL
    )
    return bool(state == "open")


async def _acts(queue: Acts) -> list[str]:
    rows = await queue.connection.fetch(
        "select l.act from public.prompt_operator_log l order by l.id"
    )
    return [row["act"] for row in rows]


async def _by_hand(queue: Acts, *, is_open: bool, seconds: float | None = None) -> bool:
    answer: bool = await queue.connection.fetchval(
        "select public.set_prompt_breaker($1, $2, $3)", MODEL, is_open, seconds
    )
    return answer


async def a_breaker_opens_for_a_share_of_enough_calls(queue: Acts, other: Acts) -> None:
    """Four faults do not do, half of ten do, also where two tell of them at once."""
    assert not await _open(queue, *["bad"] * 4)
    await queue.clear()
    assert not await _open(queue, *["bad"] * 5, *["good"] * 6)
    await queue.clear()
    assert await _open(queue, *["bad"] * 5, *["good"] * 5)
    await queue.clear()
    assert not await _open(queue, "good")
    job, token = await _job(queue)
    here, there = [await _sent(queue, job, token, 3) for _ in range(2)]
    bad = ["bad"] * 3
    await other.overtakes(_tell(other, here, bad), queue, _tell(queue, there, bad))
    assert await _is_open(queue)
    assert await _acts(queue) == ["opened"]


async def no_credit_opens_it_at_once_and_one_probe_decides(queue: Acts, other: Acts) -> None:
    """Not before the cool-off is over, not two, and not what was under way."""
    early_job, early_token = await _job(queue)
    early = await _sent(queue, early_job, early_token, 1)
    assert await _open(queue, "trip")
    await _tell(queue, early, ["good"])
    assert await _is_open(queue)
    job, token = await _job(queue)
    assert await queue.begin_all(job, token, [uuid4()]) == ["breaker_open"]
    assert await queue.begin(job, token) == "model_paused"
    await queue.connection.execute(_COOL_OFF)
    probe = uuid4()
    first = other.begin_all(early_job, early_token, [probe])
    late = queue.begin_all(job, token, [uuid4()])
    assert await other.overtakes(first, queue, late) == ["breaker_open"]
    assert await queue.begin_all(job, token, [uuid4()]) == ["breaker_open"]
    await _tell(queue, [probe], ["good"])
    assert not await _is_open(queue)
    assert await _acts(queue) == ["opened", "closed"]
    # The faults of before are forgotten: four more do not do.
    assert not await _open(queue, *["bad"] * 4)


async def of_a_group_one_call_probes(queue: Acts, _: Acts) -> None:
    """And whoever takes its job over may probe in its place."""
    assert await _open(queue, "trip")
    await queue.connection.execute(_COOL_OFF)
    job, token = await _job(queue)
    verdicts = await queue.begin_all(job, token, [uuid4(), uuid4(), uuid4()])
    assert sorted(verdicts) == ["breaker_open", "breaker_open", "granted"]
    await queue.expire(job)
    assert await queue.reap() == 1
    token = (await queue.claim())[job]
    assert await queue.begin_all(job, token, [uuid4()]) == ["granted"]


async def a_failing_probe_makes_the_cool_off_longer(queue: Acts, _: Acts) -> None:
    """Twice as long each time, drawn from the upper half; the log tells of the first alone."""
    assert await _open(queue, *["bad"] * 5)
    for longest in (10, 20, 40):
        await queue.connection.execute(_COOL_OFF)
        assert await _open(queue, "bad")
        wait = await queue.connection.fetchval(
            "select o.wait_seconds from public.prompt_model_outage($1) o", MODEL
        )
        assert longest / 2 - 1 < wait <= longest
    assert await _acts(queue) == ["opened"]


async def by_hand_it_stays_so(queue: Acts, _: Acts) -> None:
    """No probe closes it, its faults go when it is closed, and what changes nothing says so."""
    assert await _open(queue, "trip")
    await queue.connection.execute(_COOL_OFF)
    job, token = await _job(queue)
    probe = uuid4()
    assert await queue.begin_all(job, token, [probe]) == ["granted"]
    assert await _by_hand(queue, is_open=True, seconds=600)
    await _tell(queue, [probe], ["good"])
    assert await _is_open(queue)
    assert await queue.begin_all(job, token, [uuid4()]) == ["breaker_open"]
    assert await _by_hand(queue, is_open=True)
    assert not await _by_hand(queue, is_open=True)
    assert await _by_hand(queue, is_open=False)
    assert not await _by_hand(queue, is_open=False)
    assert not await _open(queue, *["bad"] * 4)
    assert await _by_hand(queue, is_open=True)
    assert await _by_hand(queue, is_open=False)
    assert not await _open(queue, "bad")
    assert await _acts(queue) == ["opened", "opened", "opened", "closed", "opened", "closed"]


async def what_waits_for_a_model_is_woken_when_it_works(queue: Acts, _: Acts) -> None:
    """By hand and by a probe; what waits for something else sleeps on."""
    for by_hand in (True, False):
        await queue.clear()
        assert await _open(queue, "trip")
        job, token = await _job(queue)
        parked, limited = [await queue.enqueue() for _ in range(2)]
        tokens = await queue.claim(2)
        for waiting, code in ((parked, "out_of_credit"), (limited, "rate_limited")):
            await queue.settle(waiting, tokens[waiting], "postponed", delay=300, code=code)
        assert await queue.claim(5) == {}
        if by_hand:
            assert await _by_hand(queue, is_open=False)
        else:
            await queue.connection.execute(_COOL_OFF)
            probe = uuid4()
            assert await queue.begin_all(job, token, [probe]) == ["granted"]
            await _tell(queue, [probe], ["good"])
        assert list(await queue.claim(5)) == [parked]


async def retries_live_on_a_tenth_of_what_succeeds(queue: Acts, other: Acts) -> None:
    """First calls are free; two that retry at once do not spend the same one twice."""
    assert not await _open(queue, "good")
    (early_job, early_token), (job, token) = await _job(queue), await _job(queue)
    few = "update public.prompt_model_health set retries_left = 1, counted_at = clock_timestamp()"
    await queue.connection.execute(few)
    one = other.begin_all(early_job, early_token, [uuid4()], retry_count=1)
    two = queue.begin_all(job, token, [uuid4()], retry_count=1)
    assert await other.overtakes(one, queue, two) == ["retry_budget"]
    assert await queue.begin_all(job, token, [uuid4()], retry_count=0) == ["granted"]
    await queue.connection.execute(few.replace("= 1", "= 0"))
    assert not await _open(queue, *["good"] * 10, *["bad"] * 8)
    left = await queue.connection.fetchval("select retries_left from public.prompt_model_health")
    assert 1 <= left < 1.5


async def a_table_written_anew_is_as_it_was(queue: Acts, other: Acts) -> None:
    """Also where a claim was under way: what it took is taken."""
    waiting, taken = await queue.enqueue(priority=1), await queue.enqueue()
    renew = "select public.renew_prompt_job_queue(0, 0)"
    claim = other.claim()
    assert await other.overtakes(claim, queue, queue.connection.fetchval(renew)) is True
    facts = await queue.facts(taken)
    assert (facts.state, facts.token is None) == ("leased", False)
    assert list(await queue.claim(5)) == [waiting]


async def open_jobs_get_their_places_back(queue: Acts, _: Acts) -> None:
    """What waited and what was worked on; not what is over."""
    over, working, waiting = [await queue.enqueue() for _ in range(3)]
    tokens = await queue.claim(2)
    assert (await queue.settle(over, tokens[over], "failed"))[0]
    readmit = "select public.readmit_prompt_jobs()"
    assert await queue.connection.fetchval(readmit) == 0
    await queue.connection.execute("delete from public.prompt_job_queue")
    assert await queue.connection.fetchval(readmit) == 2
    assert [(await queue.facts(job)).status for job in (over, working, waiting)] == [
        "failed", "queued", "queued",
    ]  # fmt: skip
    assert set(await queue.claim(5)) == {working, waiting}
    assert (await queue.facts(over)).state is None


OUTAGES = (
    a_breaker_opens_for_a_share_of_enough_calls,
    no_credit_opens_it_at_once_and_one_probe_decides,
    of_a_group_one_call_probes,
    a_failing_probe_makes_the_cool_off_longer,
    by_hand_it_stays_so,
    retries_live_on_a_tenth_of_what_succeeds,
    what_waits_for_a_model_is_woken_when_it_works,
    a_table_written_anew_is_as_it_was,
    open_jobs_get_their_places_back,
)
