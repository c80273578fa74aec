"""What was promised about waits is written down, and compared with what came of it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.jobs.eta import Expectation, Forecast, Pace
from prompt_queue.jobs.outcome import Done, GeneratedPrompt
from prompt_queue.store.database import Database
from prompt_queue.store.migrate import migrate, read_migrations
from prompt_queue.store.prompt_store import PromptStore
from prompt_queue.store.rows import outcome_as_json
from prompt_queue.store.wait_store import Leg, Promise, WaitStore
from tests.store.test_claim_and_settle import enqueue

DONE = Done(GeneratedPrompt(text="Paint it blue.", model="grok-4.7"))
HOUR = 3600.0


def promise(start: float = HOUR, done: float = HOUR, leg: Leg = "prompt") -> Promise:
    """Nine of ten begin and end within so many seconds."""
    return Promise(
        leg=leg, priority=5,
        expected=Expectation(start=1.0, start_spread=2.0, done=3.0, done_spread=4.0),
        forecast=Forecast(start_p50=1.0, start_p90=start, done_p50=3.0, done_p90=done),
    )  # fmt: skip


@dataclass
class Desk:
    """Makes promises and jobs."""

    database: Database
    row: UUID
    waits: WaitStore
    store: PromptStore

    async def promised(self, **values: Any) -> UUID:
        job = await enqueue(self.database, self.row)
        await self.waits.note(job, promise(**values))
        return job

    async def work(self) -> UUID:
        (claim,) = await self.store.claim(1, "w", 30)
        await self.store.settle([outcome_as_json(claim, DONE)])
        return claim.job_id

    async def read(self, job: UUID) -> asyncpg.Record:
        connection = await asyncpg.connect(self.database.dsn, statement_cache_size=0)
        try:
            return await connection.fetchrow(
                "select * from public.prompt_promises where job_id = $1", job
            )
        finally:
            await connection.close()

    async def kept(self) -> dict[str, tuple[int, int]]:
        return {one.kind: (one.kept, one.scored) for one in await self.waits.coverage()}


@pytest.fixture
def desk(database: Database, demo: UUID) -> Desk:
    return Desk(database, demo, WaitStore(database), PromptStore(database))


async def test_a_promise_that_was_kept(desk: Desk) -> None:
    """Start and end are known as soon as the job has ended."""
    job = await desk.promised()
    assert await desk.waits.score() == 0
    await desk.work()
    assert await desk.waits.score() == 1
    row = await desk.read(job)
    assert (row["start_kept"], row["done_kept"]) == (True, True)
    assert (row["start_due_at"], row["done_due_at"]) == (None, None)
    assert row["started_at"] <= row["ended_at"]
    ended = (row["ended_at"] - row["made_at"]).total_seconds()
    assert row["done_error"] == pytest.approx((ended - 3.0) / 4.0)
    assert await desk.kept() == {"start": (1, 1), "done": (1, 1)}
    assert await desk.waits.score() == 0


async def test_a_promise_that_is_overdue_is_broken_at_once(desk: Desk) -> None:
    """Not only when the job has ended; its error is then at least what has passed."""
    job = await desk.promised(start=0.0, done=0.0)
    assert await desk.waits.score() == 1
    assert await desk.kept() == {"start": (0, 1), "done": (0, 1)}
    row = await desk.read(job)
    assert (row["started_at"], row["start_error"] > -0.5) == (None, True)
    await desk.work()
    await desk.waits.score()
    assert await desk.kept() == {"start": (0, 1), "done": (0, 1)}


async def test_half_a_promise_may_be_kept(desk: Desk) -> None:
    job = await desk.promised(done=0.0)
    await desk.work()
    await desk.waits.score()
    row = await desk.read(job)
    assert (row["start_kept"], row["done_kept"]) == (True, False)


async def test_a_cancelled_job_says_nothing_about_promises(desk: Desk) -> None:
    """Neither does one that was deleted."""
    cancelled = await desk.promised(start=0.0, done=0.0)
    await desk.waits.note(uuid4(), promise(0.0, 0.0))
    await desk.store.cancel(cancelled)
    assert await desk.waits.score() == 2
    assert await desk.kept() == {}
    assert await desk.waits.score() == 0


async def test_what_was_tested_is_what_the_next_forecast_learns_from(desk: Desk) -> None:
    """The newest first, each with what had been expected."""
    assert (await desk.waits.tests("prompt")).starts == []
    for _ in range(3):
        await desk.promised()
        await desk.work()
        await desk.waits.score()
    tests = await desk.waits.tests("prompt")
    assert [(one.expected, one.kept) for one in tests.starts] == [(1.0, True)] * 3
    assert [one.expected for one in tests.ends] == [3.0] * 3
    assert (await desk.waits.tests("picture")).ends == []
    pace = await desk.waits.pace()
    assert 0 < pace.median <= pace.p90 < 10


async def test_without_any_measurement_a_guess_stands_in(desk: Desk) -> None:
    guess = Pace(slot=1.0, median=2.0, p90=3.0)
    assert await desk.waits.picture_pace(guess) == guess
    assert (await desk.waits.pace()).median == 10.0
    assert await desk.waits.arrivals() == {}
    await enqueue(desk.database, desk.row, priority=7)
    assert set(await desk.waits.arrivals()) == {7}
    assert await desk.waits.lanes() == {7: 1}


async def test_old_promises_are_forgotten(desk: Desk) -> None:
    await desk.promised()
    assert await desk.waits.prune(7) == 0
    assert await desk.waits.prune(0) == 1


async def test_promises_of_before_there_was_a_tally_are_in_it(empty_database_url: str) -> None:
    """Whoever upgrades keeps what was published about the last day."""
    migrations = read_migrations()
    before = [one for one in migrations if one.version < "20261126191000"]
    await migrate(empty_database_url, before)
    connection = await asyncpg.connect(empty_database_url, statement_cache_size=0)
    await connection.execute(
        "insert into prompt_promises (job_id, leg, priority, start_base, start_spread, start_p50, "
        "start_p90, done_base, done_spread, done_p50, done_p90, start_kept, done_kept, "
        "start_scored_at, done_scored_at) select gen_random_uuid(), l.leg, 5, 1, 1, 1, 1, 1, 1, 1, "
        "1, n < 3, n < 2, now(), case when n < 4 then now() end "
        "from generate_series(1, 4) n, (values ('prompt'), ('picture')) l (leg)"
    )
    await connection.close()
    await migrate(empty_database_url, migrations)
    database = await Database.open(empty_database_url, size=1)
    found = {one.kind: (one.kept, one.scored) for one in await WaitStore(database).coverage()}
    await database.close()
    assert found == {"start": (2, 4), "done": (1, 3), "picture": (1, 3)}
