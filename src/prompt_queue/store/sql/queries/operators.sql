-- What the operator's pages look at and press.

-- name: ops_now
select clock_timestamp() as now;

-- name: paused_priorities
select u.priority, u.reason, u.actor, u.paused_at
from public.prompt_queue_paused_priorities u order by u.priority;

-- name: ops_lanes
-- Counted each time: whoever sees a page has just pressed something.
select case q.state when 'leased' then 'processing' else q.state end as state, q.priority,
  count(*) as jobs,
  greatest(extract(epoch from clock_timestamp() - min(q.enqueued_at)), 0)::float8 as oldest_seconds
from public.prompt_job_queue q
group by 1, 2;

-- name: ops_pictures
select o.status, o.pictures from public.open_pictures() o;

-- name: ops_minutes
select m.minute, m.name, sum(m.value)::bigint as value
from public.prompt_queue_minutes m
where m.minute >= date_trunc('minute', $1::timestamptz) - interval '60 minutes'
  and m.minute < date_trunc('minute', $1::timestamptz)
  and m.name not in ('wait', 'processing')
group by m.minute, m.name;

-- name: ops_past
select m.name, m.label, sum(m.value)::bigint as value
from public.prompt_queue_minutes m
where m.minute > $1::timestamptz - make_interval(secs => $2) and m.name = any ($3)
group by m.name, m.label;

-- name: ops_spend
select s.leg, s.provider, s.model, s.calls, s.unresolved, s.usd, s.input_tokens, s.output_tokens
from public.prompt_spend_today() s;

-- name: ops_permits
select u.model, u.used from public.prompt_permits_used() u;

-- name: ops_doing
select d.worker, d.job_id, d.kind, d.user_id, d.priority, d.model, d.since_seconds
from public.jobs_in_hand() d;

-- name: ops_prompt_jobs
select f.looked_at, f.last_created_at, f.last_id, f.id, j.user_id, j.row_id, j.status, j.priority,
  j.model, j.source, j.error_code, j.error, j.retry_count, j.created_at, j.started_at,
  j.completed_at, case when q.state = 'delayed' then q.next_attempt_at end as next_attempt_at,
  c.cost_usd
from public.find_prompt_jobs($1, $2, $3, $4) f
left join public.prompt_generation_jobs j on j.id = f.id
left join public.prompt_job_queue q on q.job_id = f.id
left join lateral (
  select sum(l.cost_usd) as cost_usd from public.provider_calls l where l.job_id = f.id
) c on true
order by f.created_at desc, f.id desc;

-- name: ops_picture_jobs
select f.looked_at, f.last_created_at, f.last_id, f.id, p.user_id, p.row_id, p.status, p.priority,
  p.model, null::text as source, p.error_code, p.error, p.retry_count, f.created_at, p.started_at,
  p.completed_at, p.next_attempt_at, c.cost_usd
from public.find_picture_jobs($1, $2, $3, $4) f
left join lateral (
  select (array_agg(k.user_id))[1] as user_id, (array_agg(k.row_id))[1] as row_id,
    public.picture_job_status(array_agg(k.status)) as status, max(k.priority) as priority,
    min(k.generation_model) as model, array_agg(k.id) as ids, min(k.submitted_at) as started_at,
    (array_agg(k.error_code order by k.number) filter (where k.error_code is not null))[1]
      as error_code,
    (array_agg(k.error order by k.number) filter (where k.error is not null))[1] as error,
    max(k.retry_count) as retry_count,
    case when bool_and(k.completed_at is not null) then max(k.completed_at) end as completed_at,
    min(k.due_at) filter (where k.status = 'queued' and k.error_code is not null)
      as next_attempt_at
  from public.picture_jobs k where k.job_id = f.id having count(*) > 0
) p on true
left join lateral (
  select sum(l.cost_usd) as cost_usd from public.provider_calls l where l.job_id = any (p.ids)
) c on true
order by f.created_at desc, f.id desc;

-- name: ops_calls
select c.call_id, c.job_id, c.leg, c.provider, c.worker, left(c.lease_token::text, 8) as lease,
  c.model, c.served_model, c.state, c.http_status, c.error_code, c.cost_usd, c.prompt_tokens,
  c.completion_tokens, c.reasoning_tokens, c.started_at, c.ended_at
from public.provider_calls c
where c.job_id = any ($1) order by c.started_at, c.call_id;

-- name: ops_events
select e.id, e.job_id, e.kind, e.data, e.created_at from public.prompt_job_events e
where e.job_id = any ($1) order by e.created_at, e.id;

-- name: ops_dependents
select distinct p.job_id from public.picture_jobs p where p.prompt_job_id = $1
order by p.job_id limit 1000;

-- name: operate_on_jobs
select o.job_id, o.outcome from public.operate_on_jobs($1, $2, $3, $4) o;

-- name: ops_audit
select l.id, l.at, l.actor, l.act, l.model, l.about, l.reason, l.detail
from public.prompt_operator_log l
where ($1::bigint is null or l.id < $1)
order by l.id desc limit $2;
