-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> claim_prompt_jobs
-- Takes up to p_limit jobs. The ten lanes are asked in the order of their heads' age, where one
-- step of priority counts as ageing_seconds of waiting; a lane gives jobs until the next lane's
-- head is due. Each job comes with a random lease token that every later write about it must show.
-- A caller that names no worker is taken to be one that sends no heartbeats: it frees expired
-- leases itself. Nothing is given out while the queue, or every one of p_models, is paused, and no
-- more than the gate of the first of them can send soon. With a
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
  v_empty smallint[] := '{}';
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
    ) as paused
  into v_look
  from (values (true)) as one (row)
  left join public.prompt_queue_settings s on s.only_row = one.row;
  if v_look.any_due then
    perform public.wake_due_prompt_jobs();
  end if;
  if v_look.paused then
    return;
  end if;
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
-- <<< claim_prompt_jobs

-- >>> complete_prompt_jobs
-- Carries out the completed ones of settle_prompt_jobs()'s outcomes and returns their job ids. What
-- is paid for is taken from whoever has it while the job is open, so there is no more to judge. An
-- outcome with cache, {scope, key, seconds}, is kept for identical requests, see
-- join_prompt_flights.
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
      job_id uuid, lease_token uuid, outcome text, prompt text, source text, model text,
      strategy text, degraded boolean, error_code text, cache jsonb
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
      source = coalesce(t.source, 'model'), model = t.model, strategy = t.strategy,
      degraded = t.degraded, completed_at = v_now, updated_at = v_now
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
  kept as (
    insert into public.prompt_cache as c (scope, key, prompt, model, strategy, job_id, expires_at)
    select distinct on (k.scope, k.key) k.scope, k.key, t.prompt, t.model, t.strategy, t.job_id,
      v_now + make_interval(secs => k.seconds)
    from taken t
    cross join jsonb_to_record(t.cache) as k (scope uuid, key text, seconds double precision)
    where jsonb_typeof(t.cache) = 'object'
    order by k.scope, k.key, t.job_id
    on conflict (scope, key) do update
    set prompt = excluded.prompt, model = excluded.model, strategy = excluded.strategy,
      job_id = excluded.job_id, created_at = v_now, expires_at = excluded.expires_at
  ),
  dependents as (
    update public.jobs d set prompt_status = 'completed'
    from taken t
    where d.prompt_job_id = t.job_id
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select t.job_id, t.user_id, 'completed', jsonb_strip_nulls(jsonb_build_object(
      'model', t.model, 'source', nullif(t.source, 'model'), 'code', t.error_code,
      'lease', left(t.lease_token::text, 8)
    ))
    from taken t
  )
  select array_agg(t.job_id) into v_done from taken t;
  return coalesce(v_done, '{}');
end
$$;
-- <<< complete_prompt_jobs

-- >>> end_prompt_flights
-- A job that leaves the queue ends its flight: whoever waited for it looks again at once, finds its
-- prompt, or asks in its place.
create or replace function public.end_prompt_flights()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_ended text[];
begin
  with over as (
    delete from public.prompt_flights f
    where f.leader_job_id in (select g.job_id from gone g)
    returning f.scope || ':' || f.key as name
  )
  select array_agg(o.name) into v_ended from over o;
  if v_ended is null then
    return null;
  end if;
  update public.prompt_job_queue q
  set next_attempt_at = clock_timestamp()
  where q.follows = any (v_ended) and q.state = 'delayed';
  if found then
    notify prompt_queue;
  end if;
  return null;
end
$$;
-- <<< end_prompt_flights

