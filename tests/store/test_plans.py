"""Hot statements touch few rows, however many there are: no plan may fall back to a full scan."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_USER_ID

QUEUED = 20_000
OURS = ("prompt_generation_jobs", "prompt_job_queue", "prompt_job_events", "provider_calls", "jobs")

CLAIM = "select id, lease_token from claim_prompt_jobs(3, 'planner', 30)"
SETTLE = """
select settle_prompt_jobs(jsonb_build_array(jsonb_build_object(
  'job_id', $1::uuid, 'lease_token', $2::uuid, 'outcome', 'completed', 'prompt', 'Blue.')))
"""
HEARTBEAT = "select heartbeat_prompt_jobs(array[$1::uuid], array[$2::uuid], 30)"
BEGIN_CALL = """
select * from begin_provider_calls(jsonb_build_array(jsonb_build_object(
  'call_id', gen_random_uuid(), 'job_id', $1::uuid, 'lease_token', $2::uuid, 'model', 'm')))
"""
CANCEL = "select * from cancel_prompt_job($1)"
POSITION = "select prompt_job_position($1)"
REAP = "select free_expired_prompt_leases()"
WAKE = "select wake_due_prompt_jobs()"


@pytest.fixture
async def crowded(database_url: str, demo: UUID) -> AsyncIterator[asyncpg.Connection]:
    """20,000 queued jobs, as many completed ones, and statistics from when it was empty."""
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    await connection.execute("analyze")
    for status, prompt in (("queued", None), ("completed", "Done.")):
        await connection.execute(
            "insert into prompt_generation_jobs "
            "(row_id, model_id, user_id, target_url, priority, status, generated_prompt) "
            "select $1, $2, $3, 'https://e.com/t', 1 + n % 10, $4, $5 "
            "from generate_series(1, $6) n",
            demo,
            DEMO_MODEL_ID,
            DEMO_USER_ID,
            status,
            prompt,
            QUEUED,
        )
    await connection.execute(
        "insert into jobs (prompt_job_id) select job_id from prompt_job_queue limit 5000"
    )
    yield connection
    await connection.close()


async def touched(
    connection: asyncpg.Connection, statement: str, *arguments: object
) -> tuple[int, int]:
    """Full scans, and rows read, that one statement caused on our tables."""
    counters = (
        "select coalesce(sum(seq_scan), 0) as scans, "
        "coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) as rows "
        "from pg_stat_xact_user_tables where relname = any ($1)"
    )
    async with connection.transaction():
        before = await connection.fetchrow(counters, list(OURS))
        await connection.fetch(statement, *arguments)
        after = await connection.fetchrow(counters, list(OURS))
    return int(after["scans"] - before["scans"]), int(after["rows"] - before["rows"])


async def test_claim_and_the_writes_about_a_claim_read_a_handful_of_rows(
    crowded: asyncpg.Connection,
) -> None:
    """Claim, intent, heartbeat, settle and cancel use indexes, with statistics old and new."""
    for fresh in (False, True):
        if fresh:
            await crowded.execute("analyze")
        # The heads of ten lanes, and what is taken.
        assert await touched(crowded, CLAIM) <= (0, 40)
        first, second, third = await crowded.fetch(CLAIM)
        for statement in (BEGIN_CALL, HEARTBEAT, SETTLE):
            scans, rows = await touched(crowded, statement, first["id"], first["lease_token"])
            assert (scans, rows <= 20) == (0, True), (statement, scans, rows)
        scans, rows = await touched(crowded, CANCEL, second["id"])
        assert (scans, rows <= 20) == (0, True), (scans, rows)
        assert (await touched(crowded, REAP))[0] == 0
        assert await touched(crowded, WAKE) == (0, 0)
        await crowded.execute("select cancel_prompt_job($1)", third["id"])


async def test_a_position_costs_at_most_what_it_counts(crowded: asyncpg.Connection) -> None:
    """The last of 20,000 is answered after 1,000 rows, as "1,000 or more"."""
    last = await crowded.fetchval(
        "select job_id from prompt_job_queue order by priority, claim_key desc limit 1"
    )
    await crowded.execute("vacuum analyze prompt_job_queue")
    scans, rows = await touched(crowded, POSITION, last)
    assert (scans, rows <= 1_010) == (0, True), (scans, rows)
    assert await crowded.fetchval(POSITION, last) == 1_000
    first = await crowded.fetchval(
        "select job_id from prompt_job_queue order by priority desc, claim_key limit 1"
    )
    assert await crowded.fetchval(POSITION, first) == 0


async def test_heartbeats_rewrite_no_index(crowded: asyncpg.Connection) -> None:
    """lease_until is in no index, so that renewing a lease is a HOT update."""
    (row, *_) = await crowded.fetch(CLAIM)
    hot = "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = $1"
    async with crowded.transaction():
        before = await crowded.fetchrow(hot, "prompt_job_queue")
        for _ in range(5):
            await crowded.fetch(HEARTBEAT, row["id"], row["lease_token"])
        after = await crowded.fetchrow(hot, "prompt_job_queue")
    assert after["n_tup_upd"] - before["n_tup_upd"] == 5
    assert after["n_tup_hot_upd"] - before["n_tup_hot_upd"] == 5
