-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> admit_capped_prompt_jobs
-- Makes jobs claimable that waited for their user's share, up to the cap; without a cap, all.
-- Returns how many. The caller holds the lock of lease_prompt_jobs().
create or replace function public.admit_capped_prompt_jobs(p_cap int, p_limit int default 1000)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_count int;
begin
  with recursive users as (
    (
      select q.user_id
      from public.prompt_job_queue q
      where q.state = 'capped'
      order by q.user_id
      limit 1
    )
    union all
    select (
      select q.user_id
      from public.prompt_job_queue q
      where q.state = 'capped' and q.user_id > u.user_id
      order by q.user_id
      limit 1
    )
    from users u
    where u.user_id is not null
  ),
  admitted as materialized (
    select c.job_id
    from users u
    cross join lateral (
      select q.job_id
      from public.prompt_job_queue q
      where q.state = 'capped' and q.user_id = u.user_id
      order by q.priority desc, q.claim_key
      limit case
        when p_cap is null then p_limit
        else greatest(p_cap - (
          select count(*)
          from public.prompt_job_queue o
          where o.user_id = u.user_id and o.state = 'leased'
        ), 0)
      end
    ) c
    limit p_limit
  )
  update public.prompt_job_queue q
  set state = 'ready'
  from admitted a
  where q.job_id = a.job_id and q.state = 'capped';
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
-- <<< admit_capped_prompt_jobs

-- >>> begin_provider_calls
-- Writes the intent of paid calls before a byte leaves. p_calls is an array of
-- {call_id, job_id, lease_token, model, provider, leg, worker}. Verdict per call: granted;
-- lease_lost (the token is not the current one); model_paused; outcome_unknown (more than max_retries sends of
-- this job never got an answer, so that another one could buy the same thing again).
create or replace function public.begin_provider_calls(p_calls jsonb)
returns table (call_id uuid, verdict text)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  -- A statement sees what was committed when it began, so the wait for the lock comes before it.
  perform 1 from public.prompt_job_queue q
  where q.job_id in (select (o ->> 'job_id')::uuid from jsonb_array_elements(p_calls) o)
  order by q.job_id
  for update;
  return query
  with asked as materialized (
    select *
    from jsonb_to_recordset(p_calls) as c (
      call_id uuid, job_id uuid, lease_token uuid, model text, provider text, leg text, worker text
    )
  ),
  held as materialized (
    select q.job_id, q.user_id, q.lease_token
    from public.prompt_job_queue q
    where q.job_id in (select a.job_id from asked a)
    order by q.job_id
    for update
  ),
  judged as materialized (
    select a.*, h.user_id,
      case
        when h.lease_token is null or h.lease_token <> a.lease_token then 'lease_lost'
        when exists (
          select from public.prompt_queue_pauses p where p.model = a.model
        ) then 'model_paused'
        when (
          select count(*)
          from public.provider_calls c
          where c.job_id = a.job_id and c.leg = coalesce(a.leg, 'prompt')
            and c.call_id <> a.call_id and c.state <> 'answered' and c.started_at > coalesce(j.retried_at, '-infinity')
        ) > j.max_retries then 'outcome_unknown'
        else 'granted'
      end as verdict
    from asked a
    left join held h on h.job_id = a.job_id
    left join public.prompt_generation_jobs j on j.id = a.job_id
  ),
  written as (
    insert into public.provider_calls (
      call_id, job_id, user_id, lease_token, worker, provider, leg, model
    )
    select j.call_id, j.job_id, j.user_id, j.lease_token, j.worker, coalesce(j.provider, 'xai'),
      coalesce(j.leg, 'prompt'), j.model
    from judged j
    where j.verdict = 'granted'
    on conflict do nothing
  )
  select j.call_id, j.verdict from judged j;
end
$$;
-- <<< begin_provider_calls

-- >>> cancel_prompt_job
-- Cancels one job, final in the database at once; with p_user_id only if it is that user's.
-- The event's savedUsd is what the call would have cost that is not made any more, by the mean of
-- the last ten; absent where a call is in flight or nothing is known.
-- outcome: cancelled, already_cancelled, already_final (completed or failed first) or not_found.
create or replace function public.cancel_prompt_job(p_job_id uuid, p_user_id uuid default null)
returns table (outcome text, status text, spent_usd numeric, calls bigint, call_in_flight boolean)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.cancel'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
  v_outcome text;
  v_in_flight boolean;
  v_saved numeric;
