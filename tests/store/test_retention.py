"""Many retries at once, and what is forgotten when."""

import asyncpg
import pytest

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_USER_ID
from prompt_queue.store.database import Database
from prompt_queue.store.operator_store import FailedJobs, OperatorStore, Retention
from tests.store.test_order import sql, user_with_jobs

__all__ = ["sql"]
MANY = 10_000
FOR_EVER = Retention(jobs_days=0, events_days=0, ledger_days=0)


@pytest.fixture
def operator(database: Database) -> OperatorStore:
    return OperatorStore(database)


async def ended(
    sql: asyncpg.Connection, row: object, status: str, jobs: int, *, days: float = 0, code: str = ""
) -> None:
    """Final jobs that ended so many days ago."""
    await sql.execute(
        "insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, status, "
        "generated_prompt, error_code, completed_at, updated_at) "
        "select $1, $2, $3, 'https://e.com/t', $4, 'Done.', nullif($5, ''), t.at, t.at "
        "from (select clock_timestamp() - make_interval(secs => $6 * 86400) "
        "- n * interval '1 second' as at from generate_series(1, $7::int) n) t",
        row,
        DEMO_MODEL_ID,
        DEMO_USER_ID,
        status,
        code,
        days,
        jobs,
    )


async def test_failed_jobs_go_back_by_class(
    sql: asyncpg.Connection, operator: OperatorStore, demo: object
) -> None:
    """Of 10,000 failures the filter finds its own, each is reopened once and has its event."""
    await ended(sql, demo, "failed", MANY, code="invalid_input")
    await ended(sql, demo, "failed", 500, code="provider_timeout")
    which = FailedJobs(error_code="provider_timeout")
    assert await operator.retry_many(which, 200, "tester") == 200
    assert await operator.retry_many(which, 1000, "tester") == 300
    assert await operator.retry_many(which, 1000, "tester") == 0
    counted = await sql.fetchrow(
        "select (select count(*) from prompt_job_queue) as queued, "
        "(select count(*) from prompt_job_events where kind = 'retried') as events, "
        "(select count(*) from prompt_generation_jobs where status = 'failed') as failed"
    )
    assert tuple(counted) == (500, 500, MANY)


async def test_old_final_jobs_are_pruned_and_nothing_else(
    sql: asyncpg.Connection, operator: OperatorStore, demo: object
) -> None:
    """10,000 old jobs go, in batches; young ones, open ones and those that `jobs` names stay."""
    for status in ("completed", "failed", "cancelled"):
        await ended(sql, demo, status, MANY // 3, days=91)
        await ended(sql, demo, status, 5, days=89)
    await user_with_jobs(sql, 3)
    await sql.execute("update prompt_generation_jobs set created_at = '2001-01-01'")
    await sql.execute(
        "insert into jobs (prompt_job_id) select id from prompt_generation_jobs "
        "where status = 'completed' order by completed_at limit 1200"
    )
    keep = Retention(jobs_days=90, events_days=0, ledger_days=0)
    pruned = await operator.prune(keep, batch=500)
    assert pruned.jobs == MANY // 3 * 3 - 1200
    left = await sql.fetch(
        "select status, count(*) from prompt_generation_jobs group by 1 order by 1"
    )
    assert [tuple(row) for row in left] == [
        ("cancelled", 5),
        ("completed", 1205),
        ("failed", 5),
        ("queued", 3),
    ]
    assert (await operator.prune(keep, batch=500)).jobs == 0


async def test_zero_days_keep_everything(
    sql: asyncpg.Connection, operator: OperatorStore, demo: object
) -> None:
    """0 means for ever."""
    await ended(sql, demo, "completed", 10, days=5000)
    pruned = await operator.prune(FOR_EVER)
    assert (pruned.jobs, pruned.events, pruned.calls) == (0, 0, 0)


async def test_events_and_ledger_have_their_own_clocks(
    sql: asyncpg.Connection, operator: OperatorStore
) -> None:
    """Old events and calls go by their own age; calls of an open job stay, they bound it."""
    await user_with_jobs(sql, 1)
    job, user = await sql.fetchrow("select job_id, user_id from prompt_job_queue")
    await sql.execute(
        "insert into prompt_job_events (job_id, user_id, kind, created_at) "
        "select gen_random_uuid(), $1, 'queued', clock_timestamp() - interval '91 days' "
        "from generate_series(1, 1200)",
        user,
    )
    await sql.execute(
        "insert into provider_calls (call_id, job_id, user_id, model, started_at) "
        "select gen_random_uuid(), case n when 1 then $1 else gen_random_uuid() end, $2, 'm', "
        "clock_timestamp() - make_interval(days => case when n <= 30 then 800 else 1 end) "
        "from generate_series(1, 50) n",
        job,
        user,
    )
    # The one event of the open job is younger and stands before the old ones.
    pruned = await operator.prune(Retention(jobs_days=0, events_days=90, ledger_days=730), 500)
    assert (pruned.events, pruned.calls) == (1200, 29)
    assert await sql.fetchval("select count(*) from prompt_job_events") == 1
