-- What /metrics and the alert rules look at.

-- name: measures_depth
select case q.state when 'leased' then 'processing' else q.state end as state, q.priority,
  count(*) as jobs,
  greatest(extract(epoch from clock_timestamp() - min(q.enqueued_at)), 0)::float8 as oldest_seconds
from public.prompt_job_queue q
group by 1, 2;

-- name: measures_pictures
select p.status, count(*) as pictures from public.picture_jobs p
where p.status in ('submitting', 'submission_unknown', 'submitted', 'running')
group by p.status
union all
select 'queued', count(*) from public.picture_jobs p where p.status = 'queued';

-- name: measures_recent_jobs
-- Of an hour, and of ten thousand events at most: a share needs no more.
select j.status, j.source, j.error_code, count(*) as jobs
from (
  select distinct e.job_id
  from (select * from public.prompt_job_events n order by n.id desc limit 10000) e
  where e.kind in ('completed', 'failed') and e.created_at > clock_timestamp() - interval '1 hour'
) r
join public.prompt_generation_jobs j on j.id = r.job_id
group by j.status, j.source, j.error_code;

-- name: sum_up
select public.sum_up_prompt_queue() as done;

-- name: measures_totals
-- Calls that are not summed up yet: of the last quarter of an hour.
with recent as materialized (
  select c.leg, c.model, c.prompt_tokens, c.completion_tokens, c.reasoning_tokens, c.cost_usd,
    case c.state when 'answered' then coalesce(c.error_code, 'ok') else 'unanswered' end as outcome
  from public.provider_calls c
  where c.started_at > (select r.calls_until from public.prompt_queue_totals_read r)
    and c.state <> 'sent'
)
select t.name, t.labels, t.value from public.prompt_queue_totals t
union all
select 'calls', array[c.leg, c.model, c.outcome], count(*) from recent c group by 2
union all
select 'usd', array[c.leg, c.model], coalesce(sum(c.cost_usd), 0) from recent c group by 2
union all
select 'tokens', array[c.leg, c.model, 'input'], coalesce(sum(c.prompt_tokens), 0)
from recent c group by 2
union all
select 'tokens', array[c.leg, c.model, 'output'],
  coalesce(sum(coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)), 0)
from recent c group by 2;

-- name: measures_dead_rows
select t.relname::text as table_name, t.n_live_tup as live, t.n_dead_tup as dead
from pg_stat_user_tables t
where t.schemaname = 'public' and t.relname in (
  'prompt_job_queue', 'prompt_generation_jobs', 'provider_calls', 'prompt_model_gates',
  'picture_jobs'
);

-- name: measures_horizon
select a.pid, coalesce(a.application_name, '') as application_name, coalesce(a.state, '') as state,
  extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds
from pg_stat_activity a
where a.datname = current_database() and a.pid <> pg_backend_pid()
  and coalesce(a.backend_xmin, a.backend_xid) is not null and a.xact_start is not null
  and a.backend_type = 'client backend'
order by a.xact_start
limit 1;

-- name: measures_of_others
select to_regprocedure('public.webhook_outcomes()') is not null as webhooks,
  to_regprocedure('public.prompt_promise_coverage(integer)') is not null as promises;

-- name: measures_webhooks
select w.outcome, w.messages from public.webhook_outcomes() w;

-- name: measures_promises
select p.kind, p.scored, p.coverage::float8 as coverage from public.prompt_promise_coverage(24) p;

-- name: note_alerts
select n.change, n.name, n.about, n.since, n.value, n.threshold, n.sentence
from public.note_prompt_alerts($1::text::jsonb, $2::uuid) n;

-- name: alerts_since
select a.name, a.about, a.since from public.prompt_queue_alerts a where a.resolved_at is null;