-- >>> enqueue_prompt_job
-- Queues one prompt job in the caller's own transaction and returns its id. The model and the
-- user come from the row; with p_user_id a row of somebody else counts as missing. p_options may
-- have min_quality, operation, existing_prompt, user_instructions, identity_consent and cache, which go
-- to the columns of these names.
create or replace function public.enqueue_prompt_job(
  p_row_id uuid,
  p_target_url text,
  p_ref_urls text[] default '{}',
  p_priority int default 5,
  p_user_id uuid default null,
  p_max_retries int default 3,
  p_job_id uuid default null,
  p_options jsonb default '{}'
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_unknown text;
  v_owner record;
  v_job_id uuid := coalesce(p_job_id, gen_random_uuid());
begin
  select o into v_unknown
  from jsonb_object_keys(p_options) o
  where o not in (
    'min_quality', 'operation', 'existing_prompt', 'user_instructions', 'identity_consent',
    'cache'
  )
  limit 1;
  if v_unknown is not null then
    raise exception 'there is no option %', v_unknown using errcode = 'invalid_parameter_value';
  end if;
  select * into v_owner from public.prompt_row_owner(p_row_id);
  if v_owner.user_id is null or v_owner.user_id is distinct from coalesce(p_user_id, v_owner.user_id) then
    raise exception 'there is no row % that you may use', p_row_id using errcode = 'no_data_found';
  end if;
  insert into public.prompt_generation_jobs (
    id, row_id, model_id, user_id, ref_urls, target_url, priority, max_retries, min_quality,
    operation, existing_prompt, user_instructions, identity_consent,
    cache
  )
  values (
    v_job_id, p_row_id, v_owner.model_id, v_owner.user_id, coalesce(p_ref_urls, '{}'),
    p_target_url, coalesce(p_priority, 5), coalesce(p_max_retries, 3),
    p_options ->> 'min_quality', p_options ->> 'operation', p_options ->> 'existing_prompt',
    p_options ->> 'user_instructions', (p_options ->> 'identity_consent')::boolean,
    p_options ->> 'cache'
  );
  return v_job_id;
end
$$;
-- <<< enqueue_prompt_job

-- >>> join_prompt_flights
-- What becomes of claimed jobs whose request is known by its key: p_joins is an array of {job_id,
-- lease_token, scope, key, refresh}. Verdict per job: hit (a prompt that was paid for is there),
-- lead (ask; identical requests wait for this one), follow (an identical request is under way: the
-- job waits outside the queue's order until that one ends, and its lease is given back), lease_lost.
-- One that refreshes asks in any case.
create or replace function public.join_prompt_flights(p_joins jsonb)
returns table (job_id uuid, verdict text, prompt text, model text, strategy text)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.follow'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_join record;
  v_known record;
  v_leader uuid;
begin
  perform 1 from public.prompt_job_queue q
  where q.job_id in (select (o ->> 'job_id')::uuid from jsonb_array_elements(p_joins) o)
  order by q.job_id
  for update;
  for v_join in
    select j.*, q.user_id,
      q.lease_token is not null and q.lease_token = j.lease_token as is_held
    from jsonb_to_recordset(p_joins) as j (
      job_id uuid, lease_token uuid, scope uuid, key text, refresh boolean
    )
    left join public.prompt_job_queue q on q.job_id = j.job_id
    order by j.scope, j.key, j.job_id
  loop
    if v_join.is_held is not true then
      return query select v_join.job_id, 'lease_lost', null::text, null::text, null::text;
      continue;
    elsif v_join.refresh then
      return query select v_join.job_id, 'lead', null::text, null::text, null::text;
      continue;
    end if;
    insert into public.prompt_flights as f (scope, key, leader_job_id)
    values (v_join.scope, v_join.key, v_join.job_id)
    on conflict (scope, key) do nothing;
    -- From here on nobody else's flight of this key begins or ends.
    select f.leader_job_id into v_leader
    from public.prompt_flights f
    where f.scope = v_join.scope and f.key = v_join.key
    for update;
    select c.prompt, c.model, c.strategy into v_known
    from public.prompt_cache c
    where c.scope = v_join.scope and c.key = v_join.key and c.expires_at > clock_timestamp();
    if found then
      delete from public.prompt_flights f
      where f.scope = v_join.scope and f.key = v_join.key and f.leader_job_id = v_join.job_id;
      return query select v_join.job_id, 'hit', v_known.prompt, v_known.model, v_known.strategy;
    elsif v_leader is not distinct from v_join.job_id then
      return query select v_join.job_id, 'lead', null::text, null::text, null::text;
    elsif v_leader is null then
      -- It ended in this very moment without a prompt: who asks now asks alone.
      return query select v_join.job_id, 'lead', null::text, null::text, null::text;
    elsif not exists (select from public.prompt_job_queue q where q.job_id = v_leader) then
      update public.prompt_flights f set leader_job_id = v_join.job_id
      where f.scope = v_join.scope and f.key = v_join.key;
      return query select v_join.job_id, 'lead', null::text, null::text, null::text;
    else
      update public.prompt_job_queue q
      set state = 'delayed', lease_token = null, lease_until = null, attempt_until = null,
        worker = null, follows = v_join.scope || ':' || v_join.key,
        -- Should the end of the other be missed, it looks by itself.
        next_attempt_at = clock_timestamp() + interval '1 minute'
      where q.job_id = v_join.job_id;
      update public.prompt_generation_jobs j
      set status = 'queued', error = null, error_code = null, updated_at = clock_timestamp()
      where j.id = v_join.job_id;
      insert into public.prompt_job_events (job_id, user_id, kind)
      values (v_join.job_id, v_join.user_id, 'following');
      return query select v_join.job_id, 'follow', null::text, null::text, null::text;
    end if;
  end loop;
end
$$;
-- <<< join_prompt_flights

-- >>> prompt_job_cache
-- How a job uses the cache, as its request says; also of one that a claim found after it began.
create or replace function public.prompt_job_cache(p_job_id uuid)
returns text
language sql
volatile
set search_path = ''
as $$
  select j.cache from public.prompt_generation_jobs j where j.id = p_job_id
$$;
-- <<< prompt_job_cache
