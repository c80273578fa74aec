-- What forecasts of waits are made of, and what is promised.

-- name: note_promise
select public.note_prompt_promise($1, $2, $3, $4);

-- name: score_promises
select public.score_prompt_promises() as scored;

-- name: promise_coverage
select c.kind, c.kept, c.scored, c.coverage from public.prompt_promise_coverage($1) c;

-- name: prune_promises
select public.prune_prompt_promises($1, $2) as deleted;

-- name: prompt_pace
select p.slot, p.median, p.p90 from public.prompt_pace() p;

-- name: picture_pace
select p.slot, p.median, p.p90 from public.picture_pace() p;

-- name: arrivals
with read as (
  select e.kind, e.data, e.created_at from public.prompt_job_events e order by e.id desc limit 3000
),
span as (
  -- What was read may not reach back a whole minute.
  select case when count(*) < 3000 then 60 else least(greatest(
      extract(epoch from clock_timestamp() - min(r.created_at)), 1
    ), 60) end as seconds
  from read r
)
select (r.data ->> 'priority')::int as priority, (count(*) / min(s.seconds))::float8 as per_second
from read r
cross join span s
where r.kind = 'queued' and r.created_at > clock_timestamp() - interval '1 minute'
group by 1;

-- name: lanes
select q.priority, count(*) as waiting
from public.prompt_job_queue q
where q.state = 'ready'
group by q.priority;

-- name: promise_errors
(
  select 'start' as kind, p.start_base as expected, p.start_error as error, p.start_kept as kept
  from public.prompt_promises p
  where p.leg = $1 and p.start_scored_at is not null
  order by p.start_scored_at desc
  limit $2
)
union all
(
  select 'done', p.done_base, p.done_error, p.done_kept
  from public.prompt_promises p
  where p.leg = $1 and p.done_scored_at is not null
  order by p.done_scored_at desc
  limit $2
);

-- name: place_of_picture
select count(*) filter (where p.status = 'queued' and (
    p.priority > $1 and p.priority <> all (
      array(select u.priority from public.prompt_queue_paused_priorities u)
    )
    or p.priority = $1 and p.created_at < $2
  )) as ahead,
  count(*) filter (where p.status in ('submitting', 'submission_unknown', 'submitted', 'running'))
    as there
from public.picture_jobs p
where p.status in ('queued', 'submitting', 'submission_unknown', 'submitted', 'running');

-- name: pictures_at_once
select s.pictures_at_once from public.prompt_queue_settings s where s.only_row;

-- name: model_states
select clock_timestamp() as now, m.model,
  exists (select from public.prompt_queue_pauses u where u.model = m.model) as paused,
  coalesce(h.state = 'open', false) as is_open, o.wait_seconds as open_seconds,
  -- Claims take what can be sent within a second: see prompt_claim_room().
  greatest(extract(epoch from greatest(
    g.closed_until, g.claims_at - interval '1 second', g.tokens_at - interval '1 second'
  ) - clock_timestamp())::float8, 0) as limited_seconds,
  case when g.model is not null and l.requests_per_second is not null
    then public.prompt_gate_rate(g, l.requests_per_second, clock_timestamp()) end as rate
from unnest($1::text[]) as m (model)
left join public.prompt_model_health h on h.model = m.model
left join lateral public.prompt_model_outage(m.model) o on h.state = 'open'
left join public.prompt_model_limits l on l.model = m.model
left join public.prompt_model_gates g on g.model = m.model and l.requests_per_second is not null;