begin
  -- The queue row is the lock that settle, reap and cancel all take first.
  perform 1 from public.prompt_job_queue q where q.job_id = p_job_id for update;
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id);
  if not found then
    return query select 'not_found', null::text, 0::numeric, 0::bigint, false;
    return;
  end if;
  select coalesce(bool_or(c.state = 'sent') and v_job.status = 'processing', false)
  into v_in_flight
  from public.provider_calls c
  where c.job_id = p_job_id;
  if v_job.status in ('queued', 'processing') then
    if not v_in_flight then
      select round(avg(c.cost_usd), 6) into v_saved
      from (
        select l.cost_usd from public.provider_calls l
        where l.cost_usd is not null
        order by l.started_at desc
        limit 10
      ) c;
    end if;
    delete from public.prompt_job_queue q where q.job_id = p_job_id;
    update public.prompt_generation_jobs j
    set status = 'cancelled', completed_at = v_now, updated_at = v_now
    where j.id = p_job_id;
    update public.jobs d set prompt_status = 'failed' where d.prompt_job_id = p_job_id;
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_job.user_id, 'cancelled',
      jsonb_strip_nulls(jsonb_build_object('savedUsd', v_saved)));
    v_outcome := 'cancelled';
  elsif v_job.status = 'cancelled' then
    v_outcome := 'already_cancelled';
  else
    v_outcome := 'already_final';
  end if;
  return query
  select v_outcome, case v_outcome when 'cancelled' then 'cancelled' else v_job.status end,
    coalesce(sum(c.cost_usd), 0), count(*), v_in_flight
  from public.provider_calls c
  where c.job_id = p_job_id;
end
$$;
-- <<< cancel_prompt_job

-- >>> claim_prompt_jobs
-- Takes up to p_limit jobs in the order of lease_prompt_jobs(). Each comes with a random lease
-- token that every later write about it must show. A caller that names no worker is taken to be
-- one that sends no heartbeats: it gets a long lease and frees expired ones itself. Nothing is
-- given out while the queue, or every one of p_models, is paused.
create or replace function public.claim_prompt_jobs(
  p_limit int default 3,
  p_worker text default null,
  p_lease_seconds double precision default 300,
  p_attempt_seconds double precision default null,
  p_models text[] default null
)
returns table (
  id uuid, row_id uuid, model_id uuid, user_id uuid, ref_urls text[], target_url text, status text,
  generated_prompt text, error text, retry_count int, max_retries int, priority int,
  created_at timestamptz, updated_at timestamptz, started_at timestamptz, completed_at timestamptz,
  error_code text, source text, model text, lease_token uuid, lease_until timestamptz
)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.claim'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job_ids uuid[];
begin
  if p_worker is null then
    perform public.free_expired_prompt_leases();
  end if;
  perform public.wake_due_prompt_jobs();
  if exists (select from public.prompt_queue_pauses p where p.model = '') or (
    p_models <> '{}' and not exists (
      select from unnest(p_models) as m (model)
      where not exists (select from public.prompt_queue_pauses p where p.model = m.model)
    )
  ) then
    return;
  end if;
  v_job_ids := public.lease_prompt_jobs(
    greatest(least(p_limit, 1000), 0), coalesce(p_worker, 'rpc'), p_lease_seconds,
    p_attempt_seconds
  );
  return query
  with leased as materialized (
    select q.*, t.place
    from unnest(v_job_ids) with ordinality as t (job_id, place)
    join public.prompt_job_queue q on q.job_id = t.job_id
  ),
  started as (
    update public.prompt_generation_jobs j
    set status = 'processing', started_at = coalesce(j.started_at, v_now), updated_at = v_now
    from leased l
    where j.id = l.job_id
    returning j.*
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select l.job_id, l.user_id, 'claimed', jsonb_build_object('worker', l.worker)
    from leased l
    order by l.place
  )
  select s.id, s.row_id, s.model_id, s.user_id, s.ref_urls, s.target_url, s.status,
    s.generated_prompt, s.error, s.retry_count, s.max_retries, s.priority, s.created_at,
    s.updated_at, s.started_at, s.completed_at, s.error_code, s.source, s.model,
    l.lease_token, l.lease_until
  from leased l
  join started s on s.id = l.job_id
  order by l.place;
