"""What must hold of the gate, of flights and of texts that are being written: more scenarios."""

import json
from typing import Any
from uuid import UUID, uuid4

from tests.proofs.acts import PROMPT, Acts

MODEL = "grok-4.7"
SCOPE, STRANGER = UUID(int=7), UUID(int=8)
LIMIT = "select public.set_prompt_limit($1, $2, $3)"
CLAIM = "select count(*) from public.claim_prompt_jobs(10, 'w', 300, p_models => array['grok-4.7'])"


async def _limited(queue: Acts, rps: float, tpm: float | None = None) -> tuple[UUID, UUID]:
    """A claimed job, and a model with a limit."""
    assert await queue.connection.fetchval(LIMIT, MODEL, rps, tpm)
    job = await queue.enqueue(max_retries=50)
    return job, (await queue.claim())[job]


async def _send(
    queue: Acts, job: UUID, token: UUID, count: int, **more: Any
) -> dict[UUID, float | None]:
    """The seconds after which each call may leave; None where it has no room."""
    calls = [
        {"call_id": str(uuid4()), "job_id": str(job), "lease_token": str(token), "model": MODEL,
         "retry_count": 0, **more}
        for _ in range(count)
    ]  # fmt: skip
    rows = await queue.connection.fetch(
        "select b.call_id, case b.verdict when 'granted' then public.prompt_send_delay(b.call_id) "
        "end as delay from public.begin_provider_calls($1::jsonb) b", json.dumps(calls),
    )  # fmt: skip
    return {row["call_id"]: row["delay"] for row in rows}


async def _end(queue: Acts, *calls: UUID, **more: Any) -> None:
    ends = [{"call_id": str(call), "answered": True} | more for call in calls]
    await queue.connection.execute("select public.end_provider_calls($1::jsonb)", json.dumps(ends))


async def _refuse(queue: Acts, *calls: UUID, **more: Any) -> None:
    await _end(queue, *calls, http_status=429, error_code="rate_limited", **more)


async def _gate(queue: Acts) -> tuple[float, float]:
    """Seconds until it opens, and its rate."""
    row = await queue.connection.fetchrow(
        "select extract(epoch from g.closed_until - clock_timestamp())::float8 as closed, "
        "public.prompt_gate_rate(g, l.requests_per_second, clock_timestamp()) as rate "
        "from public.prompt_model_gates g join public.prompt_model_limits l using (model)"
    )
    return row["closed"], row["rate"]


async def calls_leave_one_after_another(queue: Acts, other: Acts) -> None:
    """Also those of two workers that ask at once; urgent ones first, none later than 3 s."""
    job, token = await _limited(queue, 20)
    await _send(queue, job, token, 1)
    another = await queue.enqueue()
    theirs = _send(other, another, (await queue.claim())[another], 10)
    await other.overtakes(theirs, queue, _send(queue, job, token, 10))
    gaps = await queue.connection.fetch(
        "select extract(epoch from c.send_at - lag(c.send_at) over (order by c.send_at))::float8 "
        "as gap from public.provider_calls c"
    )
    assert all(row["gap"] > 0.04 for row in gaps if row["gap"] is not None)
    urgent = await _send(queue, job, token, 2, priority=1)
    assert None not in urgent.values()
    late = await _send(queue, job, token, 60)
    assert 5 < list(late.values()).count(None) < 60
    assert all(delay <= 3 for delay in late.values() if delay is not None)


async def the_urgent_pass_first(queue: Acts, _: Acts) -> None:
    """Within one statement, by priority; not by the names of the calls, which say the contrary."""
    job, token = await _limited(queue, 20)
    calls = [
        {"call_id": str(UUID(int=priority)), "job_id": str(job), "lease_token": str(token),
         "model": MODEL,
         "retry_count": 0, "priority": priority}
        for priority in (3, 10, 1, 7)
    ]  # fmt: skip
    asked = json.dumps(calls)
    await queue.connection.execute("select public.begin_provider_calls($1::jsonb)", asked)
    rows = await queue.connection.fetch(
        "select c.priority from jsonb_to_recordset($1::jsonb) c (call_id uuid, priority int) "
        "join public.provider_calls p using (call_id) order by p.send_at", asked,
    )  # fmt: skip
    assert [row["priority"] for row in rows] == [10, 7, 3, 1]


async def tokens_are_paid_by_the_estimate_and_then_by_the_truth(queue: Acts, _: Acts) -> None:
    """What was used beyond it is owed, what was not is given back, no answer counts in full."""
    job, token = await _limited(queue, 10_000, 60_000)
    sent = await _send(queue, job, token, 1)
    idle = "update public.prompt_model_gates set tokens_at = 'epoch', next_at = 'epoch'"
    for earned, halves in (("select 1", [0, 1, 2, 3]), (idle, [0, 0, 0, 1])):
        await _end(queue, *sent, prompt_tokens=500, breaker="good")
        await queue.connection.execute(earned)
        sent = await _send(queue, job, token, 4, tokens=500)
        delays = sorted(delay for delay in sent.values() if delay is not None)
        # A second's worth at once where it was saved, then a thousand a second.
        assert [round(delay * 2) for delay in delays] == halves
    first, second, third, fourth = sent
    await _end(queue, first, prompt_tokens=900, completion_tokens=100, breaker="good")
    await _end(queue, second, prompt_tokens=100, completion_tokens=100, reasoning_tokens=300,
               breaker="good")  # fmt: skip
    await _end(queue, third, prompt_tokens=200, completion_tokens=50, breaker="good")
    await queue.end(fourth, answered=False)
    (delay,) = (await _send(queue, job, token, 1, tokens=1)).values()
    assert delay is not None
    # 2,250 used, 1,000 of them saved before.
    assert 1.05 < delay < 1.35


