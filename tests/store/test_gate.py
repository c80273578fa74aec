"""The gate that all workers pass before a call: SQL that paces, closes and learns."""

import asyncio
import itertools
import time
from uuid import UUID

import asyncpg
import pytest

from prompt_queue.jobs.limits import Limit
from prompt_queue.jobs.outcome import CallEnd, Usage
from prompt_queue.jobs.policies import Sign
from prompt_queue.store.database import Database
from prompt_queue.store.model_store import ModelHealth
from prompt_queue.store.prompt_store import Ruling
from tests.store.test_breakers import MODEL, Provider
from tests.store.test_claim_and_settle import enqueue

TEN = Limit(10)
SAFE_OF_TEN = 7.7
"""Two less, and 3 %."""


@pytest.fixture
async def provider(database: Database, demo: UUID) -> Provider:
    return Provider(database, demo)


async def sends(
    provider: Provider, calls: int, *, tokens: int = 0, groups: int = 1
) -> list[Ruling]:
    """So many calls at once, in so many groups."""
    claims = await provider.claim(calls)
    asked = [provider.call(claim, tokens=tokens) for claim in claims]
    step = -(-calls // groups)
    rulings = await asyncio.gather(
        *(provider.ask(*asked[first : first + step]) for first in range(0, calls, step))
    )
    return list(itertools.chain(*rulings))


async def changed(provider: Provider, sql: str) -> None:
    connection = await asyncpg.connect(provider.database.dsn)
    await connection.execute(sql)
    await connection.close()


async def gate(provider: Provider) -> ModelHealth:
    await provider.models.note_listed((MODEL,), {MODEL})
    return await provider.health()


async def test_without_a_limit_nobody_waits(provider: Provider) -> None:
    """As many as are asked for leave at once, and as many jobs are given out."""
    rulings = await sends(provider, 30)
    assert {(ruling.verdict, ruling.send_in) for ruling in rulings} == {("granted", None)}


@pytest.mark.parametrize("groups", [1, 4])
async def test_calls_leave_one_after_another_whoever_asks(provider: Provider, groups: int) -> None:
    """No two are closer than the rate allows; what has no room within 3 s is told so."""
    await provider.models.set_limit(MODEL, TEN)
    rulings = await sends(provider, 28, groups=groups)
    granted = [r.send_in for r in rulings if r.verdict == "granted"]
    assert 23 <= len(granted) <= 26
    assert max(granted) <= 3
    connection = await asyncpg.connect(provider.database.dsn)
    rows = await connection.fetch("select send_at from public.provider_calls order by send_at")
    await connection.close()
    gaps = [b["send_at"] - a["send_at"] for a, b in itertools.pairwise(rows)]
    assert min(gaps).total_seconds() > 0.125
    late = [r for r in rulings if r.verdict != "granted"]
    assert {r.verdict for r in late} == {"rate_limited"}
    assert all(2 < r.gate_seconds < 3.5 for r in late)


async def test_urgent_calls_pass_first(provider: Provider) -> None:
    """Within a group, by priority."""
    await provider.models.set_limit(MODEL, TEN)
    claims = await provider.claim(5)
    calls = [provider.call(c, priority=p) for c, p in zip(claims, (1, 9, 5, 10, 3), strict=True)]
    delays = [ruling.send_in for ruling in await provider.ask(*calls)]
    assert sorted(range(5), key=delays.__getitem__) == [3, 1, 2, 4, 0]


async def test_tokens_are_reserved_and_what_was_wrong_about_them_is_settled(
    provider: Provider,
) -> None:
    """Each waits until those before it are earned, by the estimate and then by the truth."""
    await provider.models.set_limit(MODEL, Limit(100_000, 60_000))
    (claim,) = await provider.claim(1)
    calls = [provider.call(claim, tokens=200) for _ in range(5)]
    begun = time.monotonic()
    delays = sorted(ruling.send_in for ruling in await provider.ask(*calls))
    assert delays == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=0.05)
    ends = [
        CallEnd(UUID(call["call_id"]), True, 200, usage=Usage(used, 0), sign=Sign.GOOD)
        for call, used in zip(calls, (600, 300, 200, 200, 100), strict=True)
    ]
    await provider.store.end_calls(ends)
    (ruling,) = await provider.ask(provider.call(claim, tokens=1))
    # What is earned meanwhile is waited for no more.
    assert 1.35 - (time.monotonic() - begun) < ruling.send_in < 1.45


