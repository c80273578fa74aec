"""Reads what the database wrote down, and joins it to the client's and the provider's logs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import asyncpg

from lab.logs import Book, Call, Harm, Job, LeaseChange, Logs, Request, RowChange, Settle

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
select id::text as job_id, status, retry_count, max_retries, user_id
from public.prompt_generation_jobs
"""
_BOOK = """
select job_id::text, count(*) as begun, count(*) filter (where state <> 'answered') as unanswered,
  count(*) filter (where state = 'answered' and http_status is not null) as replied
from public.provider_calls group by 1
"""


async def collect(
    dsn: str,
    history: Sequence[str],
    calls: Sequence[Mapping[str, Any]],
    harms: Sequence[Harm],
) -> Logs:
    """All logs of one campaign."""
    connection = await asyncpg.connect(dsn)
    try:
        jobs = {
            job_id: Job(job_id, status, retries, most, str(owner), _conversation(owner))
            for job_id, status, retries, most, owner in await connection.fetch(_JOBS)
        }
        book = {
            job_id: Book(begun, unanswered, replied)
            for job_id, begun, unanswered, replied in await connection.fetch(_BOOK)
        }
        return Logs(
            requests=[Request(**json.loads(line)) for line in history],
            calls=[_call(call) for call in calls],
            rows=[RowChange(**dict(row)) for row in await connection.fetch(_ROWS)],
            leases=[LeaseChange(**dict(row)) for row in await connection.fetch(_LEASES)],
            settles=[Settle(**dict(row)) for row in await connection.fetch(_SETTLES)],
            book=book,
            jobs=jobs,
            harms=list(harms),
        )
    finally:
        await connection.close()


def _conversation(owner: UUID) -> str:
    """What the product calls a user towards the provider."""
    return str(uuid5(NAMESPACE_OID, f"prompt-queue:{owner}"))


def _call(call: Mapping[str, Any]) -> Call:
    sent = call["outcome"] == "answered" and call["status"] == 200
    return Call(call["nonce"], prompt_sent=sent)
