-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> adopt_plain_status_update
-- A client that writes prompt_generation_jobs.status itself instead of calling the functions:
-- ending an open job is carried through to the queue, dependents and events; anything else would
-- break the lease and is refused.
create or replace function public.adopt_plain_status_update()
returns trigger
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.adopt'
as $$
begin
  if new.status not in ('completed', 'failed', 'cancelled') then
    raise exception 'the status of prompt job % cannot be set to % by hand', old.id, new.status
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'call claim_prompt_jobs() or update_prompt_job_status()';
  end if;
  delete from public.prompt_job_queue q where q.job_id = new.id;
  update public.prompt_generation_jobs j
  set completed_at = coalesce(j.completed_at, clock_timestamp()), updated_at = clock_timestamp(),
    error_code = case when j.status = 'failed' then coalesce(j.error_code, 'failed') end
  where j.id = new.id;
  insert into public.prompt_queue_tally (at, status, jobs)
  values (clock_timestamp(), new.status, 1);
  update public.jobs d
  set prompt_status = case new.status when 'completed' then 'completed' else 'failed' end
  where d.prompt_job_id = new.id;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values
    (new.id, new.user_id, 'unfenced_write', jsonb_build_object('status', new.status)),
    (new.id, new.user_id, new.status, '{}');
  return new;
end
$$;
-- <<< adopt_plain_status_update

-- >>> adopt_prompt_job
-- A client that marks one chosen job as processing itself instead of claiming: it gets a long lease
-- with a token that it does not know, or, where the job is already processing, a longer one.
create or replace function public.adopt_prompt_job(p_job_id uuid, p_lease_token uuid default null)
returns boolean
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.claim'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_user_id uuid;
begin
  update public.prompt_job_queue q
  set state = 'leased', lease_token = coalesce(q.lease_token, gen_random_uuid()),
    lease_until = greatest(q.lease_until, v_now + interval '5 minutes'),
    worker = coalesce(q.worker, 'rpc'), next_attempt_at = null
  where q.job_id = p_job_id and (p_lease_token is null or q.lease_token = p_lease_token)
  returning q.user_id into v_user_id;
  if v_user_id is null then
    return false;
  end if;
  update public.prompt_generation_jobs j
  set status = 'processing', started_at = coalesce(j.started_at, v_now), updated_at = v_now
  where j.id = p_job_id;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_user_id, 'claimed', jsonb_build_object('worker', 'rpc'));
  return true;
end
$$;
-- <<< adopt_prompt_job

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
    insert into public.prompt_queue_tally (at, status, jobs) values (v_now, 'cancelled', 1);
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
    returning j.*, l.place, l.lease_token, l.lease_until
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
    s.lease_token, s.lease_until
  from started s
  order by s.place;
end
$$;
-- <<< claim_prompt_jobs

-- >>> compact_prompt_queue_tally
-- Puts the lines of prompt_queue_tally together: one a status and ten seconds of the last hours,
-- one a status for all that is older. Returns how many lines were read; whoever reads or writes at
-- the same time sees the sums unchanged.
create or replace function public.compact_prompt_queue_tally()
returns bigint
language sql
set search_path = ''
as $$
  with taken as (
    delete from public.prompt_queue_tally returning *
  ),
  summed as (
    insert into public.prompt_queue_tally
      (at, status, jobs, measured, wait_seconds, processing_seconds)
    select max(t.at), t.status, sum(t.jobs), sum(t.measured), sum(t.wait_seconds),
      sum(t.processing_seconds)
    from (
      select *, case when k.at > clock_timestamp() - interval '2 hours'
        then date_bin('10 seconds', k.at, 'epoch') end as bin
      from taken k
    ) t
    group by t.bin, t.status
  )
  select count(*) from taken
$$;
-- <<< compact_prompt_queue_tally

