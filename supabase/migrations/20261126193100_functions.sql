-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> cancel_picture_job
-- Cancels what is left of a job; with p_user_id only if it is that user's. Its prompt is cancelled too
-- if no other job needs it. What is with the provider already is told so by a worker, which may not
-- stop it: at_provider counts these. outcome: cancelled, already_cancelled, already_final (all its
-- pictures had ended) or not_found.
create or replace function public.cancel_picture_job(p_job_id uuid, p_user_id uuid default null)
returns table (
  outcome text, cancelled int, at_provider int, succeeded int, spent_usd numeric,
  prompt_cancelled boolean
)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.cancel'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_prompt_job uuid;
  v_user uuid;
  v_outcome text;
  v_cancelled int := 0;
  v_there int := 0;
  v_prompt_cancelled boolean := false;
begin
  select p.prompt_job_id, p.user_id into v_prompt_job, v_user
  from public.picture_jobs p
  where p.job_id = p_job_id and (p_user_id is null or p.user_id = p_user_id)
  limit 1;
  if not found then
    return query select 'not_found', 0, 0, 0, 0::numeric, false;
    return;
  end if;
  -- In the order in which a prompt that ends takes its locks.
  perform 1 from public.prompt_job_queue q where q.job_id = v_prompt_job for update;
  with open as materialized (
    select p.id, p.status from public.picture_jobs p
    where p.job_id = p_job_id and p.status not in ('succeeded', 'failed', 'cancelled')
    order by p.id
    for update
  ),
  stopped as (
    update public.picture_jobs p
    set status = 'cancelled', lease_token = null, lease_until = null, attempt_until = null,
      worker = null, completed_at = v_now, updated_at = v_now,
      due_at = case when p.prediction_id is not null then v_now end
    from open o
    where p.id = o.id
  )
  select count(*), count(*) filter (
      where o.status in ('submitting', 'submission_unknown', 'submitted', 'running'))
  into v_cancelled, v_there
  from open o;
  if v_cancelled > 0 then
    v_outcome := 'cancelled';
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_user, 'picture_cancelled',
      jsonb_strip_nulls(jsonb_build_object(
        'pictures', v_cancelled, 'atProvider', v_there,
        'actor', nullif(current_setting('prompt_queue.actor', true), ''),
        'reason', nullif(current_setting('prompt_queue.reason', true), '')
      )));
    if v_prompt_job is not null and not exists (
      select from public.jobs d where d.prompt_job_id = v_prompt_job and d.id <> p_job_id
    ) then
      select c.outcome = 'cancelled' into v_prompt_cancelled
      from public.cancel_prompt_job(v_prompt_job) c;
    end if;
    perform public.project_picture_jobs(array[p_job_id]);
  elsif exists (
    select from public.picture_jobs p where p.job_id = p_job_id and p.status <> 'cancelled'
  ) then
    v_outcome := 'already_final';
  else
    v_outcome := 'already_cancelled';
  end if;
  return query
  select v_outcome, v_cancelled, v_there,
    (select count(*)::int from public.picture_jobs p
      where p.job_id = p_job_id and p.status = 'succeeded'),
    coalesce((
      select sum(c.cost_usd) from public.provider_calls c
      where c.job_id = v_prompt_job
        or c.job_id in (select p.id from public.picture_jobs p where p.job_id = p_job_id)
    ), 0), v_prompt_cancelled;
end
$$;
-- <<< cancel_picture_job

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
    perform public.release_picture_jobs(array[p_job_id]);
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_job.user_id, 'cancelled',
      jsonb_strip_nulls(jsonb_build_object(
        'savedUsd', v_saved, 'actor', nullif(current_setting('prompt_queue.actor', true), ''),
        'reason', nullif(current_setting('prompt_queue.reason', true), '')
      )));
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

-- >>> claim_picture_jobs
-- Leases up to p_limit pictures that are due: those already with the provider, to be looked at, and
-- after them those to be bought, most urgent first; of the latter no more than the gate of the
-- provider lets pass soon, and than prompt_queue_settings.pictures_at_once allows in all. Nothing
-- new is bought while the queue, the provider or the picture's priority is paused.
create or replace function public.claim_picture_jobs(
  p_limit int,
  p_worker text,
  p_lease_seconds double precision,
  p_attempt_seconds double precision default null,
  p_provider text default 'wavespeed'
)
returns setof public.picture_jobs
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set application_name = 'prompt_queue.claim'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_room int;
  v_at_once int;
  v_taken int;
  v_bought int := 0;
  v_band record;