async def a_refusal_closes_the_gate_for_everybody(queue: Acts, other: Acts) -> None:
    """For as long as was asked, or a little and then longer; what was under way adds nothing."""
    job, token = await _limited(queue, 20)
    one, two, three = await _send(queue, job, token, 3)
    await _refuse(queue, one)
    closed, rate = await _gate(queue)
    assert 0.15 < closed <= 0.25
    assert abs(rate - (20 * 0.97 - 2)) < 0.1
    await _refuse(other, two)
    assert (await _gate(queue))[0] <= closed
    await _refuse(queue, three, retry_after=600)
    assert 298 < (await _gate(queue))[0] <= 300
    assert set((await _send(other, job, token, 2)).values()) == {None}
    await queue.enqueue()
    assert await queue.connection.fetchval(CLAIM) == 0


async def again_and_again_refused_it_waits_longer_and_learns(queue: Acts, _: Acts) -> None:
    """Up to a second and a half; the rate falls where others got through, and comes back."""
    job, token = await _limited(queue, 20)
    opened = "update public.prompt_model_gates set closed_until = 'epoch', next_at = 'epoch'"
    waits, rates = [], []
    for sign in (None, None, None, None, "good", None, "good", None):
        await queue.connection.execute(opened)
        (call,) = await _send(queue, job, token, 1)
        await (_end(queue, call, breaker="good") if sign else _refuse(queue, call))
        closed, rate = await _gate(queue)
        waits.append(round(max(closed, 0) * 10))
        rates.append(rate)
    assert waits[:5] == [2, 5, 10, 15, 0] or waits[:5] == [2, 5, 10, 14, 0]
    assert waits[5] <= 3
    safe = 20 * 0.97 - 2
    assert abs(rates[4] - safe) < 0.1
    assert 0.9 * safe < rates[5] < 0.96 * safe
    assert rates[7] < 0.92 * safe
    later = "update public.prompt_model_gates set rate_at = rate_at - interval '10 s'"
    await queue.connection.execute(later)
    assert rates[7] + 0.5 < (await _gate(queue))[1] <= safe
    await queue.connection.execute(later.replace("10 s", "100 s"))
    assert abs((await _gate(queue))[1] - safe) < 0.01


async def no_more_is_given_out_than_can_be_sent(queue: Acts, other: Acts) -> None:
    """A second's worth for all workers together, also where two claim at once."""
    await _limited(queue, 10)
    for _ in range(30):
        await queue.enqueue()
    first = other.connection.fetchval(CLAIM)
    await other.overtakes(first, queue, queue.connection.fetchval(CLAIM))
    for _ in range(2):
        await queue.connection.fetchval(CLAIM)
    given = await queue.connection.fetchval(
        "select count(*) from public.prompt_job_queue where state = 'leased'"
    )
    # The claim that made the limit's job is one of them.
    assert 7 <= given <= 11


async def _join(queue: Acts, job: UUID, token: UUID, scope: UUID = SCOPE, **more: Any) -> str:
    join = {"job_id": str(job), "lease_token": str(token), "scope": str(scope), "key": "k"} | more
    answer: str = await queue.connection.fetchval(
        "select j.verdict from public.join_prompt_flights($1::jsonb) j", json.dumps([join])
    )
    return answer


async def _three(queue: Acts) -> list[tuple[UUID, UUID]]:
    for _ in range(3):
        await queue.enqueue()
    return list((await queue.claim(3)).items())


async def _complete(queue: Acts, job: UUID, token: UUID, seconds: float = 60) -> None:
    outcome = {"job_id": str(job), "lease_token": str(token), "outcome": "completed",
               "prompt": PROMPT, "model": MODEL,
               "cache": {"scope": str(SCOPE), "key": "k", "seconds": seconds}}  # fmt: skip
    await queue.connection.execute(
        "select public.settle_prompt_jobs($1::jsonb)", json.dumps([outcome])
    )


async def one_asks_and_the_others_follow(queue: Acts, other: Acts) -> None:
    """Two that join at once do not both lead; a stranger's request is its own."""
    (a, b, c) = await _three(queue)
    late = await other.overtakes(_join(other, *a), queue, _join(queue, *b))
    assert late == "follow"
    assert await _join(queue, *a) == "lead"
    assert await _join(queue, *c, scope=STRANGER) == "lead"
    facts = await queue.facts(b[0])
    assert (facts.status, facts.state, facts.token) == ("queued", "delayed", None)
    assert "following" in facts.events
    assert await _join(queue, *b) == "lease_lost"
    assert await queue.begin(*b) == "lease_lost"
    assert await queue.claim() == {}