-- >>> complete_prompt_jobs
-- Carries out the completed ones of settle_prompt_jobs()'s outcomes and returns their job ids. What
-- is paid for is taken from whoever has it while the job is open, so there is no more to judge.
create or replace function public.complete_prompt_jobs(p_outcomes jsonb)
returns uuid[]
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.settle'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_done uuid[];
begin
  with proposed as materialized (
    select distinct on (o.job_id) o.*
    from jsonb_to_recordset(p_outcomes) as o (
      job_id uuid, lease_token uuid, outcome text, prompt text, source text, model text
    )
    where o.outcome = 'completed'
    order by o.job_id
  ),
  taken as materialized (
    delete from public.prompt_job_queue q
    using proposed p
    where q.job_id = p.job_id
    returning p.*, q.user_id
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = 'completed', generated_prompt = t.prompt, error = null, error_code = null,
      source = coalesce(t.source, 'model'), model = t.model, completed_at = v_now,
      updated_at = v_now
    from taken t
    where j.id = t.job_id
    returning j.created_at, j.started_at
  ),
  counted as (
    insert into public.prompt_queue_tally
      (at, status, jobs, measured, wait_seconds, processing_seconds)
    select v_now, 'completed', count(*), count(r.started_at),
      coalesce(sum(extract(epoch from r.started_at - r.created_at)), 0),
      coalesce(sum(extract(epoch from v_now - r.started_at)), 0)
    from recorded r
    having count(*) > 0
  ),
  dependents as (
    update public.jobs d set prompt_status = 'completed'
    from taken t
    where d.prompt_job_id = t.job_id
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select t.job_id, t.user_id, 'completed', jsonb_strip_nulls(jsonb_build_object(
      'model', t.model, 'source', t.source, 'lease', left(t.lease_token::text, 8)
    ))
    from taken t
  )
  select array_agg(t.job_id) into v_done from taken t;
  return coalesce(v_done, '{}');