end
$$;
-- <<< claim_prompt_jobs

-- >>> free_expired_prompt_leases
-- Takes jobs away from workers that fell silent: back to the queue, or, the third time, out of it
-- as failed (worker_died). Check and change are one statement. Returns how many leases were freed.
create or replace function public.free_expired_prompt_leases(p_limit int default 100)
returns int
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.reap'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with expired as materialized (
    select q.job_id, q.user_id, q.worker, q.lease_losses + 1 as losses
    from public.prompt_job_queue q
    where q.state = 'leased' and q.lease_until < v_now
    order by q.job_id
    limit p_limit
    for update skip locked
  ),
  requeued as (
    update public.prompt_job_queue q
    set state = 'ready', lease_token = null, lease_until = null, attempt_until = null,
      worker = null,
      lease_losses = e.losses
    from expired e
    where q.job_id = e.job_id and e.losses < 3
  ),
  quarantined as (
    delete from public.prompt_job_queue q
    using expired e
    where q.job_id = e.job_id and e.losses >= 3
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = case when e.losses < 3 then 'queued' else 'failed' end,
      error = case when e.losses < 3 then j.error else
        'The request stopped three workers and was set aside; the operator has to look at it.' end,
      error_code = case when e.losses < 3 then j.error_code else 'worker_died' end,
      completed_at = case when e.losses < 3 then null else v_now end,
      updated_at = v_now
    from expired e
    where j.id = e.job_id
  ),
  dependents as (
    update public.jobs d
    set prompt_status = 'failed'
    from expired e
    where d.prompt_job_id = e.job_id and e.losses >= 3
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select e.job_id, e.user_id, 'lease_lost',
      jsonb_build_object('worker', e.worker, 'losses', e.losses)
    from expired e
    union all
    select e.job_id, e.user_id, 'failed', jsonb_build_object('code', 'worker_died')
    from expired e
    where e.losses >= 3
  )
  select count(*) into v_count from expired;
  return v_count;
end
$$;
-- <<< free_expired_prompt_leases

-- >>> get_prompt_queue_stats
-- The queue at a glance. Waits and processing times are means over the last 1,000 completed jobs,
-- in seconds; slots is what all workers seen in the last 30 seconds handle at once.
create or replace function public.get_prompt_queue_stats()
returns table (
  total_queued bigint, total_processing bigint, total_completed bigint, total_failed bigint,
  avg_wait_time_seconds numeric, total_cancelled bigint, avg_processing_seconds numeric,
  oldest_queued_seconds numeric, workers bigint, slots bigint, unfenced_writes bigint,
  completed_last_minute bigint, failed_last_hour bigint, completed_last_hour bigint,
  paused boolean, capped bigint
)
language sql
stable
set search_path = ''
as $$
  with waiting as (
    select count(*) filter (where q.state <> 'leased') as queued,
      count(*) filter (where q.state = 'leased') as processing,
      count(*) filter (where q.state = 'capped') as capped,
      min(q.enqueued_at) filter (where q.state <> 'leased') as oldest
    from public.prompt_job_queue q
  ),
  recent as (
    select avg(extract(epoch from r.started_at - r.created_at)) as wait,
      avg(extract(epoch from r.completed_at - r.started_at)) as processing
    from (
      select j.created_at, j.started_at, j.completed_at
      from public.prompt_generation_jobs j
      where j.status = 'completed'
      order by j.completed_at desc
      limit 1000
    ) r
  ),
  alive as (
    select count(*) as workers, coalesce(sum(w.concurrency), 0) as slots
    from public.prompt_queue_workers w
    where w.seen_at > clock_timestamp() - interval '30 seconds'
  )
  select waiting.queued, waiting.processing,
    (select count(*) from public.prompt_generation_jobs j where j.status = 'completed'),
    (select count(*) from public.prompt_generation_jobs j where j.status = 'failed'),
    round(coalesce(recent.wait, 0), 3),
    (select count(*) from public.prompt_generation_jobs j where j.status = 'cancelled'),
    round(recent.processing, 3),
    round(greatest(extract(epoch from clock_timestamp() - waiting.oldest), 0), 3),
    alive.workers, alive.slots,
    (select count(*) from public.prompt_job_events e where e.kind = 'unfenced_write'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'completed' and j.completed_at > clock_timestamp() - interval '1 minute'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'failed' and j.updated_at > clock_timestamp() - interval '1 hour'),
    (select count(*) from public.prompt_generation_jobs j
     where j.status = 'completed' and j.completed_at > clock_timestamp() - interval '1 hour'),
    exists (select from public.prompt_queue_pauses p where p.model = ''), waiting.capped
  from waiting, recent, alive
