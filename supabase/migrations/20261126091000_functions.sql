-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> end_prompt_flights
-- A job that leaves the queue ends its flight: whoever waited for it looks again at once, finds its
-- prompt, or asks in its place. Where it was refused for safety, so are they: asking the same again
-- would be charged and refused again.
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
  v_refused jsonb;
begin
  with over as (
    delete from public.prompt_flights f
    where f.leader_job_id in (select g.job_id from gone g)
    returning f.scope || ':' || f.key as name, f.leader_job_id
  )
  select array_agg(o.name),
    jsonb_agg(jsonb_build_object('flight', o.name, 'error', j.error, 'error_code', j.error_code))
      filter (where j.status = 'failed' and j.error_code = 'refused')
  into v_ended, v_refused
  from over o
  left join public.prompt_generation_jobs j on j.id = o.leader_job_id;
  if v_ended is null then
    return null;
  end if;
  if v_refused is not null then
    perform public.fail_prompt_followers(v_refused);
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
-- have min_quality, operation, existing_prompt, user_instructions, identity_consent, cache and stream,
-- which go to the columns of these names.
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
    'cache', 'stream'
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
    cache, stream
  )
  values (
    v_job_id, p_row_id, v_owner.model_id, v_owner.user_id, coalesce(p_ref_urls, '{}'),
    p_target_url, coalesce(p_priority, 5), coalesce(p_max_retries, 3),
    p_options ->> 'min_quality', p_options ->> 'operation', p_options ->> 'existing_prompt',
    p_options ->> 'user_instructions', (p_options ->> 'identity_consent')::boolean,
    p_options ->> 'cache', (p_options ->> 'stream')::boolean
  );
  return v_job_id;
end
$$;
-- <<< enqueue_prompt_job

-- >>> fail_prompt_followers
-- Fails the jobs that wait for flights which have failed for good: p_flights is an array of {flight,
-- error, error_code}, the flight as prompt_job_queue.follows names it. Returns how many.
create or replace function public.fail_prompt_followers(p_flights jsonb)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_failed bigint;
begin
  with over as materialized (
    select f.* from jsonb_to_recordset(p_flights) as f (flight text, error text, error_code text)
  ),
  removed as materialized (
    delete from public.prompt_job_queue q
    using over o
    where q.follows = o.flight and q.state = 'delayed'
    returning q.job_id, q.user_id, o.error, o.error_code
  ),
  recorded as (
    update public.prompt_generation_jobs j
    set status = 'failed', error = r.error, error_code = r.error_code, completed_at = v_now,
      updated_at = v_now
    from removed r
    where j.id = r.job_id
  ),
  dependents as (
    update public.jobs d set prompt_status = 'failed'
    from removed r
    where d.prompt_job_id = r.job_id
  ),
  counted as (
    insert into public.prompt_queue_tally (at, status, jobs)
    select v_now, 'failed', count(*) from removed r having count(*) > 0
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select r.job_id, r.user_id, 'failed', jsonb_build_object('code', r.error_code, 'followed', true)
    from removed r
  )
  select count(*) into v_failed from removed r;
  return v_failed;
end
$$;
-- <<< fail_prompt_followers

-- >>> note_prompt_partials
-- Stores what models have written so far: p_partials is an array of {job_id, lease_token, partial};
-- without a partial what was stored under that lease is deleted. Texts under a lease that is over are
-- left out; prompt_partial() would not show them either.
create or replace function public.note_prompt_partials(p_partials jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- Losing it in a crash costs nothing.
set synchronous_commit = off
as $$
begin
  delete from public.prompt_partials p
  using jsonb_to_recordset(p_partials) as n (job_id uuid, lease_token uuid, partial text)
  where n.partial is null and p.job_id = n.job_id and p.lease_token = n.lease_token;

  insert into public.prompt_partials as p (job_id, lease_token, partial)
  select q.job_id, q.lease_token, n.partial
  from jsonb_to_recordset(p_partials) as n (job_id uuid, lease_token uuid, partial text)
  join public.prompt_job_queue q on q.job_id = n.job_id and q.lease_token = n.lease_token
  where n.partial is not null
  order by q.job_id
  on conflict (job_id) do update
  set lease_token = excluded.lease_token, partial = excluded.partial,
    updated_at = clock_timestamp();
end
$$;
-- <<< note_prompt_partials

-- >>> prompt_job_wishes
-- How a job's request wants to be served: from the cache, and watched. Volatile, so that it sees the
-- job although it may have come after the statement that claims it began.
create or replace function public.prompt_job_wishes(p_job_id uuid)
returns table (cache text, stream boolean)
language sql
volatile
set search_path = ''
as $$
  select j.cache, j.stream from public.prompt_generation_jobs j where j.id = p_job_id
$$;
-- <<< prompt_job_wishes

-- >>> prompt_partial
-- What a model has written so far for a job that is open, or for the identical one that it follows.
-- Nothing once the lease under which it was written is over: half a prompt never outlives its call.
create or replace function public.prompt_partial(p_job_id uuid)
returns table (partial text, updated_at timestamptz)
language sql
stable
set search_path = ''
as $$
  select p.partial, p.updated_at
  from public.prompt_job_queue q
  left join public.prompt_flights f
    on f.scope = split_part(q.follows, ':', 1)::uuid and f.key = split_part(q.follows, ':', 2)
  join public.prompt_partials p on p.job_id = coalesce(f.leader_job_id, q.job_id)
  join public.prompt_job_queue l on l.job_id = p.job_id and l.lease_token = p.lease_token
  where q.job_id = p_job_id and p.partial <> ''
$$;
-- <<< prompt_partial

-- >>> prune_prompt_partials
-- Deletes texts whose call is over; prompt_partial() does not show them any more. Returns how many.
create or replace function public.prune_prompt_partials()
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_pruned bigint;
begin
  with over as (
    select p.job_id from public.prompt_partials p
    where not exists (
      select from public.prompt_job_queue q
      where q.job_id = p.job_id and q.lease_token = p.lease_token
    )
    order by p.job_id
    limit 5000
    for update skip locked
  )
  delete from public.prompt_partials p using over o where p.job_id = o.job_id;
  get diagnostics v_pruned = row_count;
  return v_pruned;
end
$$;
-- <<< prune_prompt_partials