async def what_was_paid_for_is_given_again(queue: Acts, other: Acts) -> None:
    """To whoever waited, and later, until its time is over; not to strangers or who refreshes."""
    (a, b, c) = await _three(queue)
    assert [await _join(queue, *a), await _join(queue, *b)] == ["lead", "follow"]
    hit = await other.overtakes(_complete(other, *a), queue, _join(queue, *c))
    assert hit == "hit"
    tokens = await queue.claim()
    assert list(tokens) == [b[0]]
    token = tokens[b[0]]
    assert await _join(queue, b[0], token, scope=STRANGER) == "lead"
    assert await _join(queue, b[0], token, refresh=True) == "lead"
    assert await _join(queue, b[0], token) == "hit"
    await queue.connection.execute("update public.prompt_cache set expires_at = 'epoch'")
    assert await _join(queue, b[0], token) == "lead"


async def who_follows_takes_over(queue: Acts, _: Acts) -> None:
    """A leader that failed or was cancelled leaves the next one to lead, at once."""
    for end in ("cancel", "fail"):
        await queue.clear()
        (a, b, c) = await _three(queue)
        assert await _join(queue, *a) == "lead"
        assert [await _join(queue, *one) for one in (b, c)] == ["follow"] * 2
        if end == "cancel":
            await queue.cancel(a[0])
        else:
            await queue.settle(*a, "failed", code="outcome_unknown")
        tokens = await queue.claim(3)
        assert set(tokens) == {b[0], c[0]}
        verdicts = [await _join(queue, job, token) for job, token in tokens.items()]
        assert verdicts == ["lead", "follow"]


async def what_is_refused_for_safety_is_refused_for_all(queue: Acts, _: Acts) -> None:
    """Nobody who waited asks again; strangers do, and the statistics know of each."""
    (a, b, c) = await _three(queue)
    for job, _token in (b, c):
        await queue.connection.execute("insert into jobs (prompt_job_id) values ($1)", job)
    assert await _join(queue, *a) == "lead"
    assert await _join(queue, *b) == "follow"
    assert await _join(queue, *c, scope=STRANGER) == "lead"
    await queue.settle(*a, "failed", code="refused")
    follower = await queue.facts(b[0])
    assert (follower.status, follower.state, follower.endings) == ("failed", None, 1)
    codes = await queue.connection.fetch(
        "select j.error_code, j.error from public.prompt_generation_jobs j where status = 'failed'"
    )
    assert {tuple(row) for row in codes} == {("refused", "It broke.")}
    assert (await queue.facts(c[0])).status == "processing"
    statuses = await queue.connection.fetch("select prompt_status from jobs order by 1")
    assert [row[0] for row in statuses].count("failed") == 1
    assert await queue.miscounted() == []


async def half_a_prompt_belongs_to_its_lease(queue: Acts, other: Acts) -> None:
    """Seen while it is held, by its followers too; not written by who lost it."""
    (a, b, c) = await _three(queue)
    assert [await _join(queue, *one) for one in (a, b)] == ["lead", "follow"]

    async def note(job: UUID, token: UUID, text: str | None) -> None:
        partial = {"job_id": str(job), "lease_token": str(token), "partial": text}
        await queue.connection.execute(
            "select public.note_prompt_partials($1::jsonb)", json.dumps([partial])
        )

    async def seen(job: UUID) -> str | None:
        text: str | None = await queue.connection.fetchval(
            "select p.partial from public.prompt_partial($1) p", job
        )
        return text

    await note(*a, "Paint")
    await note(*a, "Paint it")
    assert [await seen(job) for job, _ in (a, b, c)] == ["Paint it", "Paint it", None]
    await note(*b, "never")
    await queue.settle(*a, "released")
    assert await seen(a[0]) is None
    token = (await queue.claim())[a[0]]
    await note(*a, "late")
    assert await seen(a[0]) is None
    await note(a[0], token, "Colour")
    assert await seen(a[0]) == "Colour"
    prune = "select public.prune_prompt_partials()"
    assert await queue.connection.fetchval(prune) == 0
    await note(a[0], a[1], None)
    assert await seen(a[0]) == "Colour"
    await _complete(queue, a[0], token)
    assert await queue.connection.fetchval(prune) == 1


SHARING = (
    calls_leave_one_after_another,
    the_urgent_pass_first,
    tokens_are_paid_by_the_estimate_and_then_by_the_truth,
    a_refusal_closes_the_gate_for_everybody,
    again_and_again_refused_it_waits_longer_and_learns,
    no_more_is_given_out_than_can_be_sent,
    one_asks_and_the_others_follow,
    what_was_paid_for_is_given_again,
    who_follows_takes_over,
    what_is_refused_for_safety_is_refused_for_all,
    half_a_prompt_belongs_to_its_lease,
)