$$;
-- <<< get_prompt_queue_stats

-- >>> heartbeat_prompt_jobs
-- Renews the leases whose token is still the current one, at most up to the end of their attempt,
-- and returns their job ids; a job that is missing from the answer is no longer the caller's.
create or replace function public.heartbeat_prompt_jobs(
  p_job_ids uuid[],
  p_lease_tokens uuid[],
  p_lease_seconds double precision
)
returns setof uuid
language sql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  with held as materialized (
    select q.job_id
    from unnest(p_job_ids, p_lease_tokens) as h (job_id, lease_token)
    join public.prompt_job_queue q on q.job_id = h.job_id and q.lease_token = h.lease_token
    order by q.job_id
    for update of q
  )
  update public.prompt_job_queue q
  set lease_until = least(
    clock_timestamp() + make_interval(secs => p_lease_seconds), q.attempt_until
  )
  from held
  where q.job_id = held.job_id
  returning q.job_id
$$;
-- <<< heartbeat_prompt_jobs

-- >>> lease_prompt_jobs
-- Takes up to p_limit claimable jobs and returns their ids. The ten lanes are asked in the order
-- of their heads' age, where one step of priority counts as ageing_seconds of waiting; a lane
-- gives jobs until the next lane's head is due. With a cap, jobs above their user's share leave
-- the lanes, and callers take turns, because only then is the count exact.
create or replace function public.lease_prompt_jobs(
  p_limit int, p_worker text, p_lease_seconds double precision, p_attempt_seconds double precision
)
returns uuid[]
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_settings public.prompt_queue_settings;
  v_cap int;
  v_step interval;
  v_lane record;
  v_empty smallint[] := '{}';
  v_taken uuid[];
  v_seen int;
  v_leased uuid[] := '{}';
