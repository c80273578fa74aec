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
select j.status, j.source, j.error_code, count(*) as jobs
from public.prompt_generation_jobs j
where j.created_at > clock_timestamp() - interval '1 hour'
group by j.status, j.source, j.error_code;

-- name: measures_recent_calls
select c.provider, c.model,
  case when c.state = 'answered' then coalesce(c.error_code, 'ok') else c.state end as outcome,
  count(*) as calls, coalesce(sum(c.cost_usd), 0)::float8 as usd,
  coalesce(sum(c.prompt_tokens), 0) as prompt_tokens,
  coalesce(sum(c.completion_tokens), 0) + coalesce(sum(c.reasoning_tokens), 0) as answer_tokens
from public.provider_calls c
where c.started_at > clock_timestamp() - interval '1 hour'
group by c.provider, c.model, outcome;

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
  and a.backend_xmin is not null and a.xact_start is not null
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