end
$$;
-- <<< complete_prompt_jobs

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
  counted as (
    insert into public.prompt_queue_tally (at, status, jobs)
    select v_now, 'failed', count(*) from expired e where e.losses >= 3 having count(*) > 0
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
-- The queue at a glance. Waits and processing times are means over the jobs that completed in the
-- last hour, or, without any, over all before, in seconds; slots is what all workers seen in the
-- last 30 seconds handle at once.
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
  tally as (
    select coalesce(sum(t.jobs) filter (where t.status = 'completed'), 0)::bigint as completed,
      coalesce(sum(t.jobs) filter (where t.status = 'failed'), 0)::bigint as failed,
      coalesce(sum(t.jobs) filter (where t.status = 'cancelled'), 0)::bigint as cancelled
    from public.prompt_queue_tally t
  ),
  hour as (
    select coalesce(sum(t.jobs) filter (
        where t.status = 'completed' and t.at > clock_timestamp() - interval '1 minute'
      ), 0)::bigint as completed_last_minute,
      coalesce(sum(t.jobs) filter (where t.status = 'completed'), 0)::bigint as completed,
      coalesce(sum(t.jobs) filter (where t.status = 'failed'), 0)::bigint as failed
    from public.prompt_queue_tally t
    where t.at > clock_timestamp() - interval '1 hour'
  ),
  means as (
    select t.at > clock_timestamp() - interval '1 hour' as recent,
      sum(t.wait_seconds) / sum(t.measured) as wait,
      sum(t.processing_seconds) / sum(t.measured) as processing
    from public.prompt_queue_tally t
    where t.status = 'completed'
    group by 1
    having sum(t.measured) > 0
    order by 1 desc
    limit 1
  ),
  alive as (
    select count(*) as workers, coalesce(sum(w.concurrency), 0) as slots
    from public.prompt_queue_workers w
    where w.seen_at > clock_timestamp() - interval '30 seconds'
  )
  select waiting.queued, waiting.processing, tally.completed, tally.failed,
    round(coalesce(means.wait, 0)::numeric, 3), tally.cancelled,
    round(means.processing::numeric, 3),
    round(greatest(extract(epoch from clock_timestamp() - waiting.oldest), 0), 3),
    alive.workers, alive.slots,
    (select count(*) from public.prompt_job_events e where e.kind = 'unfenced_write'),
    hour.completed_last_minute, hour.failed, hour.completed,
    exists (select from public.prompt_queue_pauses p where p.model = ''), waiting.capped
  from waiting cross join tally cross join hour cross join alive
  left join means on true
$$;
-- <<< get_prompt_queue_stats

-- >>> guard_final_prompt_job
-- The last wall: completed and cancelled never change, failed only by retry or a manual prompt.
create or replace function public.guard_final_prompt_job()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  -- The name under which our functions are seen in pg_stat_activity tells what they are at; settings
  -- of our own invention only a superuser may tie to a function.
  v_act text := current_setting('application_name');
  -- Adopting what a client ended by hand adds the time.
  v_time timestamptz := case when v_act = 'prompt_queue.adopt' and old.completed_at is null
    then new.completed_at else old.completed_at end;
begin
  if old.status = 'failed' and v_act in ('prompt_queue.retry', 'prompt_queue.manual') then
    return new;
  end if;
  if (new.status, new.generated_prompt, new.error, new.completed_at)
    is distinct from (old.status, old.generated_prompt, old.error, v_time) then
    raise exception 'prompt job % is % and does not change', old.id, old.status
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'retry_prompt_job() reopens a failed job; a finished one needs a new job';
  end if;
  return new;
end
$$;
-- <<< guard_final_prompt_job

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
  select * into v_settings from public.prompt_queue_settings s where s.only_row;
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
      -- The head may be in another's hands, and who stands behind it not yet due. The last part
      -- keeps large claims from looking at the lanes once a job.
      where v_lane.next_due is null or n.due <= v_lane.next_due or n.place <= p_limit / 8
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

-- >>> prompt_jobs_deleted
-- A job that is deleted, also by a cascade from its row, model or user, leaves the queue with it,
-- and is counted no longer.
create or replace function public.prompt_jobs_deleted()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  delete from public.prompt_job_queue q using deleted d where q.job_id = d.id;
  insert into public.prompt_queue_tally (at, status, jobs)
  select '-infinity', d.status, -count(*)
  from deleted d
  where d.status in ('completed', 'failed', 'cancelled')
  group by d.status;
  return null;
end
$$;
-- <<< prompt_jobs_deleted

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
  insert into public.prompt_queue_tally (at, status, jobs)
  select '-infinity', i.status, count(*)
  from inserted i
  where i.status in ('completed', 'failed', 'cancelled')
  group by i.status;
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

-- >>> prompt_row_owner
-- The model and the owner of a row: model_rows.user_id or created_by, whichever exists, unless
-- prompt_queue_settings.row_owner_column names another column.
create or replace function public.prompt_row_owner(p_row_id uuid)
returns table (model_id uuid, user_id uuid)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_column text;
  v_row jsonb;
begin
  select s.row_owner_column into v_column from public.prompt_queue_settings s where s.only_row;
  select to_jsonb(r) into v_row from public.model_rows r where r.id = p_row_id;
  if v_row is null then
    return;
  end if;
  if v_column is not null and not v_row ? v_column then
    raise exception 'model_rows has no column %, which ROW_OWNER_COLUMN names', v_column
      using errcode = 'undefined_column';
  end if;
  if v_column is null and not v_row ?| array['user_id', 'created_by'] then
    raise exception 'model_rows has neither user_id nor created_by'
      using errcode = 'undefined_column',
        hint = 'set PROMPT_QUEUE_ROW_OWNER_COLUMN to the column that names the owner';
  end if;
  return query select
    (v_row ->> 'model_id')::uuid,
    case
      when v_column is not null then (v_row ->> v_column)::uuid
      else coalesce(v_row ->> 'user_id', v_row ->> 'created_by')::uuid
    end;
end
$$;
-- <<< prompt_row_owner

-- >>> prune_prompt_jobs
-- Deletes jobs that ended more than p_days ago, except those that a row of jobs still names: at
-- most p_limit of those created from p_after on, oldest first. Says where the next batch begins,
-- null at the end. p_status null: whatever they ended as.
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
begin
  if p_status not in ('completed', 'failed', 'cancelled') then
    raise exception 'only completed, failed and cancelled jobs are pruned, not %', p_status
      using errcode = 'invalid_parameter_value';
  end if;
  return query
  with old as materialized (
    select j.id, j.created_at
    from public.prompt_generation_jobs j
    where j.created_at >= p_after and j.created_at < v_before
      and j.status in ('completed', 'failed', 'cancelled')
      and (p_status is null or j.status = p_status)
      and coalesce(j.completed_at, j.updated_at) < v_before
      and not exists (select from public.jobs d where d.prompt_job_id = j.id)
    order by j.created_at
    limit p_limit
    for update skip locked
  ),
  gone as (
    delete from public.prompt_generation_jobs j using old o where j.id = o.id
    returning o.created_at
  )
  select count(*), case when count(*) = p_limit then max(g.created_at) end
  from gone g;
end
$$;
-- <<< prune_prompt_jobs

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
  insert into public.prompt_queue_tally (at, status, jobs) values ('-infinity', 'failed', -1);
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
-- Reopens failed jobs, the youngest first, at most p_limit of them; null in a filter means any.
-- Returns how many.
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
    where j.status = 'failed' and j.error_code is not null
      and (p_user_id is null or j.user_id = p_user_id)
      and (p_error_code is null or j.error_code = p_error_code)
      and (p_failed_after is null or j.updated_at >= p_failed_after)
      and (p_failed_before is null or j.updated_at < p_failed_before)
    order by j.created_at desc
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
-- while the job is open. What is refused is noted as an event, unless it only repeats the outcome
-- that this token (its first characters are in the event) has had accepted. Dependents in jobs
-- follow in the same transaction.
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
  v_done uuid[];
  v_rest jsonb;
begin
  -- Counting is cheap because now and then somebody tidies up.
  if random() < 0.005 then
    perform public.compact_prompt_queue_tally();
  end if;
  v_done := public.complete_prompt_jobs(p_outcomes);
  return query select d.job_id, true, 'completed' from unnest(v_done) as d (job_id);
  if cardinality(v_done) = jsonb_array_length(p_outcomes) then
    return;
  end if;
  select jsonb_agg(o) into v_rest
  from jsonb_array_elements(p_outcomes) o
  where (o ->> 'job_id')::uuid <> all (v_done);
  -- A statement sees what was committed when it began, so the wait for the lock comes before it.
  perform 1 from public.prompt_job_queue q
  where q.job_id in (select (o ->> 'job_id')::uuid from jsonb_array_elements(v_rest) o)
  order by q.job_id
  for update;
  return query
  with proposed as materialized (
    select distinct on (o.job_id) o.*
    from jsonb_to_recordset(v_rest) as o (
      job_id uuid, lease_token uuid, outcome text, prompt text, error text, error_code text,
      delay_seconds double precision
    )
    order by o.job_id
  ),
  judged as materialized (
    select p.*, j.user_id, j.status as present,
      j.generated_prompt as present_prompt,
      case
        when p.outcome = 'retry' and j.retry_count >= j.max_retries then 'failed'
        else p.outcome
      end as act,
      greatest(coalesce(p.delay_seconds, 0), 0) as delay,
      coalesce(q.lease_token = p.lease_token and p.outcome <> 'completed', false) as accepted
    from proposed p
    left join public.prompt_generation_jobs j on j.id = p.job_id
    left join public.prompt_job_queue q on q.job_id = p.job_id
  ),
  accepted as materialized (
    select g.* from judged g where g.accepted
  ),
  refused as materialized (
    select g.*, exists (
      select from public.prompt_job_events e
      where e.job_id = g.job_id and e.data ->> 'lease' = left(g.lease_token::text, 8)
        and (
          e.kind = g.outcome or g.outcome = 'retry' and e.kind in ('retry_scheduled', 'failed')
        )
        and (g.outcome <> 'completed' or g.present_prompt = g.prompt)
    ) as repeated
    from judged g where not g.accepted
  ),
  removed as (
    delete from public.prompt_job_queue q
    using accepted a
    where q.job_id = a.job_id and a.act = 'failed'
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
    set status = case a.act when 'failed' then 'failed' else 'queued' end,
      error = case a.act when 'released' then j.error else a.error end,
      error_code = case a.act
        when 'released' then j.error_code
        when 'failed' then coalesce(a.error_code, 'failed')
        else a.error_code end,
      retry_count = j.retry_count + (a.act = 'retry')::int,
      completed_at = case a.act when 'failed' then v_now end,
      updated_at = v_now
    from accepted a
    where j.id = a.job_id
  ),
  dependents as (
    update public.jobs d
    set prompt_status = 'failed'
    from accepted a
    where d.prompt_job_id = a.job_id and a.act = 'failed'
  ),
  counted as (
    insert into public.prompt_queue_tally (at, status, jobs)
    select v_now, 'failed', count(*) from accepted a where a.act = 'failed' having count(*) > 0
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select a.job_id, a.user_id, case a.act when 'retry' then 'retry_scheduled' else a.act end,
      jsonb_strip_nulls(jsonb_build_object(
        'code', a.error_code, 'delaySeconds', nullif(a.delay, 0),
        'lease', left(a.lease_token::text, 8)
      ))
    from accepted a
    union all
    select r.job_id, r.user_id, 'stale_write_refused',
      jsonb_strip_nulls(jsonb_build_object('outcome', r.outcome, 'code', r.error_code))
    from refused r
    where not r.repeated and r.user_id is not null
  )
  select a.job_id, true, case a.act when 'failed' then 'failed' else 'queued' end
  from accepted a
  union all
  select r.job_id, false, r.present
  from refused r;
end
$$;
-- <<< settle_prompt_jobs

-- >>> take_prompt_singleton
-- The right to be the only one who does p_name for p_seconds: a token, or null if another has it.
-- Who brings the token may ask again when the answer was lost.
create or replace function public.take_prompt_singleton(
  p_name text, p_seconds double precision, p_token uuid default gen_random_uuid()
)
returns uuid
language sql
set search_path = ''
as $$
  insert into public.prompt_queue_singletons as s (name, token, lease_until)
  values (p_name, p_token, clock_timestamp() + make_interval(secs => p_seconds))
  on conflict (name) do update
  set token = excluded.token, lease_until = excluded.lease_until
  where s.lease_until < clock_timestamp() or s.token = excluded.token
  returning s.token
$$;
-- <<< take_prompt_singleton

-- >>> update_prompt_job_status
-- One job's new status, for callers of the mission's four parameters and for SQL clients that hold
-- a lease token. Returns whether it was applied. Without a token nothing can be fenced: such a
-- write never touches a final row, may fail a job only while it is processing, and is counted.
create or replace function public.update_prompt_job_status(
  p_job_id uuid,
  p_status text,
  p_generated_prompt text default null,
  p_error text default null,
  p_lease_token uuid default null,
  p_error_code text default null,
  p_source text default null,
  p_model text default null,
  p_delay_seconds double precision default null
)
returns boolean
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.settle'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_place public.prompt_job_queue;
  v_retry_count int;
  v_outcome text;
  v_applied boolean := false;
begin
  if p_status is null
    or p_status not in ('queued', 'processing', 'completed', 'failed', 'cancelled') then
    raise exception 'status % is not one of queued, processing, completed, failed, cancelled',
      coalesce(quote_literal(p_status), 'null') using errcode = 'invalid_parameter_value';
  end if;
  if p_status = 'completed' and nullif(btrim(p_generated_prompt), '') is null then
    raise exception 'a completed job needs its prompt in p_generated_prompt'
      using errcode = 'invalid_parameter_value';
  end if;

  select * into v_place from public.prompt_job_queue q where q.job_id = p_job_id for update;
  if not found then
    return false;
  end if;

  if p_lease_token is null then
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_place.user_id, 'unfenced_write', jsonb_build_object('status', p_status));
  end if;

  if p_status = 'cancelled' then
    if p_lease_token is null or p_lease_token = v_place.lease_token then
      select c.outcome = 'cancelled' into v_applied from public.cancel_prompt_job(p_job_id) c;
    end if;
    return v_applied;
  end if;

  if p_status = 'processing' then
    return public.adopt_prompt_job(p_job_id, p_lease_token);
  end if;

  if p_lease_token is null and p_status in ('queued', 'failed') and v_place.state <> 'leased' then
    return false;
  end if;

  select j.retry_count into v_retry_count
  from public.prompt_generation_jobs j where j.id = p_job_id;
  v_outcome := case p_status when 'queued' then 'retry' else p_status end;

  select s.applied into v_applied
  from public.settle_prompt_jobs(jsonb_build_array(jsonb_build_object(
    'job_id', p_job_id,
    'lease_token', coalesce(p_lease_token, v_place.lease_token),
    'outcome', v_outcome,
    'prompt', p_generated_prompt,
    'error', p_error,
    'error_code', case when p_status <> 'completed' then coalesce(p_error_code, 'failed') end,
    'source', p_source,
    'model', p_model,
    'delay_seconds', coalesce(p_delay_seconds, least(power(2, v_retry_count), 30))
  ))) s;
  return v_applied;
end
$$;
-- <<< update_prompt_job_status
