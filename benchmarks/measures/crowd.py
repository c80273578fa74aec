"""A database with a long queue and a long past, written past the triggers to save the time."""

import asyncpg

from prompt_queue.settings import DEMO_MODEL_ID, DEMO_ROW_ID, DEMO_USER_ID

_DAY = "interval '1 day' * n / $1::int"
QUEUED = f"""
insert into prompt_generation_jobs (row_id, model_id, user_id, target_url, priority, created_at)
select '{DEMO_ROW_ID}', '{DEMO_MODEL_ID}', '{DEMO_USER_ID}', 'https://e.com/t', 1 + n % 10,
  clock_timestamp() - {_DAY}
from generate_series(1, $1::int) n
"""
PLACES = """
insert into prompt_job_queue
  (job_id, user_id, priority, claim_key, enqueued_at, state, next_attempt_at)
select j.id, j.user_id, j.priority, row_number() over (), j.created_at, s.state,
  case s.state when 'delayed' then clock_timestamp() + interval '1 hour' end
from prompt_generation_jobs j
cross join lateral (
  select case when hashtext(j.id::text) % 10 = 0 then 'delayed' else 'ready' end as state
) s
where j.status = 'queued'
"""
ENDED = f"""
insert into prompt_generation_jobs
  (row_id, model_id, user_id, target_url, priority, status, generated_prompt, source,
   created_at, started_at, completed_at)
select '{DEMO_ROW_ID}', '{DEMO_MODEL_ID}', '{DEMO_USER_ID}', 'https://e.com/t', 1 + n % 10,
  'completed', 'Make the coat blue.', 'model', clock_timestamp() - {_DAY},
  clock_timestamp() - {_DAY} + interval '1 second',
  clock_timestamp() - {_DAY} + interval '4 seconds'
from generate_series(1, $1::int) n
"""
EVENTS = """
insert into prompt_job_events (job_id, user_id, kind, created_at)
select j.id, j.user_id, k.kind,
  case k.kind when 'queued' then j.created_at else j.completed_at end
from prompt_generation_jobs j
cross join (values ('queued'), ('claimed'), ('completed')) k (kind)
where j.status = 'completed'
order by j.completed_at
"""
PROMISES_KEPT = """
insert into prompt_promise_tally (at, kind, kept, scored)
select date_bin('10 minutes', p.done_scored_at, 'epoch'), k.kind,
  count(*) filter (where p.done_kept), count(*)
from prompt_promises p cross join (values ('start'), ('done')) k (kind)
group by 1, 2
"""
CALLS = """
insert into provider_calls
  (call_id, job_id, user_id, model, state, prompt_tokens, completion_tokens, cost_usd, started_at)
select gen_random_uuid(), j.id, j.user_id, 'grok-4.7', 'answered', 900, 120, 0.002, j.started_at
from prompt_generation_jobs j
where j.status = 'completed'
"""
PROMISES = """
insert into prompt_promises
  (job_id, made_at, priority, start_base, start_spread, start_p50, start_p90, done_base,
   done_spread, done_p50, done_p90, start_kept, done_kept, start_scored_at, done_scored_at)
select j.id, j.created_at, 5, 1, 1, 1, 1, 1, 1, 1, 1, random() < 0.9, random() < 0.9,
  j.started_at, j.completed_at
from prompt_generation_jobs j
where j.status = 'completed'
"""
WEBHOOKS = """
insert into webhook_messages
  (user_id, url, type, subject, payload, state, due_at, ended_at)
select j.user_id, 'https://e.com/hook', 'prompt.completed', j.id, '{}', s.state, clock_timestamp(),
  case s.state when 'waiting' then null else j.completed_at end
from prompt_generation_jobs j
cross join lateral (
  select case when hashtext(j.id::text) % 10 = 0 then 'waiting' else 'delivered' end as state
) s
where j.status = 'completed'
"""
TRIES = """
insert into webhook_tries (message_id, number, at, status, milliseconds)
select m.id, 1, m.ended_at, 204, 40 from webhook_messages m where m.state = 'delivered'
"""
TALLY = """
insert into prompt_queue_tally (at, status, jobs, measured, wait_seconds, processing_seconds)
select clock_timestamp() - interval '10 seconds' * n, 'completed', 10, 10, 10, 30
from generate_series(1, 720) n
"""
PICTURES = f"""
insert into picture_jobs (id, job_id, user_id, status, target_url, generation_model, prompt, due_at,
  priority)
select gen_random_uuid(), gen_random_uuid(), '{DEMO_USER_ID}', 'queued', 'https://e.com/t', 'm',
  'Make the coat blue.', clock_timestamp(), 5
from generate_series(1, $1::int) n
"""


async def fill(connection: asyncpg.Connection, rows: int) -> None:
    """`rows` prompts that wait, some of them for a retry, as many that ended within a day.

    Each of these has its events, a call, a promise and a webhook; some of the webhooks wait, and a
    tenth as many pictures as prompts. What happened is summed up, as it would be by then.
    """
    await connection.execute("set session_replication_role = replica")
    for statement, arguments in (
        (QUEUED, (rows,)), (PLACES, ()), (ENDED, (rows,)), (EVENTS, ()), (CALLS, ()),
        (PROMISES, ()), (PROMISES_KEPT, ()), (WEBHOOKS, ()), (TRIES, ()), (TALLY, ()),
        (PICTURES, (rows // 10,)),
    ):  # fmt: skip
        await connection.execute(statement, *arguments, timeout=900)
    await connection.execute("set session_replication_role = origin")
    await connection.execute("vacuum analyze", timeout=900)
    for _ in range(8 + 3 * rows // 20_000):
        await connection.execute("select sum_up_prompt_queue()")