begin
  select * into v_settings from public.prompt_queue_settings;
  v_cap := v_settings.user_in_flight_cap;
  v_step := make_interval(secs => coalesce(v_settings.ageing_seconds, 600));
  if v_cap is not null or exists (
    select from public.prompt_job_queue q where q.state = 'capped'
  ) then
    perform pg_advisory_xact_lock(hashtextextended('prompt_queue.cap', 0));
    perform public.admit_capped_prompt_jobs(v_cap);
  end if;
  for v_round in 1..50 loop
    exit when cardinality(v_leased) >= p_limit;
    select h.priority, lead(h.due) over (order by h.due) as next_due into v_lane
    from generate_series(1, 10) as lane (priority)
    cross join lateral (
      select q.priority, q.enqueued_at - v_step * q.priority as due
      from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = lane.priority::smallint
      order by q.claim_key, q.enqueued_at
      limit 1
    ) h
    where h.priority <> all (v_empty)
    order by h.due
    limit 1;
    exit when not found;
    with waiting as materialized (
      select q.job_id, q.user_id, q.claim_key, q.enqueued_at,
        q.enqueued_at - v_step * q.priority as due
      from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = v_lane.priority
      order by q.claim_key, q.enqueued_at
      limit greatest(p_limit - cardinality(v_leased), case when v_cap is null then 0 else 100 end)
      for update skip locked
    ),
    numbered as (
      select w.*, row_number() over (order by w.claim_key, w.enqueued_at) as place,
        row_number() over (partition by w.user_id order by w.claim_key, w.enqueued_at) as of_user
      from waiting w
    ),
    judged as materialized (
      select n.job_id, n.place,
        case when v_cap is null then false else n.of_user + (
          select count(*)
          from public.prompt_job_queue o
          where o.user_id = n.user_id and o.state = 'leased'
        ) > v_cap end as above_cap
      from numbered n
      -- The second half keeps large claims from looking at the lanes once a job.
      where v_lane.next_due is null or n.due <= v_lane.next_due or n.place <= 1 + p_limit / 8
    ),
    chosen as materialized (
      select j.job_id, j.place from judged j where not j.above_cap
      order by j.place
      limit p_limit - cardinality(v_leased)
    ),
    leased as (
      update public.prompt_job_queue q
      set state = 'leased', lease_token = gen_random_uuid(),
        lease_until = v_now + make_interval(secs => p_lease_seconds),
        attempt_until = v_now + make_interval(secs => p_attempt_seconds),
        worker = p_worker, next_attempt_at = null
      from chosen c
      where q.job_id = c.job_id
      returning q.job_id, c.place
    ),
    set_aside as (
      update public.prompt_job_queue q
      set state = 'capped'
      from judged j
      where q.job_id = j.job_id and j.above_cap
    )
    select (select array_agg(l.job_id order by l.place) from leased l), (select count(*) from judged)
    into v_taken, v_seen;
    v_leased := v_leased || coalesce(v_taken, '{}');
    if v_seen = 0 then
      v_empty := v_empty || v_lane.priority;
    end if;
  end loop;
  return v_leased;
end
$$;
-- <<< lease_prompt_jobs

