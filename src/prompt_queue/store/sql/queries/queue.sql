-- Every plain statement of the store, each under its name; state changes are functions.

-- name: configure
update public.prompt_queue_settings
set row_owner_column = $1, user_in_flight_cap = $2, ageing_seconds = $3, job_seconds = $4,
  job_words = $5, row_words = $6, pictures_at_once = $7
where (
  row_owner_column, user_in_flight_cap, ageing_seconds, job_seconds, job_words, row_words,
  pictures_at_once
) is distinct from ($1, $2, $3, $4, $5, $6, $7);

-- name: enqueue
select public.enqueue_prompt_job(
  p_row_id => $1, p_target_url => $2, p_ref_urls => $3, p_priority => $4,
  p_user_id => $5, p_max_retries => $6, p_job_id => $7, p_options => $8
) as job_id;

-- name: reserve_idempotency_key
insert into public.prompt_idempotency_keys as k (user_id, key, fingerprint, job_id)
values ($1, $2, $3, $4)
on conflict (user_id, key) do update
set fingerprint = excluded.fingerprint, job_id = excluded.job_id, response = null,
  created_at = clock_timestamp(), expires_at = clock_timestamp() + interval '24 hours'
where k.expires_at < clock_timestamp()
returning k.job_id;

-- name: read_idempotency_key
select k.fingerprint, k.job_id, k.response
from public.prompt_idempotency_keys k
where k.user_id = $1 and k.key = $2;

-- name: keep_idempotent_response
update public.prompt_idempotency_keys k set response = $3 where k.user_id = $1 and k.key = $2;

-- name: prune_idempotency_keys
delete from public.prompt_idempotency_keys k
where (k.user_id, k.key) in (
  select e.user_id, e.key
  from public.prompt_idempotency_keys e
  where e.expires_at < clock_timestamp()
  order by e.expires_at
  limit 1000
);

-- name: find_job
select j.*, p.partial as partial_prompt, p.updated_at as partial_at, to_jsonb(f) as feedback
from public.prompt_generation_jobs j
left join lateral public.prompt_partial(j.id) p on j.status in ('queued', 'processing')
left join public.prompt_feedback f on f.job_id = j.id and f.number = 0 and f.user_id = j.user_id
where j.id = $1 and ($2::uuid is null or j.user_id = $2);

-- name: find_versions
select j.id, j.status, greatest(j.updated_at, p.updated_at) as changed_at
from public.prompt_generation_jobs j
left join lateral public.prompt_partial(j.id) p on j.status in ('queued', 'processing')
where j.id = any ($1);

-- name: place
select public.prompt_job_position(q.job_id) as ahead, q.next_attempt_at, q.state,
  q.follows is not null as follows,
  coalesce((q.claim_key - h.first)::float8 / nullif(h.last - h.first, 0), 0) as share
from public.prompt_job_queue q
cross join lateral (
  select (
      select a.claim_key from public.prompt_job_queue a
      where a.state = 'ready' and a.priority = q.priority
      order by a.claim_key, a.enqueued_at limit 1
    ) as first,
    (
      select z.claim_key from public.prompt_job_queue z
      where z.state = 'ready' and z.priority = q.priority
      order by z.claim_key desc, z.enqueued_at desc limit 1
    ) as last
) h
where q.job_id = $1;

-- name: list_jobs
select j.* from public.prompt_generation_jobs j
where ($1::uuid is null or j.user_id = $1)
  and ($2::text is null or j.status = $2)
  and ($3::uuid is null or j.row_id = $3)
  and ($4::timestamptz is null or j.created_at >= $4)
  and ($5::timestamptz is null or (j.created_at, j.id) < ($5, $6::uuid))
order by j.created_at desc, j.id desc
limit $7;

-- name: events_of_job
select e.id, e.kind, e.data, e.created_at from public.prompt_job_events e
where e.job_id = $1 order by e.id;

-- name: calls_of_job
select c.call_id, c.model, c.served_model, c.state, c.http_status, c.error_code, c.cost_usd,
  c.started_at, c.ended_at
from public.provider_calls c
where c.job_id = $1 order by c.started_at;

-- name: claim
select c.id, c.user_id, c.ref_urls, c.target_url, c.priority, c.retry_count, c.max_retries,
  c.lease_token, o.min_quality, o.operation, o.existing_prompt, o.user_instructions,
  w.cache, w.stream, case when $6 then public.prompt_job_trace(c.id) end as trace_context
from public.claim_prompt_jobs($1, $2, $3, $4, $5) c
cross join lateral public.prompt_job_options(c.id) o
cross join lateral public.prompt_job_wishes(c.id) w;

-- name: heartbeat
select h as job_id from public.heartbeat_prompt_jobs($1, $2, $3) h;

-- name: settle
select s.job_id, s.applied, s.status from public.settle_prompt_jobs($1) s;

-- name: held_back
select h.seconds
from public.prompt_model_gates g
cross join lateral (
  -- Room for a few at once spares claims that take one.
  select extract(epoch from greatest(g.claims_at - interval '0.8 seconds', g.closed_until)
    - clock_timestamp())::float8
) h (seconds)
where g.model = $1 and h.seconds > 0 and exists (
  select from public.prompt_job_queue q where q.state = 'ready'
);

-- name: begin_calls
select b.call_id, b.verdict, o.wait_seconds, o.outage_seconds,
  case b.verdict when 'granted' then public.prompt_send_delay(b.call_id) end as send_in,
  case b.verdict when 'rate_limited' then public.prompt_gate_wait(c.model) end as gate_seconds,
  case b.verdict when 'user_budget' then
    86400 - mod(extract(epoch from clock_timestamp()), 86400)::float8
  end as day_left_seconds
