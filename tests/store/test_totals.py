"""Totals only grow: nothing is counted twice, left out or taken back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from prompt_queue.api.exposition import BOUNDS
from prompt_queue.store.database import Database
from prompt_queue.store.measure_store import MeasureStore
from tests.conftest import until

EVENT = "insert into prompt_job_events (job_id, user_id, kind) values ($1, $1, $2)"


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the test's own database."""
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    yield connection
    await connection.close()


async def total(database: Database, kind: str) -> float:
    """How many events of a kind are counted after another look."""
    measures = await MeasureStore(database).measures()
    return measures.totals.get(("events", (kind,)), 0.0)


async def until_counted(database: Database, kind: str, expected: int) -> None:
    """Other tests of this server write too, so that counting may take a moment."""

    async def counted() -> bool:
        return await total(database, kind) == expected

    await until(counted, every=0.1)


async def test_an_event_that_commits_late_is_counted(
    database: Database, sql: asyncpg.Connection
) -> None:
    """A number below what was seen already is not skipped, and none counts twice."""
    job = uuid4()
    held = sql.transaction()
    await held.start()
    await sql.execute(EVENT, job, "late")
    async with database.transaction() as other:
        await other._connection.execute(EVENT, job, "early")
    for _ in range(3):
        assert await total(database, "late") == 0
    await held.commit()
    await until_counted(database, "late", 1)
    await until_counted(database, "early", 1)
    for _ in range(3):
        await total(database, "early")
    assert (await total(database, "early"), await total(database, "late")) == (1, 1)


async def test_what_was_pruned_stays_counted(database: Database, sql: asyncpg.Connection) -> None:
    """Events and calls go after their days; their counts do not."""
    await sql.execute(EVENT, uuid4(), "queued")
    for age, state in ((60, "answered"), (60, "sent"), (0, "answered")):
        await sql.execute(
            "insert into provider_calls (call_id, job_id, user_id, model, state, cost_usd, "
            "started_at) values ($1, $1, $1, 'grok', $2, 0.5, "
            "clock_timestamp() - $3 * interval '1 minute')",
            uuid4(), state, age,
        )  # fmt: skip
    await until_counted(database, "queued", 1)
    expected: Any = {("prompt", "grok", "ok"): 2, ("prompt", "grok", "unanswered"): 1}
    assert await calls(database) == expected
    await sql.execute("delete from prompt_job_events")
    await sql.execute("delete from provider_calls where started_at < now() - interval '1 minute'")
    assert await calls(database) == expected
    assert await total(database, "queued") == 1


async def calls(database: Database) -> dict[tuple[str, ...], float]:
    """The counted calls."""
    measures = await MeasureStore(database).measures()
    return {labels: value for (name, labels), value in measures.totals.items() if name == "calls"}


async def test_a_call_without_an_answer_is_waited_for(
    database: Database, sql: asyncpg.Connection
) -> None:
    """What began after it counts all the same, and it counts as what it turns out to be."""
    open_call = uuid4()
    for call, minutes, state in (
        (uuid4(), 5, "answered"), (open_call, 4, "sent"), (uuid4(), 3, "answered"),
    ):  # fmt: skip
        await sql.execute(
            "insert into provider_calls (call_id, job_id, user_id, model, state, started_at) "
            "values ($1, $1, $1, 'grok', $2, clock_timestamp() - $3 * interval '1 minute')",
            call, state, minutes,
        )  # fmt: skip
    passed = (
        "select count(*) from provider_calls c "
        "join prompt_queue_totals_read r on c.started_at <= r.calls_until"
    )
    for _ in range(2):
        assert await calls(database) == {("prompt", "grok", "ok"): 2}
    assert await sql.fetchval(passed) == 1
    await sql.execute(
        "update provider_calls set state = 'answered', error_code = 'transient' where call_id = $1",
        open_call,
    )
    for _ in range(2):
        assert await calls(database) == {
            ("prompt", "grok", "ok"): 2,
            ("prompt", "grok", "transient"): 1,
        }
    assert await sql.fetchval(passed) == 3


async def test_many_looks_at_once_count_once(database: Database, sql: asyncpg.Connection) -> None:
    """Servers and janitors sum up at the same time; one does it, the others read."""
    for _ in range(20):
        await sql.execute(EVENT, uuid4(), "queued")
    await asyncio.gather(*(total(database, "queued") for _ in range(8)))
    await until_counted(database, "queued", 20)


async def test_each_bucket_has_a_bound_that_is_shown(
    database: Database, sql: asyncpg.Connection, demo: UUID
) -> None:
    """The bounds in SQL are those of the histograms."""
    seconds = [float(bound) for bound in BOUNDS[:-1]] + [9999.0]
    for taken in seconds:
        job = await sql.fetchval(
            "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, status, "
            "generated_prompt, created_at, started_at, completed_at) select r.id, r.model_id, "
            "m.user_id, 'https://e.com/t', 'completed', 'Blue.', now() - $2 * interval '1 second', "
            "now(), now() from model_rows r join models m on m.id = r.model_id where r.id = $1 "
            "returning id",
            demo, taken,
        )  # fmt: skip
        await sql.execute(EVENT, job, "completed")
    await until_counted(database, "completed", len(seconds))
    found = (await MeasureStore(database).measures()).totals
    assert {bound: found.get(("wait_bucket", (bound,))) for bound in BOUNDS} == dict.fromkeys(
        BOUNDS, 1.0
    )