-- >>> pause_prompt_queue
-- Stops the whole queue, or with p_model the calls to one model; jobs that run are finished.
-- Returns false where it was paused already: the first reason is kept.
create or replace function public.pause_prompt_queue(
  p_model text default null, p_reason text default null, p_actor text default 'operator'
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  insert into public.prompt_queue_pauses (model, reason, actor)
  values (coalesce(p_model, ''), p_reason, p_actor)
  on conflict do nothing;
  return found;
end
$$;
-- <<< pause_prompt_queue

-- >>> prompt_claim_key
-- The turn of a user's next job within a priority: start-time fair queueing with equal weights.
-- A user who comes anew starts one turn after the head of the lane, a user who has jobs waiting
-- one turn after the last of them, so that ten thousand jobs of one user cost another user's
-- single job one turn. Equal turns go by age.
create or replace function public.prompt_claim_key(p_user_id uuid, p_priority int)
returns bigint
language sql
volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select greatest(
    least(
      (
        select q.claim_key + 1
        from public.prompt_job_queue q
        where q.state = 'ready' and q.priority = p_priority
        order by q.claim_key, q.enqueued_at
        limit 1
      ),
      (extract(epoch from clock_timestamp()) * 1000000)::bigint
    ),
    (
      select q.claim_key + 1
      from public.prompt_job_queue q
      where q.state = 'ready' and q.user_id = p_user_id and q.priority = p_priority
      order by q.claim_key desc
      limit 1
    )
  )
$$;
-- <<< prompt_claim_key

-- >>> prompt_job_position
-- How many jobs will be claimed before this one, counted up to p_limit; null if it does not wait.
create or replace function public.prompt_job_position(p_job_id uuid, p_limit int default 1000)
returns int
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_place public.prompt_job_queue;
  v_above int;
  v_before int := 0;
begin
  select * into v_place
  from public.prompt_job_queue q where q.job_id = p_job_id and q.state <> 'leased';
  if not found then
    return null;
  end if;
  select count(*) into v_above from (
    select from public.prompt_job_queue q
    where q.state = 'ready' and q.priority > v_place.priority
    limit p_limit
  ) lanes_above;
  if v_above < p_limit then
    select count(*) into v_before from (
      select from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = v_place.priority
        and (q.claim_key, q.enqueued_at) < (v_place.claim_key, v_place.enqueued_at)
      limit p_limit - v_above
    ) same_lane;
  end if;
  return v_above + v_before;
end
$$;
-- <<< prompt_job_position

-- >>> prompt_jobs_inserted
-- Makes every inserted job a full citizen, also one that a client inserted with the mission's
-- columns alone: its place in the queue, its first event, and a wake-up for one idle worker.
create or replace function public.prompt_jobs_inserted()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_was_empty boolean := not exists (
    select from public.prompt_job_queue q where q.state = 'ready'
  );
begin
  insert into public.prompt_job_queue (job_id, user_id, priority, claim_key, enqueued_at)
  with turns as materialized (
    select d.user_id, d.priority, public.prompt_claim_key(d.user_id, d.priority) as first_key
    from (select distinct i.user_id, i.priority from inserted i where i.status = 'queued') d
  )
  select n.id, n.user_id, n.priority,
    t.first_key - 1
      + row_number() over (partition by n.user_id, n.priority order by n.created_at, n.id),
    -- Neighbours of one statement keep their order.
    v_now + make_interval(secs => row_number() over (order by n.created_at, n.id) / 1000000.0)
  from inserted n
  join turns t on t.user_id = n.user_id and t.priority = n.priority
  where n.status = 'queued';
  if not found then
    return null;
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  select n.id, n.user_id, 'queued', jsonb_build_object('priority', n.priority)
  from inserted n
  where n.status = 'queued';
  -- A busy queue needs no wake-up, and NOTIFY makes concurrent commits queue for one lock.
  if v_was_empty then
    notify prompt_queue;
  end if;
  return null;
end
$$;
-- <<< prompt_jobs_inserted

-- >>> prune_prompt_job_events
-- Deletes events older than p_days from the old end of the table; returns how many.
create or replace function public.prune_prompt_job_events(
  p_days double precision, p_limit int default 5000
)
returns bigint
language sql
set search_path = ''
as $$
  with oldest as materialized (
    select e.id, e.created_at from public.prompt_job_events e order by e.id limit p_limit
  ),
  gone as (
    delete from public.prompt_job_events e
    using oldest o
    where e.id = o.id
      and o.created_at < clock_timestamp() - make_interval(secs => p_days * 86400)
    returning e.id
  )
  select count(*) from gone
$$;
-- <<< prune_prompt_job_events

-- >>> prune_prompt_jobs
-- Deletes final jobs older than p_days, except those that a row of jobs still names. Looks at
-- p_limit jobs from p_after on, oldest first, and says where the next batch begins: kept jobs are
-- not looked at again and again. after is null at the end.
create or replace function public.prune_prompt_jobs(
  p_days double precision,
  p_status text,
  p_after timestamptz default '-infinity',
  p_limit int default 500
)
returns table (deleted bigint, after timestamptz)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_days * 86400);
  v_ids uuid[];
  v_last timestamptz;
begin
  if p_status = 'completed' then
    select array_agg(o.id), max(o.at) into v_ids, v_last
    from (
      select j.id, j.completed_at as at from public.prompt_generation_jobs j
      where j.status = 'completed' and j.completed_at >= p_after and j.completed_at < v_before
      order by j.completed_at limit p_limit
    ) o;
  elsif p_status = 'failed' then
    select array_agg(o.id), max(o.at) into v_ids, v_last
    from (
      select j.id, j.updated_at as at from public.prompt_generation_jobs j
      where j.status = 'failed' and j.updated_at >= p_after and j.updated_at < v_before
      order by j.updated_at limit p_limit
    ) o;
  elsif p_status = 'cancelled' then
    select array_agg(o.id), max(o.at) into v_ids, v_last
    from (
      select j.id, j.updated_at as at from public.prompt_generation_jobs j
      where j.status = 'cancelled' and j.updated_at >= p_after and j.updated_at < v_before
      order by j.updated_at limit p_limit
    ) o;
  else
    raise exception 'only completed, failed and cancelled jobs are pruned, not %', p_status
      using errcode = 'invalid_parameter_value';
  end if;
  return query
  with locked as materialized (
    select j.id
    from public.prompt_generation_jobs j
    where j.id = any (v_ids) and j.status = p_status
      and not exists (select from public.jobs d where d.prompt_job_id = j.id)
    order by j.id
    for update skip locked
  ),
  gone as (
    delete from public.prompt_generation_jobs j using locked l where j.id = l.id returning j.id
  )
  select count(*), case when cardinality(v_ids) = p_limit and v_last > p_after then v_last end
  from gone;
