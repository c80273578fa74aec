"""Reads what the database wrote down, and joins it to the client's and the provider's logs."""

import json
from collections.abc import Mapping, Sequence

import asyncpg

from lab.logs import Harm, Job, LeaseChange, Logs, Request, RowChange, Settle

_ROWS = """
select xid::text::bigint as xid, job_id::text, old_status, new_status, old_prompt, new_prompt,
  extract(epoch from at)::float8 as at from lab_rows order by id
"""
_LEASES = """
select xid::text::bigint as xid, job_id::text, old_token::text, new_token::text, gone, worker,
  extract(epoch from at)::float8 as at from lab_leases order by id
"""
_SETTLES = "select xid::text::bigint as xid, job_id::text, token::text, outcome from lab_settles"
_JOBS = """
select id::text as job_id, status, retry_count, max_retries, target_url
from public.prompt_generation_jobs
"""
_UNANSWERED = """
select job_id::text, count(*) from public.provider_calls where state <> 'answered' group by 1
"""


async def collect(
    dsn: str,
    history: Sequence[str],
    calls: Sequence[str],
    nonces: Mapping[str, str],
    harms: Sequence[Harm],
) -> Logs:
    """All logs of one campaign; `nonces` maps the address of a picture to its SHA-256."""
    connection = await asyncpg.connect(dsn)
    try:
        jobs = {
            job_id: Job(job_id, status, retries, most, nonces.get(url))
            for job_id, status, retries, most, url in await connection.fetch(_JOBS)
        }
        return Logs(
            requests=[Request(**json.loads(line)) for line in history],
            calls=list(calls),
            rows=[RowChange(**dict(row)) for row in await connection.fetch(_ROWS)],
            leases=[LeaseChange(**dict(row)) for row in await connection.fetch(_LEASES)],
            settles=[Settle(**dict(row)) for row in await connection.fetch(_SETTLES)],
            unanswered=dict(await connection.fetch(_UNANSWERED)),
            jobs=jobs,
            harms=list(harms),
        )
    finally:
        await connection.close()
