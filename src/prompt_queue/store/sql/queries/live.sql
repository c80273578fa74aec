-- Statements for whoever watches jobs live.

-- name: events_after
select s.seen::text as seen, s.server, e.id, e.job_id, e.user_id, e.kind, e.data, e.created_at
from (
  select pg_current_snapshot() as seen, pg_postmaster_start_time()::text as server
) s
left join lateral public.prompt_events_after($1::text::pg_snapshot, $2, $3, $4) e on true;

-- name: event_is_known
select e.horizon is not null as known from public.prompt_job_events e where e.id = $1;

-- name: newest_event
select e.id from public.prompt_job_events e order by e.id desc limit 1;

-- name: event_ids_of_jobs
select e.id from public.prompt_job_events e where e.job_id = any ($1) order by e.id;

-- name: events_of_jobs_since
select e.id, e.job_id, e.user_id, e.kind, e.data, e.created_at
from public.prompt_job_events s
join public.prompt_job_events e on e.job_id = any ($1) and e.transaction_id >= s.horizon
where s.id = $2
  -- What one transaction writes is told in its order.
  and (e.id > s.id or e.transaction_id <> s.transaction_id)
order by e.id;

-- name: events_of_user_since
select e.looked_at, e.id, e.job_id, e.user_id, e.kind, e.data, e.created_at
from public.prompt_events_since($1, $2, $3) e;

-- name: watched_jobs
select j.*, p.partial as partial_prompt, p.updated_at as partial_at, to_jsonb(f) as feedback
from public.prompt_generation_jobs j
left join lateral public.prompt_partial(j.id) p on j.status in ('queued', 'processing')
left join public.prompt_feedback f on f.job_id = j.id and f.number = 0 and f.user_id = j.user_id
where j.id = any ($1);

-- name: texts_so_far
with written as materialized (
  select p.job_id, p.partial
  from public.prompt_partials p
  join public.prompt_job_queue l on l.job_id = p.job_id and l.lease_token = p.lease_token
  where p.partial <> ''
)
select w.job_id, w.partial from written w where w.job_id = any ($1)
union all
select q.job_id, w.partial
from written w
join public.prompt_flights f on f.leader_job_id = w.job_id
join public.prompt_job_queue q on q.follows = f.scope || ':' || f.key
where q.job_id = any ($1);

-- name: open_jobs
select j.* from (
  select n.* from public.prompt_generation_jobs n
  where n.user_id = $1 order by n.created_at desc, n.id desc limit 1000
) j
where j.status in ('queued', 'processing')
order by j.created_at desc, j.id desc
limit 100;

-- name: open_picture_jobs
select n.job_id
from (
  select p.job_id, p.status, p.created_at from public.picture_jobs p
  where p.user_id = $1 order by p.created_at desc limit 1000
) n
where n.status not in ('succeeded', 'failed', 'cancelled')
group by n.job_id
order by max(n.created_at) desc
limit 100;
