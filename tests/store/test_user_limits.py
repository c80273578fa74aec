"""What one user may use: money, open jobs, pictures, requests. SQL holds all of it."""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.jobs.outcome import CallEnd, Usage
from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.limit_store import EVERYBODY, LimitStore, UserLimits
from prompt_queue.store.prompt_store import Ruling
from tests.store.test_breakers import Provider

TEN_CALLS = UserLimits(usd_a_day=Decimal("0.10"))
ONE = "0.01"


@pytest.fixture
async def provider(database: Database, demo: UUID) -> Provider:
    return Provider(database, demo)


@pytest.fixture
def limits(database: Database) -> LimitStore:
    return LimitStore(database)


async def ask(provider: Provider, count: int, usd: str | None = ONE) -> list[Ruling]:
    """So many calls of so many jobs, each on its own, all at once."""
    claims = await provider.claim(count)
    rulings = await asyncio.gather(*(provider.ask(provider.call(c, usd=usd)) for c in claims))
    return [ruling for (ruling,) in rulings]


def granted(rulings: list[Ruling]) -> int:
    assert {ruling.verdict for ruling in rulings} <= {"granted", "user_budget"}
    return sum(ruling.verdict == "granted" for ruling in rulings)


async def test_of_a_hundred_at_once_a_budget_for_ten_lets_ten_pass(
    provider: Provider, limits: LimitStore
) -> None:
    """What each is expected to cost is reserved before the next one is looked at."""
    await limits.set(EVERYBODY, TEN_CALLS)
    rulings = await ask(provider, 100)
    assert granted(rulings) == 10
    refused = next(ruling for ruling in rulings if ruling.verdict == "user_budget")
    assert refused.day_left_seconds is not None
    assert 0 < refused.day_left_seconds <= 86_400
    assert await limits.spent_today(DEMO_USER_ID) == Decimal("0.10")


async def test_calls_of_one_statement_share_a_budget(
    provider: Provider, limits: LimitStore
) -> None:
    """A worker asks for many calls at once; together they may not cost more either."""
    await limits.set(EVERYBODY, TEN_CALLS)
    claims = await provider.claim(30)
    rulings = await provider.ask(*(provider.call(claim, usd=ONE) for claim in claims))
    assert granted(list(rulings)) == 10


async def test_what_calls_did_cost_counts_once_it_is_known(
    provider: Provider, limits: LimitStore
) -> None:
    """A cheaper answer and one that failed leave room; one that was never answered does not."""
    await limits.set(EVERYBODY, UserLimits(usd_a_day=Decimal("0.03")))
    claims = await provider.claim(3)
    calls = [provider.call(claim, usd=ONE) for claim in claims]
    assert granted(list(await provider.ask(*calls))) == 3
    cheap, failed, lost = (UUID(call["call_id"]) for call in calls)
    await provider.store.end_calls([
        CallEnd(cheap, True, 200, usage=Usage(cost_usd=Decimal("0.002"))),
        CallEnd(failed, True, 503, "provider_unavailable"),
        CallEnd(lost, False, None, "provider_timeout"),
    ])  # fmt: skip
    assert await limits.spent_today(DEMO_USER_ID) == Decimal("0.012")
    assert granted(await ask(provider, 5)) == 1


async def test_a_call_that_costs_more_than_expected_leaves_nothing(
    provider: Provider, limits: LimitStore
) -> None:
    """Then not even a call whose price nobody knows may leave."""
    await limits.set(EVERYBODY, UserLimits(usd_a_day=Decimal("0.03")))
    (claim,) = await provider.claim(1)
    call = provider.call(claim, usd=ONE)
    await provider.ask(call)
    end = CallEnd(UUID(call["call_id"]), True, 200, usage=Usage(cost_usd=Decimal(1)))
    await provider.store.end_calls([end])
    assert granted(await ask(provider, 1, None)) == 0


async def test_yesterdays_calls_do_not_count(provider: Provider, limits: LimitStore) -> None:
    """The day begins at midnight UTC."""
    await limits.set(EVERYBODY, TEN_CALLS)
    assert granted(await ask(provider, 12)) == 10
    connection = await asyncpg.connect(provider.database.dsn)
    await connection.execute(
        "update provider_calls set started_at = date_trunc('day', now() at time zone 'utc') "
        "at time zone 'utc' - interval '1 millisecond'"
    )
    await connection.close()
    assert granted(await ask(provider, 12)) == 10


async def test_users_have_budgets_of_their_own(provider: Provider, limits: LimitStore) -> None:
    """A user's own row counts instead of that of everybody, and can be taken back."""
    await limits.set(EVERYBODY, TEN_CALLS)
    await limits.set(DEMO_USER_ID, UserLimits(usd_a_day=Decimal("0.02")), by_hand=True)
    assert granted(await ask(provider, 5)) == 2
    await limits.set(uuid4(), UserLimits(usd_a_day=Decimal(0)), by_hand=True)
    assert granted(await ask(provider, 1)) == 0
    assert await limits.forget(DEMO_USER_ID, "operator")
    assert granted(await ask(provider, 20)) == 8
    assert not await limits.forget(DEMO_USER_ID, "operator")


async def test_without_a_limit_everything_may_leave(provider: Provider) -> None:
    """Nothing is set by default."""
    assert granted(await ask(provider, 30, "1000")) == 30