async def test_a_429_closes_the_gate_for_everybody(provider: Provider) -> None:
    """For as long as it asks; what was under way and refused too does not close it for longer."""
    await provider.models.set_limit(MODEL, TEN)
    (claim,) = await provider.claim(1)
    calls = [provider.call(claim) for _ in range(3)]
    await provider.ask(*calls)
    for call in calls:
        end = CallEnd(UUID(call["call_id"]), True, 429, "rate_limited", retry_after=20)
        await provider.store.end_calls([end])
    health = await gate(provider)
    assert 18 < health.limited_seconds <= 20
    assert health.rate == pytest.approx(SAFE_OF_TEN, abs=0.1)
    (ruling,) = await provider.ask(provider.call(claim))
    assert (ruling.verdict, 18 < ruling.gate_seconds <= 20) == ("rate_limited", True)
    await enqueue(provider.database, provider.row)
    assert await provider.store.claim(1, "w", 30, models=[MODEL]) == []


async def test_without_a_word_how_long_it_is_closed_for_longer_each_time(
    provider: Provider,
) -> None:
    """From a quarter of a second, until a call succeeds; then a 429 lowers the rate as well."""
    await provider.models.set_limit(MODEL, TEN)
    (claim,) = await provider.claim(1)
    open_now = "update public.prompt_model_gates set closed_until = 'epoch', next_at = now()"
    seen = []
    for sign in (Sign.NONE, Sign.NONE, Sign.NONE, Sign.GOOD, Sign.NONE):
        await changed(provider, open_now)
        call = provider.call(claim)
        await provider.ask(call)
        refused = sign is Sign.NONE
        await provider.store.end_calls(
            [
                CallEnd(
                    UUID(call["call_id"]), True, 429 if refused else 200,
                    "rate_limited" if refused else None, sign=sign,
                )
            ]
        )  # fmt: skip
        health = await gate(provider)
        seen.append((health.limited_seconds, health.rate))
    closed, rates = zip(*seen, strict=True)
    assert closed == pytest.approx((0.25, 0.5, 1.0, 0.0, 0.25), abs=0.1)
    assert rates[3] == pytest.approx(SAFE_OF_TEN, abs=0.1)
    assert rates[4] == pytest.approx(0.95 * SAFE_OF_TEN, abs=0.1)


async def test_the_rate_grows_to_the_limit_where_nothing_is_refused(provider: Provider) -> None:
    """Half a percent a second beyond the safe share; not within ten minutes of a 429."""
    await provider.models.set_limit(MODEL, TEN)
    await sends(provider, 1)
    past = "update public.prompt_model_gates set rate_at = rate_at - interval '20 s'"
    await changed(provider, past)
    assert (await gate(provider)).rate == pytest.approx(SAFE_OF_TEN + 1, abs=0.2)
    await changed(provider, f"{past}, held_until = now() + interval '1 minute'")
    assert (await gate(provider)).rate == pytest.approx(SAFE_OF_TEN, abs=0.01)


async def test_no_more_is_given_out_than_can_be_sent_soon(provider: Provider) -> None:
    """A second's worth, for all workers together; the rest waits where anybody finds it."""
    await provider.models.set_limit(MODEL, TEN)
    for _ in range(30):
        await enqueue(provider.database, provider.row)
    begun = time.monotonic()
    taken = [await provider.store.claim(10, f"w{n}", 30, models=[MODEL]) for n in range(3)]
    # A little more is earned while they claim.
    assert 8 <= sum(map(len, taken)) <= 11 + 10 * (time.monotonic() - begun)


async def test_after_a_crash_it_starts_paced(provider: Provider) -> None:
    """The table is empty then."""
    await provider.models.set_limit(MODEL, TEN)
    await sends(provider, 5)
    await changed(provider, "truncate public.prompt_model_gates")
    delays = sorted(ruling.send_in for ruling in await sends(provider, 5))
    assert delays == pytest.approx([n / SAFE_OF_TEN for n in range(5)], abs=0.05)


async def test_limits_change_at_once_and_settings_give_way_to_an_operator(
    provider: Provider,
) -> None:
    """What was learned under the old limit is forgotten; the act is in the log."""
    assert await provider.models.set_limit(MODEL, TEN)
    assert not await provider.models.set_limit(MODEL, TEN)
    assert await provider.models.set_limit(MODEL, Limit(100), by_hand=True, actor="cli:ada")
    assert not await provider.models.set_limit(MODEL, TEN)
    assert not await provider.models.set_limit(MODEL, None)
    rulings = await sends(provider, 20)
    assert max(ruling.send_in for ruling in rulings) < 0.3
    assert (await gate(provider)).requests_per_second == 100
    assert await provider.models.set_limit(MODEL, None, by_hand=True, actor="cli:ada")
    assert not await provider.models.set_limit(MODEL, TEN)
    assert {ruling.send_in for ruling in await sends(provider, 3)} == {None}
    acts = [(act.actor, act.act, act.reason) for act in await provider.models.acts(9)]
    assert acts == [
        ("cli:ada", "limited", "no limit"),
        ("cli:ada", "limited", "100 requests a second, any tokens a minute"),
    ]