end
$$;
-- <<< prune_prompt_jobs

-- >>> prune_provider_calls
-- Deletes calls older than p_days whose job is over; returns how many.
create or replace function public.prune_provider_calls(
  p_days double precision, p_limit int default 5000
)
returns bigint
language sql
set search_path = ''
as $$
  with oldest as materialized (
    select c.call_id
    from public.provider_calls c
    where c.started_at < clock_timestamp() - make_interval(secs => p_days * 86400)
      and not exists (select from public.prompt_job_queue q where q.job_id = c.job_id)
    order by c.started_at
    limit p_limit
  ),
  gone as (
    delete from public.provider_calls c using oldest o where c.call_id = o.call_id
    returning c.call_id
  )
  select count(*) from gone
$$;
-- <<< prune_provider_calls

-- >>> resume_prompt_queue
-- Lets the whole queue, or with p_model the calls to one model, go on; wakes the workers.
-- Returns false where nothing was paused.
create or replace function public.resume_prompt_queue(p_model text default null)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  delete from public.prompt_queue_pauses p where p.model = coalesce(p_model, '');
  if found then
    notify prompt_queue;
    return true;
  end if;
  return false;
end
$$;
-- <<< resume_prompt_queue

-- >>> retry_prompt_job
-- An explicit, audited act: reopens a failed job with all its retries, and dependents that failed
-- with it wait again. outcome: retried, not_failed or not_found.
create or replace function public.retry_prompt_job(
  p_job_id uuid,
  p_user_id uuid default null,
  p_actor text default 'operator'
)
returns table (outcome text, status text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.retry'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
begin
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id)
  for update;
  if not found then
    return query select 'not_found', null::text;
    return;
  end if;
  if v_job.status <> 'failed' then
    return query select 'not_failed', v_job.status;
    return;
  end if;
  update public.prompt_generation_jobs j
  set status = 'queued', retry_count = 0, error = null, error_code = null, started_at = null,
    completed_at = null, updated_at = v_now, retried_at = v_now
  where j.id = p_job_id;
  insert into public.prompt_job_queue (job_id, user_id, priority, claim_key)
  values (
    p_job_id, v_job.user_id, v_job.priority, public.prompt_claim_key(v_job.user_id, v_job.priority)
  );
  update public.jobs d
  set prompt_status = 'generating'
  where d.prompt_job_id = p_job_id and d.prompt_status = 'failed';
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_job.user_id, 'retried', jsonb_build_object('actor', p_actor));
  notify prompt_queue;
  return query select 'retried', 'queued';
end
$$;
-- <<< retry_prompt_job

-- >>> retry_prompt_jobs
-- Reopens failed jobs, those that failed last first, at most p_limit of them; null in a filter
-- means any. Returns how many.
create or replace function public.retry_prompt_jobs(
  p_user_id uuid default null,
  p_error_code text default null,
  p_failed_after timestamptz default null,
  p_failed_before timestamptz default null,
  p_limit int default 1000,
  p_actor text default 'operator'
)
returns bigint
language sql
set search_path = ''
as $$
  with wanted as materialized (
    select j.id
    from public.prompt_generation_jobs j
    where j.status = 'failed'
      and (p_user_id is null or j.user_id = p_user_id)
      and (p_error_code is null or j.error_code = p_error_code)
      and (p_failed_after is null or j.updated_at >= p_failed_after)
      and (p_failed_before is null or j.updated_at < p_failed_before)
    order by j.updated_at desc
    limit p_limit
  )
  select count(*)
  from (select w.id from wanted w order by w.id) o
  cross join lateral public.retry_prompt_job(o.id, p_user_id, p_actor) r
  where r.outcome = 'retried'
$$;
-- <<< retry_prompt_jobs

