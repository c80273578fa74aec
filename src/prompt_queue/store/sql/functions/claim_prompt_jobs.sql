-- Takes up to p_limit jobs. The ten lanes are asked in the order of their heads' age, where one
-- step of priority counts as ageing_seconds of waiting; a lane gives jobs until the next lane's
-- head is due. Each job comes with a random lease token that every later write about it must show.
-- A caller that names no worker is taken to be one that sends no heartbeats: it frees expired
-- leases itself. Nothing is given out while the queue, or every one of p_models, is paused, nothing
-- of a priority that is paused, and no more than the gate of the first of them can send soon. With a
-- cap callers take turns, because only then is the count of a user's jobs exact.
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
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_worker text := coalesce(p_worker, 'rpc');
  v_said jsonb := jsonb_build_object('worker', coalesce(p_worker, 'rpc'));
  v_lease_until timestamptz := v_now + make_interval(secs => p_lease_seconds);
  v_attempt_until timestamptz := v_now + make_interval(secs => p_attempt_seconds);
  -- Randomness is drawn once a claim: nobody can guess a token, and no two are the same.
  v_seed text := gen_random_uuid()::text || gen_random_uuid()::text;
  v_limit int := greatest(least(p_limit, 1000), 0);
  v_left int := v_limit;
  v_look record;
  v_lane record;
  v_empty smallint[];
  v_admitted uuid[];
  v_taken int;
  v_given int := 0;
begin
  if p_worker is null then
    perform public.free_expired_prompt_leases();
  else
    -- A claim that a crash forgets harms nobody: no call leaves before its intent is on disk, and
    -- with it this claim, or the intent finds no lease.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  -- One look at everything that is mostly not there.
  select s.user_in_flight_cap as cap,
    make_interval(secs => coalesce(s.ageing_seconds, 600)) as step,
    exists (
      select from public.prompt_job_queue q
      where q.state = 'delayed' and q.next_attempt_at <= v_now
    ) as any_due,
    exists (select from public.prompt_job_queue q where q.state = 'capped') as any_capped,
    exists (select from public.prompt_queue_pauses p where p.model = '') or (
      p_models <> '{}' and not exists (
        select from unnest(p_models) as m (model)
        where not exists (select from public.prompt_queue_pauses p where p.model = m.model)
      )
    ) as paused,
    array(select u.priority from public.prompt_queue_paused_priorities u) as stopped
  into v_look
  from (values (true)) as one (row)
  left join public.prompt_queue_settings s on s.only_row = one.row;
  if v_look.any_due then
    perform public.wake_due_prompt_jobs();
  end if;
  if v_look.paused then
    return;
  end if;
  v_empty := v_look.stopped;
  v_limit := public.prompt_claim_room(p_models[1], v_limit);
  v_left := v_limit;
  if v_limit = 0 then
    return;
  end if;
  if v_look.cap is not null or v_look.any_capped then
    perform pg_advisory_xact_lock(hashtextextended('prompt_queue.cap', 0));
    perform public.admit_capped_prompt_jobs(v_look.cap);
  end if;
  for v_round in 1..50 loop
    exit when v_left <= 0;
    select h.priority, lead(h.due) over (order by h.due) as next_due into v_lane
    from generate_series(1, 10) as lane (priority)
    cross join lateral (
      select q.priority, q.enqueued_at - v_look.step * q.priority as due
      from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = lane.priority::smallint
      order by q.claim_key, q.enqueued_at
      limit 1
    ) h
    where h.priority <> all (v_empty)
    order by h.due
    limit 1;
    exit when not found;
    if v_look.cap is not null then
      v_admitted := public.hold_back_capped_prompt_jobs(
        v_look.cap, v_lane.priority, v_left, v_look.step, v_lane.next_due, v_limit / 8
      );
      if v_admitted is null then
        v_empty := v_empty || v_lane.priority;
      end if;
      continue when coalesce(v_admitted, '{}') = '{}';
    end if;
    return query
    with waiting as materialized (
      select q.ctid as place_on_disk, q.enqueued_at - v_look.step * q.priority as due
      from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = v_lane.priority
        and (v_look.cap is null or q.job_id = any (v_admitted))
      order by q.claim_key, q.enqueued_at
      limit coalesce(cardinality(v_admitted), v_left)
      for update skip locked
    ),
    numbered as materialized (
      select w.*, row_number() over () as place from waiting w
    ),
    leased as materialized (
      update public.prompt_job_queue q
      set state = 'leased', lease_token = md5(v_seed || q.job_id)::uuid,
        lease_until = v_lease_until, attempt_until = v_attempt_until, worker = v_worker,
        next_attempt_at = null, follows = null
      from numbered n
      where q.ctid = n.place_on_disk and (
        -- The head may be in another's hands, and who stands behind it not yet due. The last part
        -- keeps large claims from looking at the lanes once a job.
        v_lane.next_due is null or n.due <= v_lane.next_due or n.place <= v_limit / 8
      )
      returning q.job_id, q.user_id, q.lease_token, n.place
    ),
    started as (
      update public.prompt_generation_jobs j
      set status = 'processing', started_at = coalesce(j.started_at, v_now), updated_at = v_now
      from leased l
      where j.id = l.job_id
      returning j.*, l.place, l.lease_token
    ),
    logged as (
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      select l.job_id, l.user_id, 'claimed', v_said
      from leased l
    )
    select s.id, s.row_id, s.model_id, s.user_id, s.ref_urls, s.target_url, s.status,
      s.generated_prompt, s.error, s.retry_count, s.max_retries, s.priority, s.created_at,
      s.updated_at, s.started_at, s.completed_at, s.error_code, s.source, s.model,
      s.lease_token, v_lease_until
    from started s
    order by s.place;
    get diagnostics v_taken = row_count;
    v_left := v_left - v_taken;
    v_given := v_given + v_taken;
    exit when v_lane.next_due is null and v_look.cap is null;
    if v_taken = 0 then
      v_empty := v_empty || v_lane.priority;
    end if;
  end loop;
  if v_given > 0 and p_models[1] is not null then
    perform public.spend_prompt_claim_room(p_models[1], v_given);
  end if;
end
$$;