begin
  return query
  with due as materialized (
    select p.id from public.picture_jobs p
    where p.due_at is not null and p.due_at <= v_now and p.status <> 'queued'
    order by p.due_at
    limit p_limit
    for update skip locked
  )
  update public.picture_jobs p
  set lease_token = gen_random_uuid(), lease_until = v_now + make_interval(secs => p_lease_seconds),
    attempt_until = v_now + make_interval(secs => p_attempt_seconds), worker = p_worker,
    due_at = null
  from due d
  where p.id = d.id
  returning p.*;
  get diagnostics v_taken = row_count;
  v_room := p_limit - v_taken;
  if v_room <= 0 or exists (
    select from public.prompt_queue_pauses u where u.model in ('', p_provider)
  ) or not exists (
    select from public.picture_jobs p
    where p.status = 'queued' and p.due_at <= v_now
    order by p.due_at
    limit 1
  ) then
    return;
  end if;
  select s.pictures_at_once into v_at_once from public.prompt_queue_settings s where s.only_row;
  if v_at_once is not null then
    -- One at a time: the count must not be of before another's claim.
    perform pg_advisory_xact_lock(hashtextextended('prompt_queue.pictures', 0));
    select least(v_room, greatest(v_at_once - count(*), 0)) into v_room
    from public.picture_jobs p
    where p.status in ('submitting', 'submission_unknown', 'submitted', 'running');
  end if;
  v_room := public.prompt_claim_room(p_provider, v_room);
  for v_band in select b.low, b.high from public.open_priority_bands() b loop
    exit when v_room <= v_bought;
    return query
    with chosen as materialized (
      select p.id from public.picture_jobs p
      where p.status = 'queued' and p.due_at <= v_now
        and p.priority between v_band.low and v_band.high
      order by p.priority desc, p.created_at
      limit v_room - v_bought
      for update skip locked
    )
    update public.picture_jobs p
    set status = 'submitting', lease_token = gen_random_uuid(),
      lease_until = v_now + make_interval(secs => p_lease_seconds),
      attempt_until = v_now + make_interval(secs => p_attempt_seconds), worker = p_worker,
      due_at = null, hinted_at = null, updated_at = v_now
    from chosen c
    where p.id = c.id
    returning p.*;
    get diagnostics v_taken = row_count;
    v_bought := v_bought + v_taken;
  end loop;
  perform public.spend_prompt_claim_room(p_provider, v_bought);
end
$$;
-- <<< claim_picture_jobs

-- >>> claim_prompt_jobs
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
-- <<< claim_prompt_jobs