async def test_a_process_does_not_undo_what_an_operator_set(limits: LimitStore) -> None:
    """Settings give way; both are told apart in the audit."""
    assert await limits.set(EVERYBODY, TEN_CALLS)
    assert not await limits.set(EVERYBODY, TEN_CALLS)
    by_hand = UserLimits(queued=3)
    assert await limits.set(EVERYBODY, by_hand, by_hand=True, actor="ann")
    assert not await limits.set(EVERYBODY, TEN_CALLS)
    assert await limits.of(DEMO_USER_ID) == by_hand


async def test_a_raised_budget_wakes_what_waits_for_it(
    provider: Provider, limits: LimitStore
) -> None:
    """Without that, jobs look again when the day is over."""
    (claim,) = await provider.claim(1)
    outcome = {
        "job_id": str(claim.job_id), "lease_token": str(claim.lease_token),
        "outcome": "postponed", "delay_seconds": 9000, "error": "Wait.",
        "error_code": "user_budget",
    }  # fmt: skip
    (settled,) = await provider.store.settle([outcome])
    assert settled.applied
    assert await provider.store.claim(1, "w", 30) == []
    await limits.set(uuid4(), TEN_CALLS, by_hand=True)
    assert await provider.store.claim(1, "w", 30) == []
    await limits.set(EVERYBODY, TEN_CALLS)
    assert [one.job_id for one in await provider.store.claim(1, "w", 30)] == [claim.job_id]


class Door:
    """Enqueues as the HTTP side does: asked and queued in one transaction."""

    def __init__(self, database: Database, row: UUID) -> None:
        self._database = database
        self._row = row

    async def enter(self, prompts: int = 1, pictures: int = 0) -> Any:
        async with self._database.transaction() as transaction:
            verdict = await transaction.row("admit", DEMO_USER_ID, prompts, pictures)
            if verdict["verdict"] == "admitted" and pictures:
                await transaction.row(
                    "create_picture_job", self._row,
                    {"prompt": "p", "target_url": "https://example.com/a.jpg", "count": pictures,
                     "generation_model": "seedream"}, DEMO_USER_ID, uuid4(), None,
                )  # fmt: skip
            elif verdict["verdict"] == "admitted":
                await transaction.row(
                    "enqueue", self._row, "https://example.com/a.jpg", [], 5, DEMO_USER_ID, 3,
                    uuid4(), {},
                )  # fmt: skip
            return verdict


async def test_of_fifty_at_once_as_many_as_may_be_open_get_in(
    database: Database, demo: UUID, limits: LimitStore
) -> None:
    """Each waits until the one before it is counted; those that have ended make room."""
    await limits.set(EVERYBODY, UserLimits(queued=7))
    door = Door(database, demo)
    verdicts = await asyncio.gather(*(door.enter() for _ in range(50)))
    assert sum(one["verdict"] == "admitted" for one in verdicts) == 7
    assert {one["allowed"] for one in verdicts} == {None, 7}
    provider = Provider(database, demo)
    claim, *_ = await provider.store.claim(7, "w", 30)
    assert (await door.enter())["verdict"] == "too_many_queued"
    await provider.store.cancel(claim.job_id)
    assert (await door.enter())["verdict"] == "admitted"


async def test_pictures_are_counted_by_the_day(
    database: Database, demo: UUID, limits: LimitStore
) -> None:
    """Also those that have ended; prompts go on."""
    await limits.set(EVERYBODY, UserLimits(pictures_a_day=5))
    door = Door(database, demo)
    verdicts = await asyncio.gather(*(door.enter(0, 2) for _ in range(10)))
    assert sum(one["verdict"] == "admitted" for one in verdicts) == 2
    late = next(one for one in verdicts if one["verdict"] == "too_many_pictures")
    assert 0 < late["retry_seconds"] <= 86_400
    assert (await door.enter())["verdict"] == "admitted"


async def test_a_bucket_of_requests_fills_by_the_clock_of_the_database(
    database: Database,
) -> None:
    """At most the burst at once, then the rate; whoever asks, and after a restart."""
    user = uuid4()

    async def take(wanted: int) -> tuple[int, float]:
        row = await database.row("take_requests", user, wanted, 5.0, 20.0)
        assert row is not None
        return row["taken"], row["next_seconds"]

    takes = await asyncio.gather(*(take(3) for _ in range(10)))
    assert 20 <= sum(taken for taken, _ in takes) <= 22
    taken, wait = await take(5)
    assert taken <= 1
    assert 0 < wait <= 0.2
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(
        "update prompt_user_rates set counted_at = counted_at - interval '2 seconds'"
    )
    await connection.close()
    assert 10 <= (await take(100))[0] <= 12


async def test_a_plain_insert_is_not_refused(
    database: Database, demo: UUID, limits: LimitStore
) -> None:
    """Limits on open jobs are for who asks over HTTP; the user's own code knows what it does."""
    await limits.set(EVERYBODY, UserLimits(queued=1))
    connection = await asyncpg.connect(database.dsn)
    await connection.executemany(
        "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url) "
        "select $1, r.model_id, r.user_id, 'https://example.com/a.jpg' "
        "from model_rows r where r.id = $1",
        [(demo,)] * 3,
    )
    await connection.close()
    door = Door(database, demo)
    assert (await door.enter())["verdict"] == "too_many_queued"
