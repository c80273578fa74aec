"""Reads what the database wrote down, and joins it to the client's and the provider's logs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import asyncpg

from lab.logs import (
    Asked,
    Book,
    Call,
    Harm,
    Job,
    LeaseChange,
    Logs,
    Outage,
    Request,
    RowChange,
    Settle,
)

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
select id::text as job_id, status, retry_count, max_retries, user_id,
  coalesce(min_quality, 'template_ok') as min_quality, source
from public.prompt_generation_jobs
"""
_BOOK = """
select job_id::text, count(*) as begun, count(*) filter (where state <> 'answered') as unanswered,
  count(*) filter (where state = 'answered' and http_status is not null) as replied,
  array_agg(distinct model) as models
from public.provider_calls group by 1
"""


_ASKED = "select model, extract(epoch from started_at)::float8 as at from public.provider_calls"
_OUTAGES = """
select o.model, extract(epoch from o.at)::float8 as since,
  extract(epoch from coalesce(min(c.at), clock_timestamp()))::float8 as until
from public.prompt_operator_log o
left join public.prompt_operator_log c
  on c.model = o.model and c.act = 'closed' and c.id > o.id
where o.act = 'opened'
group by o.id, o.model, o.at
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
            job_id: Job(
                job_id, status, retries, most, str(owner), _conversation(owner), quality, source
            )
            for job_id, status, retries, most, owner, quality, source in await connection.fetch(
                _JOBS
            )
        }
        book = {
            job_id: Book(begun, unanswered, replied, tuple(models))
            for job_id, begun, unanswered, replied, models in await connection.fetch(_BOOK)
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
            asked=[Asked(**dict(row)) for row in await connection.fetch(_ASKED)],
            outages=[Outage(**dict(row)) for row in await connection.fetch(_OUTAGES)],
        )
    finally:
        await connection.close()


def _conversation(owner: UUID) -> str:
    """What the product calls a user towards the provider."""
    return str(uuid5(NAMESPACE_OID, f"prompt-queue:{owner}"))


def _call(call: Mapping[str, Any]) -> Call:
    sent = call["outcome"] == "answered" and call["status"] == 200
    return Call(call["nonce"], prompt_sent=sent)
