"""What an operator looks at costs the same at 400,000 jobs: each look reads a bounded number."""

import json
from uuid import uuid4

import asyncpg

from prompt_queue.settings import DEMO_ROW_ID, DEMO_USER_ID
from prompt_queue.store.database import queries
from prompt_queue.store.ops_store import LOOKED_AT
from tests.store.test_plans import CLAIM, crowded, touched

__all__ = ["crowded"]

LIST = "select * from find_prompt_jobs($1::jsonb, 21)"
# A job that is looked at is read once by its place in the list and once by its id.
MOST = 3 * LOOKED_AT
PAGE = 200


async def test_every_filter_reads_a_bounded_number_of_jobs(crowded: asyncpg.Connection) -> None:
    """Whatever is asked for, and whether or not anything fits, with statistics old and new."""
    (job, *_) = [row["id"] for row in await crowded.fetch(CLAIM)]
    filters = (
        ({}, MOST), ({"status": "processing"}, PAGE), ({"status": "queued"}, MOST + LOOKED_AT),
        ({"status": "completed"}, MOST), ({"status": "failed"}, PAGE),
        ({"error_code": "refused"}, PAGE), ({"status": "cancelled"}, MOST),
        ({"priority_from": 3, "priority_to": 4}, MOST), ({"model": "no such"}, MOST),
        ({"source": "cache"}, MOST), ({"user_id": str(DEMO_USER_ID)}, MOST),
        ({"user_id": str(uuid4())}, PAGE), ({"row_id": str(DEMO_ROW_ID)}, MOST + LOOKED_AT),
        ({"words": "nobody wrote this"}, MOST), ({"created_before": "2001-01-01"}, PAGE),
        ({"id_from": str(job), "id_to": str(job)}, PAGE),
        ({"id_from": "0" * 32, "id_to": "f" * 32}, 10 * LOOKED_AT),
    )  # fmt: skip
    for fresh in (False, True):
        if fresh:
            await crowded.execute("vacuum analyze")
        for wanted, most in filters:
            scans, rows = await touched(crowded, LIST, json.dumps(wanted))
            assert (scans, rows <= most) == (0, True), (wanted, scans, rows, fresh)


async def test_pictures_are_listed_as_cheaply(crowded: asyncpg.Connection) -> None:
    """By a filter of their own, or by none."""
    await crowded.execute(
        "insert into picture_jobs (id, job_id, user_id, status, target_url, generation_model, "
        "prompt, created_at) select gen_random_uuid(), gen_random_uuid(), $1, "
        "case when n % 10000 = 0 then 'saving' else 'succeeded' end, 'https://e.com/t', 'm', "
        "'Blue.', now() - n * interval '1 second' from generate_series(1, 60000) n",
        DEMO_USER_ID,
    )
    listing = "select * from find_picture_jobs($1::jsonb, 21)"
    for fresh in (False, True):
        if fresh:
            await crowded.execute("vacuum analyze picture_jobs")
        for wanted, most in (
            ({}, MOST), ({"status": "saving"}, PAGE), ({"status": "failed"}, MOST),
            ({"words": "nobody wrote this"}, MOST), ({"user_id": str(uuid4())}, PAGE),
            ({"user_id": str(DEMO_USER_ID)}, MOST),
        ):  # fmt: skip
            scans, rows = await touched(crowded, listing, json.dumps(wanted))
            assert (scans, rows <= most) == (0, True), (wanted, scans, rows, fresh)
        scans, rows = await touched(crowded, queries()["ops_pictures"])
        assert (scans, rows <= PAGE) == (0, True), (scans, rows)


async def test_charts_are_made_of_sums(crowded: asyncpg.Connection) -> None:
    """Arrivals, ends, quantiles and money are not counted from jobs, events or calls."""
    await crowded.execute(
        "insert into provider_calls (call_id, job_id, user_id, model, started_at) "
        "select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'm', "
        "now() - interval '20 minutes' - n * interval '1 second' from generate_series(1, 50000) n"
    )
    await crowded.execute(
        "update prompt_queue_totals_read set calls_until = now() - interval '15 minutes'"
    )
    await crowded.execute(
        "insert into prompt_queue_minutes select date_trunc('minute', now()) - n * interval "
        "'1 minute', 'wait', l::text, 1 from generate_series(1, 2880) n, generate_series(1, 20) l"
    )
    now = await crowded.fetchval(queries()["ops_now"])
    for fresh in (False, True):
        if fresh:
            await crowded.execute("vacuum analyze provider_calls, prompt_queue_minutes")
        for name, arguments in (
            ("ops_minutes", (now,)), ("ops_past", (now, 3600.0, ["wait"])),
            ("ops_spend", ()), ("ops_permits", ()), ("ops_doing", ()),
        ):  # fmt: skip
            scans, rows = await touched(crowded, queries()[name], *arguments)
            assert (scans, rows <= PAGE) == (0, True), (name, scans, rows, fresh)
