"""Jobs that come at a steady pace, claims that are timed, and a snapshot that nobody closes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg

from benchmarks.queue.sides import MIXED, Enqueuer

BULK = 1_000
PROBE_JOBS = 10
PROBE_PAUSE = 0.1

CLAIM = "select id, lease_token from public.claim_prompt_jobs($1, 'probe', 30)"
SETTLE = "select count(*) from public.settle_prompt_jobs($1::text::jsonb)"


async def produce(enqueuer: Enqueuer, jobs: int, seconds: float) -> None:
    """Queue all jobs in bulk, evenly over the time."""
    began = time.monotonic()
    for first in range(0, jobs, BULK):
        due = began + seconds * first / jobs
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await enqueuer.many(range(first, min(first + BULK, jobs)), MIXED)


async def probe(dsn: str, seen: Callable[[float, int], None]) -> None:
    """Claim a few jobs again and again, until cancelled; `seen` is told ms and how many."""
    connection = await asyncpg.connect(dsn)
    try:
        while True:
            began = time.perf_counter()
            claimed = await connection.fetch(CLAIM, PROBE_JOBS)
            taken = time.perf_counter() - began
            if claimed:
                await connection.execute(SETTLE, json.dumps([_done(job) for job in claimed]))
                seen(taken * 1000, len(claimed))
            await asyncio.sleep(PROBE_PAUSE)
    finally:
        connection.terminate()


def _done(job: asyncpg.Record) -> dict[str, str]:
    return {
        "job_id": str(job["id"]),
        "lease_token": str(job["lease_token"]),
        "outcome": "completed",
        "prompt": "Make the sky blue.",
    }


@asynccontextmanager
async def old_snapshot(dsn: str) -> AsyncIterator[None]:
    """A transaction that still sees what was; no dead row since then can be removed."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.fetchval("select count(*) from public.prompt_queue_settings")
            yield
    finally:
        await connection.close()