from public.begin_provider_calls($1) b
join jsonb_to_recordset($1) as c (call_id uuid, model text) on c.call_id = b.call_id
left join lateral public.prompt_model_outage(c.model) o on true;

-- name: end_calls
select public.end_provider_calls($1);

-- name: cancel
select c.outcome, c.status, c.spent_usd, c.calls, c.call_in_flight
from public.cancel_prompt_job($1, $2) c;

-- name: saved_by_cancel
select (e.data ->> 'savedUsd')::numeric as saved_usd from public.prompt_job_events e
where e.job_id = $1 and e.kind = 'cancelled';

-- name: retry
select r.outcome, r.status from public.retry_prompt_job($1, $2, $3) r;

-- name: supply_prompt
select s.outcome, s.job_id from public.supply_prompt($1, $2, $3, $4, $5) s;

-- name: retry_many
select public.retry_prompt_jobs($1, $2, $3, $4, $5, $6) as retried;

-- name: pause
select public.pause_prompt_queue($1, $2, $3, $4, $5) as changed;

-- name: resume
select public.resume_prompt_queue($1, $2, $3, $4, $5) as changed;

-- name: pauses
select nullif(p.model, '') as model, p.reason, p.actor, p.paused_at
from public.prompt_queue_pauses p order by p.model;

-- name: set_breaker
select public.set_prompt_breaker($1, $2, $3, $4, $5) as changed;

-- name: model_health
select h.model, case when h.state = 'open' and h.open_until <= clock_timestamp() then 'half_open'
    else h.state end as state,
  h.by_hand, h.cause, o.outage_seconds as open_seconds, o.wait_seconds,
  least(20, h.retries_left + 0.5 * extract(epoch from clock_timestamp() - h.counted_at)::float8)
    as retries_left,
  h.listed, h.listed_at, h.redirected, l.requests_per_second, l.tokens_per_minute,
  case when g.model is not null
    then public.prompt_gate_rate(g, l.requests_per_second, clock_timestamp()) end as rate,
  greatest(extract(epoch from g.closed_until - clock_timestamp())::float8, 0) as limited_seconds
from public.prompt_model_health h
left join lateral public.prompt_model_outage(h.model) o on true
left join public.prompt_model_limits l on l.model = h.model
left join public.prompt_model_gates g
  on g.model = h.model and l.requests_per_second is not null
order by h.model;

-- name: set_limit
select public.set_prompt_limit($1, $2, $3, $4, $5, $6) as changed;

-- name: listed_models
select h.model, h.listed from public.prompt_model_health h
where h.model = any ($1) and h.listed is not null
  and h.listed_at > clock_timestamp() - make_interval(secs => $2);

-- name: note_listed_models
select public.note_listed_models($1, $2);

-- name: operator_log
select l.at, l.actor, l.act, l.model, l.about, l.reason from public.prompt_operator_log l
order by l.id desc limit $1;

-- name: prune_operator_log
delete from public.prompt_operator_log l
where l.at < clock_timestamp() - make_interval(secs => $1 * 86400);

-- name: prune_jobs
select p.deleted, p.after
from public.prune_prompt_jobs($1, $2, coalesce($3, '-infinity'::timestamptz), $4) p;

-- name: compact_tally
select public.compact_prompt_queue_tally();

-- name: prune_events
select public.prune_prompt_job_events($1, $2) as deleted;

-- name: prune_calls
select public.prune_provider_calls($1, $2) as deleted;

-- name: free_expired_leases
select public.free_expired_prompt_leases();

-- name: look_after
select public.free_expired_prompt_leases() + public.free_expired_picture_leases() as freed,
  public.wake_due_prompt_jobs() as woken,
  public.ready_job_waits() as waiting,
  -- The order is that of an index: with stale statistics, too, it reads one row.
  (
    select q.job_id from public.prompt_job_queue q
    where q.state = 'capped' order by q.user_id, q.priority desc, q.claim_key limit 1
  ) is not null as capped,
  public.picture_is_due() as pictures,
  public.webhook_is_due() as webhooks;

-- name: renew_queue
select public.renew_prompt_job_queue() as renewed;

-- name: readmit
select public.readmit_prompt_jobs() as readmitted;

-- name: echo
select pg_notify($1, '');

-- name: stats
select * from public.get_prompt_queue_stats();

-- name: worker_seen
select public.prompt_worker_seen($1, $2, $3, $4, $5);

-- name: worker_gone
delete from public.prompt_queue_workers w where w.worker = $1;

-- name: workers
select w.worker, w.host, w.pid, w.concurrency, w.busy, w.started_at,
  extract(epoch from clock_timestamp() - w.seen_at)::float8 as silent_seconds
from public.prompt_queue_workers w order by w.started_at;

-- name: take_singleton
select public.take_prompt_singleton($1, $2, $3) as token;

-- name: release_singleton
select public.release_prompt_singleton($1, $2);

-- name: database_facts
select current_setting('server_version') as version,
  current_setting('server_version_num')::int as version_number,
  extract(epoch from clock_timestamp())::float8 as clock_seconds,
  current_setting('max_connections')::int as max_connections,
  (select count(*) from pg_stat_activity) as connections;

-- name: limit_users
select public.set_prompt_user_limit($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: user_limit
select l.user_id, l.usd_a_day, l.pictures_a_day, l.queued, l.requests_a_second, l.by_hand
from public.prompt_user_limit($1) l;

-- name: user_spent
select public.prompt_user_spent($1, clock_timestamp()) as usd;

-- name: admit
select a.verdict, a.allowed, a.retry_seconds from public.admit_prompt_request($1, $2, $3) a;

-- name: take_requests
select t.taken, t.remaining, t.next_seconds from public.take_prompt_requests($1, $2, $3, $4) t;