-- >>> find_picture_jobs
-- Jobs with pictures of anybody for an operator's list, newest first; see find_prompt_jobs(). status
-- is that of a picture of the job, words are looked for in its error and its prompt.
create or replace function public.find_picture_jobs(
  p_filter jsonb,
  p_limit int,
  p_after timestamptz default null,
  p_after_id uuid default null,
  p_look int default 5000
)
returns table (
  looked_at bigint, last_created_at timestamptz, last_id uuid, id uuid, created_at timestamptz
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  f record;
  v_path text;
  v_after timestamptz := coalesce(p_after, 'infinity');
  v_after_id uuid := coalesce(p_after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
begin
  select * into f from jsonb_to_record(p_filter) as r (
    status text, priority_from int, priority_to int, model text, source text, error_code text,
    user_id uuid, row_id uuid, created_after timestamptz, created_before timestamptz, words text,
    id_from uuid, id_to uuid
  );
  f.created_after := coalesce(f.created_after, '-infinity');
  v_after := least(v_after, coalesce(f.created_before, 'infinity'));
  v_path := case
    when f.id_from is not null then 'id'
    when f.user_id is not null then 'user'
    when coalesce(f.status, 'failed') not in ('succeeded', 'failed', 'cancelled') and (
      select count(*) from (
        select from public.picture_jobs p
        where p.status = f.status and p.status not in ('succeeded', 'failed', 'cancelled')
        limit p_look
      ) w
    ) < p_look then 'open'
    else 'newest'
  end;
  return query
  with looked as materialized (
    (
      select p.job_id as id, p.created_at from public.picture_jobs p
      where v_path = 'newest' and p.number = 1 and p.created_at >= f.created_after
        and p.created_at <= v_after and (p.created_at, p.job_id) < (v_after, v_after_id)
      order by p.created_at desc, p.job_id desc limit p_look
    )
    union all
    (
      select p.job_id, p.created_at from public.picture_jobs p
      -- Not by the index of all first pictures, in which this user may be far away.
      where v_path = 'user' and p.user_id = f.user_id and p.number + 0 = 1
        and p.created_at >= f.created_after and p.created_at <= v_after
        and (p.created_at, p.job_id) < (v_after, v_after_id)
      order by p.created_at desc, p.job_id desc limit p_look
    )
    union all
    (
      select distinct p.job_id, p.created_at from (
        (
          select k.job_id from public.picture_jobs k
          where v_path = 'id' and k.job_id between f.id_from and f.id_to limit p_look
        )
        union
        (
          select k.job_id from public.picture_jobs k
          where v_path = 'id' and k.prompt_job_id between f.id_from and f.id_to limit p_look
        )
        union
        (
          select k.job_id from public.picture_jobs k
          where v_path = 'id' and k.user_id between f.id_from and f.id_to
          order by k.user_id, k.created_at desc limit p_look
        )
        union
        (
          select k.job_id from public.picture_jobs k
          where v_path = 'open' and k.status = f.status
            and k.status not in ('succeeded', 'failed', 'cancelled')
          limit p_look
        )
      ) w
      cross join lateral (
        select o.job_id, o.created_at from public.picture_jobs o
        where o.job_id = w.job_id and o.number = 1 limit 1
      ) p
      where p.created_at >= f.created_after and (p.created_at, p.job_id) < (v_after, v_after_id)
      order by p.created_at desc, p.job_id desc limit p_look
    )
  ),
  ends as materialized (
    select count(*) as looked_at,
      (select l.created_at from looked l order by l.created_at, l.id limit 1) as created_at,
      (select l.id from looked l order by l.created_at, l.id limit 1) as id
    from looked
  ),
  found as materialized (
    select l.id, l.created_at
    from looked l
    -- The limit keeps it from being turned around.
    cross join lateral (
      select p.number from public.picture_jobs p
      where p.job_id = l.id
        and (f.status is null or p.status = f.status)
        and (f.priority_from is null or p.priority between f.priority_from and f.priority_to)
        and (f.model is null or p.generation_model = f.model)
        and (f.error_code is null or p.error_code = f.error_code)
        and (f.user_id is null or p.user_id = f.user_id)
        and (f.row_id is null or p.row_id = f.row_id)
        and (f.words is null or position(lower(f.words) in lower(p.error)) > 0
          or position(lower(f.words) in lower(p.prompt)) > 0)
      limit 1
    ) fits
    order by l.created_at desc, l.id desc
    limit p_limit
  )
  select e.looked_at, e.created_at, e.id, o.id, o.created_at
  from ends e
  left join found o on true
  order by o.created_at desc, o.id desc;
end
$$;
-- <<< find_picture_jobs

-- >>> find_prompt_jobs
-- Prompt jobs of anybody for an operator's list, newest first, by a filter that may be anything:
-- p_filter has status, priority_from, priority_to, model, source, error_code, user_id, row_id,
-- created_after, created_before, words (within error or prompt), and id_from and id_to (of the job,
-- its row or its user). At most p_look jobs are looked at, found by what narrows the filter most;
-- looked_at says how many were, and last_created_at and last_id where to go on. One row without an
-- id where none fits.
create or replace function public.find_prompt_jobs(
  p_filter jsonb,
  p_limit int,
  p_after timestamptz default null,
  p_after_id uuid default null,
  p_look int default 5000
)
returns table (
  looked_at bigint, last_created_at timestamptz, last_id uuid, id uuid, created_at timestamptz
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  f record;
  v_path text;
  v_after timestamptz := coalesce(p_after, 'infinity');
  v_after_id uuid := coalesce(p_after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
begin
  select * into f from jsonb_to_record(p_filter) as r (
    status text, priority_from int, priority_to int, model text, source text, error_code text,
    user_id uuid, row_id uuid, created_after timestamptz, created_before timestamptz, words text,
    id_from uuid, id_to uuid
  );
  f.created_after := coalesce(f.created_after, '-infinity');
  v_after := least(v_after, coalesce(f.created_before, 'infinity'));
  v_path := case
    when f.id_from is not null then 'id'
    when f.user_id is not null then 'user'
    when f.row_id is not null then 'row'
    when f.status = 'processing' then 'leased'
    when f.status = 'failed' or f.error_code is not null then 'error'
    -- Few wait: they are all looked at. Many wait: there are some among the newest.
    when coalesce(f.status, '') = 'queued' and (
      select count(*) from (
        select from public.prompt_job_queue q where q.state <> 'leased'
        order by q.job_id limit p_look
      ) w
    ) < p_look then 'waiting'
    else 'newest'
  end;
  return query
  with looked as materialized (
    (
      select j.id, j.created_at from public.prompt_generation_jobs j
      where v_path = 'newest' and j.created_at >= f.created_after
        and j.created_at <= v_after and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc limit p_look
    )
    union all
    (
      select j.id, j.created_at from public.prompt_generation_jobs j
      where v_path = 'error' and j.error_code is not null and j.created_at >= f.created_after
        and j.created_at <= v_after and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc limit p_look
    )
    union all
    (
      select j.id, j.created_at from public.prompt_generation_jobs j
      where v_path = 'user' and j.user_id = f.user_id and j.created_at >= f.created_after
        and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc limit p_look
    )
    union all
    (
      select o.id, o.created_at from (
        select j.id, j.created_at from public.prompt_generation_jobs j
        where v_path = 'row' and j.row_id = f.row_id limit p_look
      ) o
      where o.created_at >= f.created_after and (o.created_at, o.id) < (v_after, v_after_id)
      order by o.created_at desc, o.id desc
    )
    union all
    (
      select j.id, j.created_at from (
        (
          select q.job_id from public.prompt_job_queue q
          where v_path = 'leased' and q.state = 'leased' limit p_look
        )
        union all
        (
          select q.job_id from public.prompt_job_queue q
          where v_path = 'waiting' and q.state <> 'leased' order by q.job_id limit p_look
        )
      ) w
      cross join lateral (
        select o.id, o.created_at from public.prompt_generation_jobs o
        where o.id = w.job_id limit 1
      ) j
      where j.created_at >= f.created_after and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc
    )
    union all
    (
      select j.id, j.created_at from (
        (
          select k.id from public.prompt_generation_jobs k
          where v_path = 'id' and k.id between f.id_from and f.id_to limit p_look
        )
        union
        (
          select k.id from public.prompt_generation_jobs k
          where v_path = 'id' and k.row_id between f.id_from and f.id_to limit p_look
        )
        union
        (
          select k.id from public.prompt_generation_jobs k
          where v_path = 'id' and k.user_id between f.id_from and f.id_to
          order by k.user_id, k.created_at desc, k.id desc limit p_look
        )
      ) w
      cross join lateral (
        select o.id, o.created_at from public.prompt_generation_jobs o where o.id = w.id limit 1
      ) j
      where j.created_at >= f.created_after and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc limit p_look
    )
  ),
  ends as materialized (
    select count(*) as looked_at,
      (select l.created_at from looked l order by l.created_at, l.id limit 1) as created_at,
      (select l.id from looked l order by l.created_at, l.id limit 1) as id
    from looked
  ),
  found as materialized (
    select j.id, j.created_at
    from looked l
    -- The limit keeps it from being turned around.
    cross join lateral (
      select * from public.prompt_generation_jobs o where o.id = l.id limit 1
    ) j
    where (f.status is null or j.status = f.status)
      and (f.priority_from is null or j.priority between f.priority_from and f.priority_to)
      and (f.model is null or j.model in (f.model, 'stand-in:' || f.model))
      and (f.source is null or j.source = f.source)
      and (f.error_code is null or j.error_code = f.error_code)
      and (f.user_id is null or j.user_id = f.user_id)
      and (f.row_id is null or j.row_id = f.row_id)
      and (f.words is null or position(lower(f.words) in lower(j.error)) > 0
        or position(lower(f.words) in lower(j.generated_prompt)) > 0)
    order by l.created_at desc, l.id desc
    limit p_limit
  )
  select e.looked_at, e.created_at, e.id, o.id, o.created_at
  from ends e
  left join found o on true
  order by o.created_at desc, o.id desc;
end
$$;
-- <<< find_prompt_jobs

-- >>> jobs_in_hand
-- What workers hold: prompts with the model that was asked last, and pictures; since_seconds since
-- they took it, or since it was bought. A thousand of each at most.
create or replace function public.jobs_in_hand()
returns table (
  worker text, job_id uuid, kind text, user_id uuid, priority int, model text,
  since_seconds double precision
)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  (
    select q.worker, q.job_id, 'prompt' as kind, q.user_id, q.priority, c.model,
      extract(epoch from clock_timestamp() - j.updated_at)::float8 as since_seconds
    from public.prompt_job_queue q
    join public.prompt_generation_jobs j on j.id = q.job_id
    left join lateral (
      select l.model from public.provider_calls l
      where l.job_id = q.job_id order by l.started_at desc limit 1
    ) c on true
    where q.state = 'leased'
    limit 1000
  )
  union all
  (
    select p.worker, p.job_id, 'picture', p.user_id, p.priority, p.generation_model,
      extract(epoch from clock_timestamp() - coalesce(p.submitted_at, p.updated_at))::float8
    from public.picture_jobs p
    where p.lease_until is not null
    limit 1000
  )
$$;
-- <<< jobs_in_hand

-- >>> open_pictures
-- Pictures that have not ended, by status; those that have are not looked at.
create or replace function public.open_pictures()
returns table (status text, pictures bigint)
language sql
stable
set search_path = ''
set enable_seqscan = off
as $$
  select p.status, count(*) from public.picture_jobs p
  where p.status not in ('succeeded', 'failed', 'cancelled')
  group by p.status
$$;
-- <<< open_pictures

-- >>> open_priority_bands
-- The ranges of priorities that are worked on, the most urgent first: one where none is paused.
create or replace function public.open_priority_bands()
returns table (low int, high int)
language sql
stable
set search_path = ''
as $$
  -- Neighbours that are open have the same difference to their number.
  select min(o.priority), max(o.priority)
  from (
    select p.priority, p.priority - row_number() over (order by p.priority) as band
    from generate_series(1, 10) as p (priority)
    where not exists (
      select from public.prompt_queue_paused_priorities u where u.priority = p.priority
    )
  ) o
  group by o.band
  order by 1 desc
$$;
-- <<< open_priority_bands

-- >>> operate_on_jobs
-- An operator's act on jobs of anybody: p_act is retry or cancel, the ids are of prompts and of jobs
-- with pictures. All of them count together or not at all, their events say who and why, and one
-- line of the log names those that changed. outcome is that of retry_prompt_job() and its three
-- siblings.
create or replace function public.operate_on_jobs(
  p_act text, p_job_ids uuid[], p_actor text, p_reason text default null
)
returns table (job_id uuid, outcome text)
language plpgsql
set search_path = ''
as $$
declare
  v_id uuid;
  v_outcome text;
  v_changed uuid[] := '{}';
begin
  if p_act is null or p_act not in ('retry', 'cancel') then
    raise exception 'an act is retry or cancel' using errcode = 'invalid_parameter_value';
  end if;
  -- Read where the events are written, up to the end of this.
  perform set_config('prompt_queue.actor', p_actor, true),
    set_config('prompt_queue.reason', coalesce(p_reason, ''), true);
  -- In the order in which everybody takes locks.
  for v_id in select distinct j.id from unnest(p_job_ids) as j (id) order by j.id loop
    if exists (select from public.prompt_generation_jobs p where p.id = v_id) then
      if p_act = 'retry' then
        select r.outcome into v_outcome
        from public.retry_prompt_job(v_id, null, p_actor) r;
      else
        select c.outcome into v_outcome
        from public.cancel_prompt_job(v_id) c;
      end if;
    elsif p_act = 'retry' then
      v_outcome := public.retry_picture_job(v_id, null, p_actor);
    else
      select c.outcome into v_outcome
      from public.cancel_picture_job(v_id) c;
    end if;
    if v_outcome in ('retried', 'cancelled') then
      v_changed := v_changed || v_id;
    end if;
    return query select v_id, v_outcome;
  end loop;
  perform set_config('prompt_queue.actor', '', true),
    set_config('prompt_queue.reason', '', true);
  if v_changed <> '{}' then
    insert into public.prompt_operator_log (actor, act, reason, about, detail)
    values (
      p_actor, case p_act when 'retry' then 'retried' else 'cancelled' end, p_reason,
      case cardinality(v_changed) when 1 then v_changed[1]::text
        else cardinality(v_changed) || ' jobs' end,
      jsonb_build_object('changed', cardinality(v_changed), 'ids', to_jsonb(v_changed))
    );
  end if;
end
$$;
-- <<< operate_on_jobs

-- >>> pause_prompt_queue
-- Stops the whole queue, with p_model the calls to one model, or with p_from and p_to the jobs of
-- these priorities, pictures too; jobs that run are finished. Returns false where it was paused
-- already: the first reason is kept.
create or replace function public.pause_prompt_queue(
  p_model text default null, p_reason text default null, p_actor text default 'operator',
  p_from int default null, p_to int default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if p_from is null and p_to is null then
    insert into public.prompt_queue_pauses (model, reason, actor)
    values (coalesce(p_model, ''), p_reason, p_actor)
    on conflict do nothing;
  elsif p_model is not null or (p_from between 1 and 10 and p_to between p_from and 10) is not true then
    raise exception 'pause a model, or priorities from 1 to 10'
      using errcode = 'invalid_parameter_value';
  else
    insert into public.prompt_queue_paused_priorities (priority, reason, actor, paused_at)
    select p.priority, p_reason, p_actor, v_now from generate_series(p_from, p_to) as p (priority)
    on conflict do nothing;
  end if;
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model, reason, about)
  values (p_actor, 'paused', p_model, p_reason, 'priorities ' || p_from || ' to ' || p_to);
  return true;
end
$$;
-- <<< pause_prompt_queue

-- >>> picture_is_due
-- Whether a picture is to be looked at, or one that may be bought now: while the queue or its
-- priority is paused, it may not.
create or replace function public.picture_is_due()
returns boolean
language sql
volatile
set search_path = ''
set enable_seqscan = off
as $$
  select exists (
    select from public.picture_jobs p
    where p.status <> 'queued' and p.due_at is not null and p.due_at <= clock_timestamp()
    order by p.due_at limit 1
  ) or exists (
    select from public.picture_jobs p
    where p.status = 'queued' and p.due_at <= clock_timestamp() order by p.due_at limit 1
  ) and not exists (
    select from public.prompt_queue_pauses u where u.model = ''
  ) and (
    not exists (select from public.prompt_queue_paused_priorities) or exists (
      select from public.open_priority_bands() b
      cross join lateral (
        select p.id from public.picture_jobs p
        where p.status = 'queued' and p.due_at <= clock_timestamp()
          and p.priority between b.low and b.high
        order by p.priority desc, p.created_at limit 1
      ) o
    )
  )
$$;
-- <<< picture_is_due

-- >>> prompt_job_position
-- How many jobs will be claimed before this one, counted up to p_limit; those of paused priorities
-- will not. Null if it does not wait.
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
  v_stopped smallint[] := array(select u.priority from public.prompt_queue_paused_priorities u);
begin
  select * into v_place
  from public.prompt_job_queue q where q.job_id = p_job_id and q.state <> 'leased';
  if not found then
    return null;
  end if;
  select count(*) into v_above from (
    select from generate_series(v_place.priority + 1, 10) as l (lane)
    cross join lateral (
      select q.job_id from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = l.lane::smallint
      limit p_limit
    ) q
    where l.lane <> all (v_stopped)
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

-- >>> prompt_permits_used
-- Calls within the last minute by model, of the newest 20,000.
create or replace function public.prompt_permits_used()
returns table (model text, used bigint)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select c.model, count(*)
  from (
    select r.model from public.provider_calls r
    where r.started_at > (select clock_timestamp() - interval '1 minute')
    order by r.started_at desc limit 20000
  ) c
  group by c.model
$$;
-- <<< prompt_permits_used

-- >>> prompt_spend_today
-- The cost of the day in UTC, by leg, provider and model: the sums of prompt_queue_spend and, call by
-- call, those of the last quarter of an hour, which are not in them yet.
create or replace function public.prompt_spend_today()
returns table (
  leg text, provider text, model text, calls bigint, unresolved bigint, usd numeric,
  input_tokens bigint, output_tokens bigint
)
language sql
stable
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select s.leg, s.provider, s.model, sum(s.calls)::bigint, sum(s.unresolved)::bigint, sum(s.usd),
    sum(s.input_tokens)::bigint, sum(s.output_tokens)::bigint
  from (
    select d.leg, d.provider, d.model, d.calls, d.unresolved, d.usd, d.input_tokens,
      d.output_tokens
    from public.prompt_queue_spend d
    where d.day = (clock_timestamp() at time zone 'UTC')::date
    union all
    select c.leg, c.provider, c.model, 1, (c.state = 'unanswered')::int, coalesce(c.cost_usd, 0),
      coalesce(c.prompt_tokens, 0),
      coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)
    from public.provider_calls c
    where c.started_at > (
      select greatest(r.calls_until, date_trunc('day', clock_timestamp(), 'UTC') - interval '1 us')
      from public.prompt_queue_totals_read r
    )
  ) s
  group by s.leg, s.provider, s.model
  order by sum(s.usd) desc, s.model
$$;
-- <<< prompt_spend_today

-- >>> ready_job_waits
-- Whether a prompt job waits that a claim may take: with stale statistics, too, each lane that is
-- looked at costs one row.
create or replace function public.ready_job_waits()
returns boolean
language sql
volatile
set search_path = ''
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select not exists (select from public.prompt_queue_pauses p where p.model = '') and exists (
    select from generate_series(1, 10) as lane (priority)
    cross join lateral (
      select q.job_id from public.prompt_job_queue q
      where q.state = 'ready' and q.priority = lane.priority::smallint
      order by q.claim_key, q.enqueued_at limit 1
    ) h
    where not exists (
      select from public.prompt_queue_paused_priorities u where u.priority = lane.priority
    )
  )
$$;
-- <<< ready_job_waits

-- >>> resume_prompt_queue
-- Lets the whole queue, with p_model the calls to one model, or with p_from and p_to the jobs of
-- these priorities go on; wakes the workers. Each pause is by itself: a priority that is paused
-- stays so when the queue goes on. Returns false where nothing was paused.
create or replace function public.resume_prompt_queue(
  p_model text default null, p_actor text default 'operator',
  p_from int default null, p_to int default null, p_reason text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if p_from is null and p_to is null then
    delete from public.prompt_queue_pauses p where p.model = coalesce(p_model, '');
  elsif p_model is not null or p_from is null or p_to is null then
    raise exception 'resume a model, or priorities from 1 to 10'
      using errcode = 'invalid_parameter_value';
  else
    delete from public.prompt_queue_paused_priorities p where p.priority between p_from and p_to;
  end if;
  if not found then
    return false;
  end if;
  insert into public.prompt_operator_log (actor, act, model, reason, about)
  values (p_actor, 'resumed', p_model, p_reason, 'priorities ' || p_from || ' to ' || p_to);
  notify prompt_queue;
  return true;
end
$$;
-- <<< resume_prompt_queue

-- >>> retry_picture_job
-- An explicit, audited act: the failed pictures of a job are made anew, with all their retries; one
-- whose prompt failed waits for that, which is reopened. outcome: retried, not_failed or not_found.
create or replace function public.retry_picture_job(
  p_job_id uuid, p_user_id uuid default null, p_actor text default 'operator'
)
returns text
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.retry'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_user uuid;
  v_prompt_job uuid;
  v_again int;
begin
  select p.user_id, p.prompt_job_id into v_user, v_prompt_job
  from public.picture_jobs p
  where p.job_id = p_job_id and (p_user_id is null or p.user_id = p_user_id)
  limit 1;
  if not found then
    return 'not_found';
  end if;
  if exists (
    select from public.picture_jobs p
    where p.job_id = p_job_id and p.status = 'failed' and p.failed_with_prompt
  ) then
    perform public.retry_prompt_job(v_prompt_job, null, p_actor);
    perform public.reopen_picture_jobs(v_prompt_job);
    -- Somebody may have brought its prompt already.
    perform public.release_picture_jobs(array[v_prompt_job]);
    v_again := 1;
  else
    update public.picture_jobs p
    set status = 'queued', prediction_id = null, provider_outputs = null, retry_count = 0,
      past_predictions = p.past_predictions || array_remove(array[p.prediction_id], null),
      resubmits = 0, lease_losses = 0, error = null, error_code = null, completed_at = null,
      due_at = v_now, retried_at = v_now, updated_at = v_now
    where p.job_id = p_job_id and p.status = 'failed';
    get diagnostics v_again = row_count;
  end if;
  if v_again = 0 then
    return 'not_failed';
  end if;
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_user, 'picture_retried', jsonb_strip_nulls(jsonb_build_object(
    'actor', p_actor, 'reason', nullif(current_setting('prompt_queue.reason', true), '')
  )));
  perform public.project_picture_jobs(array[p_job_id]);
  notify prompt_queue;
  return 'retried';
end
$$;
-- <<< retry_picture_job

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
  perform public.reopen_picture_jobs(p_job_id);
  insert into public.prompt_job_events (job_id, user_id, kind, data)
  values (p_job_id, v_job.user_id, 'retried', jsonb_strip_nulls(jsonb_build_object(
    'actor', p_actor, 'reason', nullif(current_setting('prompt_queue.reason', true), '')
  )));
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
  ),
  retried as materialized (
    select o.id
    from (select w.id from wanted w order by w.id) o
    cross join lateral public.retry_prompt_job(o.id, p_user_id, p_actor) r
    where r.outcome = 'retried'
  ),
  logged as (
    insert into public.prompt_operator_log (actor, act, about, detail)
    select p_actor, 'retried', coalesce(p_error_code, 'failed jobs'),
      jsonb_build_object('changed', count(*))
    from retried r
    where p_user_id is null
    having count(*) > 0
  )
  select count(*) from retried
$$;
-- <<< retry_prompt_jobs

-- >>> sum_up_prompt_queue
-- Adds to prompt_queue_totals what has happened since the last time: at most 20,000 events and
-- 20,000 calls. Event numbers commit out of order, so events count once every transaction that may
-- still bring a smaller number is over; such a one has changed a row before it writes an event, so
-- it has a transaction id by then. Calls count a quarter of an hour after they began; one that has
-- no answer by then counts as unanswered. The same goes into prompt_queue_minutes, by the minute, and
-- prompt_queue_spend, by the day. Returns false where somebody else is at it.
create or replace function public.sum_up_prompt_queue()
returns boolean
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.sum_up'
as $$
declare
  v_read public.prompt_queue_totals_read;
  v_running xid8;
  v_next xid8;
  v_newest bigint;
  v_final bigint;
  v_calls timestamptz;
begin
  select pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now),
    coalesce((select max(e.id) from public.prompt_job_events e), 0)
  into v_running, v_next, v_newest
  from pg_current_snapshot() as s (now);
  select r.* into v_read from public.prompt_queue_totals_read r
  where r.only_row
  for update skip locked;
  if not found then
    return false;
  end if;
  v_final := case
    when v_running = v_next then v_newest
    when v_read.seen_before <= v_running then v_read.seen_id
    else v_read.event_id
  end;
  v_final := least(greatest(v_final, v_read.event_id), v_read.event_id + 20000);
  select max(c.started_at) into v_calls
  from (
    select p.started_at from public.provider_calls p
    where p.started_at > v_read.calls_until
      and p.started_at < clock_timestamp() - interval '15 minutes'
    order by p.started_at
    limit 20000
  ) c;
  with events as materialized (
    select e.job_id, e.kind, e.data, date_trunc('minute', e.created_at) as minute
    from public.prompt_job_events e
    where e.id > v_read.event_id and e.id <= v_final
  ),
  times as materialized (
    select e.minute, t.name, extract(epoch from t.taken)::float8 as seconds
    from events e
    join public.prompt_generation_jobs j on j.id = e.job_id
    cross join lateral (values
      ('wait', j.started_at - j.created_at), ('processing', j.completed_at - j.started_at)
    ) t (name, taken)
    where e.kind = 'completed' and t.taken is not null
  ),
  calls as materialized (
    select c.leg, c.provider, c.model, c.state, c.started_at, c.prompt_tokens,
      c.completion_tokens, c.reasoning_tokens, c.cost_usd,
      case c.state when 'answered' then coalesce(c.error_code, 'ok') else 'unanswered' end
        as outcome
    from public.provider_calls c
    where c.started_at > v_read.calls_until and c.started_at <= v_calls
  ),
  found (name, labels, value) as (
    select 'events', array[e.kind], count(*)::float8 from events e group by e.kind
    union all
    select 'completed', array[coalesce(e.data ->> 'source', 'model')], count(*)
    from events e where e.kind = 'completed' group by 2
    union all
    select 'failed', array[coalesce(e.data ->> 'code', 'failed')], count(*)
    from events e where e.kind = 'failed' group by 2
    union all
    select t.name || '_bucket', array[coalesce((
        select min(b.bound) from unnest(array[0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600])
          as b (bound)
        where t.seconds <= b.bound
      )::float8::text, '+Inf')], count(*)
    from times t group by 1, 2
    union all
    select t.name || '_sum', array[]::text [], sum(greatest(t.seconds, 0)) from times t group by 1
    union all
    select 'calls', array[c.leg, c.model, c.outcome], count(*) from calls c group by 2
    union all
    select 'usd', array[c.leg, c.model], coalesce(sum(c.cost_usd), 0) from calls c group by 2
    union all
    select 'tokens', array[c.leg, c.model, 'input'], coalesce(sum(c.prompt_tokens), 0)
    from calls c group by 2
    union all
    select 'tokens', array[c.leg, c.model, 'output'],
      coalesce(sum(coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)), 0)
    from calls c group by 2
  ),
  by_minute (minute, name, label, value) as (
    select e.minute, e.kind,
      case e.kind when 'completed' then coalesce(e.data ->> 'source', 'model')
        when 'failed' then coalesce(e.data ->> 'code', 'failed')
        when 'picture_failed' then coalesce(e.data ->> 'code', 'failed') else '' end,
      -- One event may be about several pictures.
      sum(case e.kind when 'picture_created' then coalesce((e.data ->> 'count')::int, 1)
        when 'picture_cancelled' then coalesce((e.data ->> 'pictures')::int, 1) else 1 end)
    from events e
    where e.kind in ('queued', 'completed', 'failed', 'cancelled', 'picture_created',
        'picture_succeeded', 'picture_failed', 'picture_cancelled')
      and e.minute > clock_timestamp() - interval '2 days'
    group by 1, 2, 3
    union all
    select t.minute, t.name, ceil(8 * log(2, greatest(t.seconds, 0.01)::numeric))::int::text, count(*)
    from times t
    where t.minute > clock_timestamp() - interval '2 days'
    group by 1, 2, 3
  ),
  counted_by_minute as (
    insert into public.prompt_queue_minutes as m (minute, name, label, value)
    select b.minute, b.name, b.label, b.value from by_minute b
    on conflict (minute, name, label) do update set value = m.value + excluded.value
  ),
  spent as (
    insert into public.prompt_queue_spend as s
    select (c.started_at at time zone 'UTC')::date, c.leg, c.provider, c.model, count(*),
      count(*) filter (where c.state <> 'answered'), coalesce(sum(c.cost_usd), 0),
      coalesce(sum(c.prompt_tokens), 0),
      coalesce(sum(coalesce(c.completion_tokens, 0) + coalesce(c.reasoning_tokens, 0)), 0)
    from calls c
    group by 1, 2, 3, 4
    on conflict (day, leg, provider, model) do update
    set calls = s.calls + excluded.calls, unresolved = s.unresolved + excluded.unresolved,
      usd = s.usd + excluded.usd, input_tokens = s.input_tokens + excluded.input_tokens,
      output_tokens = s.output_tokens + excluded.output_tokens
  )
  insert into public.prompt_queue_totals as o (name, labels, value)
  select f.name, f.labels, f.value from found f
  on conflict (name, labels) do update set value = o.value + excluded.value;
  update public.prompt_queue_totals_read r
  set event_id = v_final,
    seen_id = case when v_final >= r.seen_id then v_newest else r.seen_id end,
    seen_before = case when v_final >= r.seen_id then v_next else r.seen_before end,
    calls_until = coalesce(v_calls, r.calls_until)
  where r.only_row;
  delete from public.prompt_queue_minutes m
  where m.minute < clock_timestamp() - interval '2 days 1 hour';
  return true;
end
$$;
-- <<< sum_up_prompt_queue

-- >>> supply_prompt
-- A prompt written by hand ends a job that waits, runs or has failed, and its dependents go on; a
-- worker that is at it finds its lease gone. A prompt that came first stays: with p_successor a new
-- job of the same row, completed at once, carries the one by hand. The same prompt again is the
-- same act. outcome: supplied, successor, already_supplied, already_completed, cancelled or
-- not_found; job_id is the job that has the prompt now.
create or replace function public.supply_prompt(
  p_job_id uuid,
  p_prompt text,
  p_user_id uuid default null,
  p_actor text default 'operator',
  p_successor boolean default false
)
returns table (outcome text, job_id uuid)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.manual'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_job public.prompt_generation_jobs;
  v_successor uuid := md5(p_job_id::text || ' ' || p_prompt)::uuid;
begin
  if coalesce(trim(p_prompt), '') = '' then
    raise exception 'a prompt has at least one word' using errcode = 'invalid_parameter_value';
  end if;
  -- The queue row is the lock that settle, reap and cancel all take first.
  perform 1 from public.prompt_job_queue q where q.job_id = p_job_id for update;
  select * into v_job
  from public.prompt_generation_jobs j
  where j.id = p_job_id and (p_user_id is null or j.user_id = p_user_id)
  for update;
  if not found then
    return query select 'not_found', null::uuid;
  elsif v_job.status = 'cancelled' then
    return query select 'cancelled', p_job_id;
  elsif v_job.status = 'completed' and (v_job.source, v_job.generated_prompt) = ('manual', p_prompt) then
    return query select 'already_supplied', p_job_id;
  elsif v_job.status = 'completed' and not p_successor then
    return query select 'already_completed', p_job_id;
  elsif v_job.status = 'completed' then
    insert into public.prompt_generation_jobs (
      id, row_id, model_id, user_id, ref_urls, target_url, priority, max_retries, status,
      generated_prompt, source, completed_at
    )
    values (
      v_successor, v_job.row_id, v_job.model_id, v_job.user_id, v_job.ref_urls, v_job.target_url,
      v_job.priority, v_job.max_retries, 'completed', p_prompt, 'manual', v_now
    )
    on conflict (id) do nothing;
    if found then
      insert into public.prompt_job_events (job_id, user_id, kind, data)
      values
        (p_job_id, v_job.user_id, 'superseded',
          jsonb_build_object('actor', p_actor, 'successor', v_successor)),
        (v_successor, v_job.user_id, 'completed',
          jsonb_build_object('source', 'manual', 'actor', p_actor, 'predecessor', p_job_id));
    end if;
    if found and p_user_id is null then
      insert into public.prompt_operator_log (actor, act, about, detail)
      values (p_actor, 'supplied', p_job_id, jsonb_build_object('successor', v_successor));
    end if;
    return query select 'successor', v_successor;
  else
    delete from public.prompt_job_queue q where q.job_id = p_job_id;
    update public.prompt_generation_jobs j
    set status = 'completed', generated_prompt = p_prompt, source = 'manual', model = null,
      strategy = null, degraded = null, error = null, error_code = null, completed_at = v_now, updated_at = v_now
    where j.id = p_job_id;
    insert into public.prompt_queue_tally (at, status, jobs) values (v_now, 'completed', 1);
    if v_job.status = 'failed' then
      insert into public.prompt_queue_tally (at, status, jobs) values ('-infinity', 'failed', -1);
    end if;
    update public.jobs d set prompt_status = 'completed' where d.prompt_job_id = p_job_id;
    perform public.reopen_picture_jobs(p_job_id);
    perform public.release_picture_jobs(array[p_job_id]);
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_job.user_id, 'completed', jsonb_build_object(
      'source', 'manual', 'actor', p_actor, 'before', v_job.status
    ));
    if p_user_id is null then
      insert into public.prompt_operator_log (actor, act, about)
      values (p_actor, 'supplied', p_job_id);
    end if;
    return query select 'supplied', p_job_id;
  end if;
end
$$;
-- <<< supply_prompt
