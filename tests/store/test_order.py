"""Who is next among 10,000 queued jobs: fairness, ageing, the in-flight cap, pauses."""

from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.jobs.outcome import Done, GeneratedPrompt, Released
from prompt_queue.store.database import Database
from prompt_queue.store.operator_store import OperatorStore
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json

MANY = 10_000
DONE = Done(GeneratedPrompt(text="Paint the wall blue.", model="grok-4.7"))


@pytest.fixture
def store(database: Database) -> PromptStore:
    return PromptStore(database)


@pytest.fixture
async def sql(database_url: str, database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    yield connection
    await connection.close()


async def user_with_jobs(sql: asyncpg.Connection, jobs: int, priority: int = 5) -> UUID:
    """A new user, whose jobs come in one statement."""
    user, model, row = uuid4(), uuid4(), uuid4()
    await sql.execute("insert into auth.users (id) values ($1)", user)
    await sql.execute("insert into models (id, user_id) values ($1, $2)", model, user)
    await sql.execute(
        "insert into model_rows (id, model_id, user_id) values ($1, $2, $3)", row, model, user
    )
    await sql.execute(
        "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, priority) "
        "select $1, $2, $3, 'https://e.com/t', $4 from generate_series(1, $5::int)",
        row,
        model,
        user,
        priority,
        jobs,
    )
    return user


async def test_a_crowd_of_one_user_delays_another_by_a_handful_of_claims(
    sql: asyncpg.Connection, store: PromptStore
) -> None:
    """One job behind another user's 10,000 of the same priority is among the next three."""
    await user_with_jobs(sql, MANY)
    single = await user_with_jobs(sql, 1)
    assert single in {claim.user_id for claim in await store.claim(3, "w", 30)}


async def test_two_crowds_share_the_workers_equally(
    sql: asyncpg.Connection, store: PromptStore
) -> None:
    """Whoever came first, the next hundred jobs are fifty of each."""
    first = await user_with_jobs(sql, MANY // 2)
    second = await user_with_jobs(sql, MANY // 2)
    counted = Counter(claim.user_id for claim in await store.claim(100, "w", 30))
    assert counted[first] in {50, 51}
    assert counted[second] in {49, 50}


async def test_among_equals_the_oldest_is_first(
    sql: asyncpg.Connection, store: PromptStore
) -> None:
    """Two hundred users with one job each are served in the order in which they came."""
    users = [await user_with_jobs(sql, 1) for _ in range(200)]
    served = []
    while claims := await store.claim(7, "w", 30):
        served += [claim.user_id for claim in claims]
    assert served == users


async def test_newcomers_cannot_starve_a_user_who_waits(
    sql: asyncpg.Connection, store: PromptStore
) -> None:
    """While new users keep coming, a user's third job still gets its turn."""
    crowd = await user_with_jobs(sql, 20)
    seen = 0
    for _ in range(40):
        for _ in range(2):
            await user_with_jobs(sql, 1)
        seen += sum(claim.user_id == crowd for claim in await store.claim(2, "w", 30))
    assert seen >= 3


async def test_waiting_counts_as_priority(sql: asyncpg.Connection, store: PromptStore) -> None:
    """A job of priority 1 that has waited nine steps and more goes before 10,000 new tens."""
    await store.configure(ageing_seconds=60)
    low = await user_with_jobs(sql, 2, priority=1)
    tens = await user_with_jobs(sql, MANY, priority=10)
    assert low not in {claim.user_id for claim in await store.claim(5, "w", 30)}
    age = (
        "update prompt_job_queue set enqueued_at = enqueued_at - make_interval(secs => $2) "
        "where user_id = $1"
    )
    await sql.execute(age, low, 8 * 60.0)
    assert low not in {claim.user_id for claim in await store.claim(5, "w", 30)}
    await sql.execute(age, low, 70.0)
    users = [claim.user_id for claim in await store.claim(3, "w", 30)]
    assert users == [low, low, tens]


async def test_a_user_has_no_more_in_flight_than_the_cap(
    sql: asyncpg.Connection, store: PromptStore
) -> None:
    """With a cap of 2, a user with 10,000 jobs holds two, the others are not held up."""
    await store.configure(user_in_flight_cap=2)
    crowd = await user_with_jobs(sql, MANY)
    others = [await user_with_jobs(sql, 1) for _ in range(5)]
    held = await store.claim(10, "w", 30)
    while more := await store.claim(10, "w", 30):
        held += more
    counted = Counter(claim.user_id for claim in held)
    assert counted == Counter({crowd: 2} | dict.fromkeys(others, 1))
    mine = [claim for claim in held if claim.user_id == crowd]
    await store.settle([outcome_as_json(mine[0], DONE)])
    (next_one,) = await store.claim(10, "w", 30)
    assert next_one.user_id == crowd
    await store.settle([outcome_as_json(mine[1], Released())])
    assert len(await store.claim(10, "w", 30)) == 1
    leased = await sql.fetchval(
        "select count(*) from prompt_job_queue where user_id = $1 and state = 'leased'", crowd
    )
    assert leased == 2


async def test_without_a_cap_everybody_comes_back(
    sql: asyncpg.Connection, store: PromptStore
) -> None:
    """Jobs that were set aside are claimable again when the cap is taken away."""
    await store.configure(user_in_flight_cap=1)
    await user_with_jobs(sql, 300)
    assert len(await store.claim(10, "w", 30)) == 1
    await store.configure(user_in_flight_cap=None)
    assert len(await store.claim(200, "w", 30)) == 200


async def test_a_paused_queue_gives_out_nothing_and_loses_nothing(
    sql: asyncpg.Connection, store: PromptStore, database: Database
) -> None:
    """Pause and resume may be repeated; jobs come in meanwhile and wait."""
    operator = OperatorStore(database)
    await user_with_jobs(sql, MANY)
    assert await operator.pause(None, "repairs", "tester")
    assert not await operator.pause(None, "again", "tester")
    await user_with_jobs(sql, 1)
    assert await store.claim(10, "w", 30) == []
    (pause,) = await operator.pauses()
    assert (pause.model, pause.reason, pause.actor) == (None, "repairs", "tester")
    stats = await store.stats()
    assert (stats.paused, stats.total_queued) == (True, MANY + 1)
    assert await operator.resume(None)
    assert not await operator.resume(None)
    assert len(await store.claim(10, "w", 30)) == 10


async def test_a_paused_model_gets_no_call(
    sql: asyncpg.Connection, store: PromptStore, database: Database
) -> None:
    """A worker whose models are all paused claims nothing; a call to one is refused."""
    operator = OperatorStore(database)
    await user_with_jobs(sql, 2)
    (claim,) = await store.claim(1, "w", 30, models=["a", "b"])
    await operator.pause("a", None, "tester")
    rulings = await store.begin_calls(
        [
            {
                "call_id": str(uuid4()),
                "job_id": str(claim.job_id),
                "lease_token": str(claim.lease_token),
                "model": model,
            }
            for model in ("a", "b")
        ]
    )
    assert sorted(ruling.verdict for ruling in rulings.values()) == ["granted", "model_paused"]
    await operator.pause("b", None, "tester")
    assert await store.claim(1, "w", 30, models=["a", "b"]) == []
    await operator.resume("a")
    assert len(await store.claim(1, "w", 30, models=["a", "b"])) == 1


async def test_no_heartbeat_keeps_a_lease_beyond_its_attempt(
    sql: asyncpg.Connection, store: PromptStore
) -> None:
    """A loop that beats but never ends loses the job at the absolute deadline."""
    await user_with_jobs(sql, 1)
    (claim,) = await store.claim(1, "w", 30, attempt_seconds=40)
    await store.heartbeat({claim.job_id: claim.lease_token}, 3600)
    left = await sql.fetchval(
        "select extract(epoch from lease_until - clock_timestamp())::float8 from prompt_job_queue"
    )
    assert 30 < left <= 40
