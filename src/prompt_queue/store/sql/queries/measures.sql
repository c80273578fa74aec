-- What /metrics and the alert rules look at.

-- name: measures_rates
select r.avg_wait_time_seconds::float8 as wait, r.avg_processing_seconds::float8 as processing,
  coalesce(r.oldest_queued_seconds, 0)::float8 as oldest, r.workers, r.slots, r.paused,
  r.completed_last_hour, r.failed_last_hour
from public.prompt_queue_rates() r;

-- name: measures_backlog
select b.kind, case b.state when 'leased' then 'processing' else b.state end as state, b.priority,
  b.jobs, b.seconds
from public.prompt_queue_backlog() b;

-- name: measures_recent_jobs
-- Of an hour, and of three thousand events at most: a share needs no more.
select e.kind as status, e.data ->> 'source' as source, e.data ->> 'code' as error_code,
  count(*) as jobs
from (select * from public.prompt_job_events n order by n.id desc limit 3000) e
where e.kind in ('completed', 'failed') and e.created_at > clock_timestamp() - interval '1 hour'
group by e.kind, source, error_code;

-- name: sum_up
-- What a crash forgets is summed up again, so nobody waits for the disk.
select set_config('synchronous_commit', 'off', true), public.sum_up_prompt_queue() as done;

-- name: measures_totals
select t.name, t.labels, t.value from public.prompt_queue_counters() t;

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

-- name: measures_webhooks
select o.outcome, coalesce((
  select sum(t.messages) from public.webhook_tally t where t.outcome = o.outcome
), 0)::bigint as messages
from (values ('delivered'), ('exhausted'), ('disabled')) o (outcome);

-- name: measures_webhook_tries
-- Of a quarter of an hour, and of two thousand tries at most: a share needs no more.
select count(*) filter (where n.error is null) as taken,
  count(*) filter (where n.error is not null) as failed
from (
  select t.error from public.webhook_tries t
  where t.at > (select clock_timestamp() - interval '15 minutes')
  order by t.at desc
  limit 2000
) n;

-- name: measures_promises
select p.kind, p.scored, p.coverage::float8 as coverage from public.prompt_promise_coverage(24) p;

-- name: note_alerts
select n.change, n.name, n.about, n.since, n.value, n.threshold, n.sentence
from public.note_prompt_alerts($1::text::jsonb, $2::uuid) n;

-- name: alerts_since
select a.name, a.about, a.since from public.prompt_queue_alerts a where a.resolved_at is null;