-- >>> settle_prompt_jobs
-- Carries out what became of claimed jobs. p_outcomes is an array of {job_id, lease_token, outcome,
-- prompt, error, error_code, source, model, delay_seconds}; outcome is completed, failed, retry
-- (burns a retry), postponed or released (neither burns one). The token must be the current one;
-- only a completed prompt, which is paid for, is also taken from a worker that lost its lease,
-- while the job is open. Dependents in jobs follow in the same transaction.
create or replace function public.settle_prompt_jobs(p_outcomes jsonb)
returns table (job_id uuid, applied boolean, status text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.settle'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  -- A statement sees what was committed when it began, so the wait for the lock comes before it.
  perform 1 from public.prompt_job_queue q
  where q.job_id in (select (o ->> 'job_id')::uuid from jsonb_array_elements(p_outcomes) o)
  order by q.job_id
  for update;
  return query
  with proposed as materialized (
    select distinct on (o.job_id) o.*
    from jsonb_to_recordset(p_outcomes) as o (
      job_id uuid, lease_token uuid, outcome text, prompt text, error text, error_code text,
      source text, model text, delay_seconds double precision
    )
    order by o.job_id
  ),
  held as materialized (
    select q.job_id, q.user_id, q.lease_token
    from public.prompt_job_queue q
    where q.job_id in (select p.job_id from proposed p)
    order by q.job_id
    for update
  ),
  accepted as materialized (
    select p.*, h.user_id,
      case
        when p.outcome = 'retry' and j.retry_count >= j.max_retries then 'failed'
        else p.outcome
      end as act,
      greatest(coalesce(p.delay_seconds, 0), 0) as delay
    from proposed p
    join held h on h.job_id = p.job_id
    join public.prompt_generation_jobs j on j.id = p.job_id
    where h.lease_token = p.lease_token or p.outcome = 'completed'
  ),
  removed as (
    delete from public.prompt_job_queue q
    using accepted a
    where q.job_id = a.job_id and a.act in ('completed', 'failed')
  ),
  returned as (
    update public.prompt_job_queue q
    set state = case when a.delay > 0 then 'delayed' else 'ready' end,
      next_attempt_at = case when a.delay > 0 then v_now + make_interval(secs => a.delay) end,
      lease_token = null, lease_until = null, attempt_until = null, worker = null
    from accepted a
    where q.job_id = a.job_id and a.act in ('retry', 'postponed', 'released')
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = case when a.act in ('completed', 'failed') then a.act else 'queued' end,
      generated_prompt = case when a.act = 'completed' then a.prompt else j.generated_prompt end,
      error = case a.act when 'completed' then null when 'released' then j.error else a.error end,
      error_code = case a.act
        when 'completed' then null when 'released' then j.error_code else a.error_code end,
      source = case when a.act = 'completed' then coalesce(a.source, 'model') end,
      model = case when a.act = 'completed' then a.model end,
      retry_count = j.retry_count + (a.act = 'retry')::int,
      completed_at = case when a.act in ('completed', 'failed') then v_now end,
      updated_at = v_now
    from accepted a
    where j.id = a.job_id
    returning j.id, j.status, j.retry_count
  ),
  dependents as (
    update public.jobs d
    set prompt_status = a.act
    from accepted a
    where d.prompt_job_id = a.job_id and a.act in ('completed', 'failed')
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select a.job_id, a.user_id, case a.act when 'retry' then 'retry_scheduled' else a.act end,
      jsonb_strip_nulls(jsonb_build_object(
        'code', a.error_code, 'model', a.model, 'source', a.source,
        'delaySeconds', nullif(a.delay, 0)
      ))
    from accepted a
    union all
    select p.job_id, j.user_id, 'stale_write_refused',
      jsonb_strip_nulls(jsonb_build_object('outcome', p.outcome, 'code', p.error_code))
    from proposed p
    join public.prompt_generation_jobs j on j.id = p.job_id
    where not exists (select from accepted a where a.job_id = p.job_id)
  )
  select p.job_id, r.id is not null, coalesce(r.status, j.status)
  from proposed p
  left join recorded r on r.id = p.job_id
  left join public.prompt_generation_jobs j on j.id = p.job_id;
end
$$;
-- <<< settle_prompt_jobs
