-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

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
      job_id uuid, lease_token uuid, outcome text, prompt text, source text, model text,
      strategy text, degraded boolean, error_code text
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

-- >>> enqueue_prompt_job
-- Queues one prompt job in the caller's own transaction and returns its id. The model and the
-- user come from the row; with p_user_id a row of somebody else counts as missing. p_options may
-- have min_quality, operation, existing_prompt, user_instructions and identity_consent, which go
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
    'min_quality', 'operation', 'existing_prompt', 'user_instructions', 'identity_consent'
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
    operation, existing_prompt, user_instructions, identity_consent
  )
  values (
    v_job_id, p_row_id, v_owner.model_id, v_owner.user_id, coalesce(p_ref_urls, '{}'),
    p_target_url, coalesce(p_priority, 5), coalesce(p_max_retries, 3),
    p_options ->> 'min_quality', p_options ->> 'operation', p_options ->> 'existing_prompt',
    p_options ->> 'user_instructions', (p_options ->> 'identity_consent')::boolean
  );
  return v_job_id;
end
$$;
-- <<< enqueue_prompt_job

-- >>> prompt_job_options
-- What a job's request says beyond pictures and priority. Volatile, so that it sees the job although
-- it may have come after the statement that claims it began.
create or replace function public.prompt_job_options(p_job_id uuid)
returns table (
  min_quality text, operation text, existing_prompt text, user_instructions text
)
language plpgsql
volatile
set search_path = ''
as $$
begin
  return query
  select j.min_quality, j.operation, j.existing_prompt, j.user_instructions
  from public.prompt_generation_jobs j
  where j.id = p_job_id;
end
$$;
-- <<< prompt_job_options

-- >>> settle_prompt_jobs
-- Carries out what became of claimed jobs. p_outcomes is an array of {job_id, lease_token, outcome,
-- prompt, error, error_code, source, model, strategy, degraded, delay_seconds, fallback}; outcome is
-- completed, failed, retry (burns a retry), postponed or released (neither burns one). A retry or a
-- pause that would end after the job's time limit (prompt_queue_settings.job_seconds) completes it
-- with its fallback (prompt, source, strategy, degraded) or, without one, fails it. The token must be
-- the current one; only a completed prompt, which is paid for, is also taken from a worker that
-- lost its lease, while the job is open. What is refused is noted as an event, unless it only
-- repeats the outcome that this token (its first characters are in the event) has had accepted.
-- Dependents in jobs follow in the same transaction.
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
  v_late jsonb;
  v_limit interval;
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
  select make_interval(secs => s.job_seconds) into v_limit
  from public.prompt_queue_settings s
  where s.only_row;
  -- A statement sees what was committed when it began, so the wait for the lock comes before it.
  perform 1 from public.prompt_job_queue q
  where q.job_id in (select (o ->> 'job_id')::uuid from jsonb_array_elements(v_rest) o)
  order by q.job_id
  for update;
  select jsonb_agg(o -> 'fallback' || jsonb_build_object(
    'job_id', o ->> 'job_id', 'lease_token', o ->> 'lease_token', 'outcome', 'completed',
    'error_code', o ->> 'error_code'
  )) into v_late
  from jsonb_array_elements(v_rest) o
  join public.prompt_job_queue q
    on q.job_id = (o ->> 'job_id')::uuid and q.lease_token = (o ->> 'lease_token')::uuid
  join public.prompt_generation_jobs j on j.id = q.job_id
  where o ->> 'outcome' in ('retry', 'postponed') and jsonb_typeof(o -> 'fallback') = 'object'
    and v_now + make_interval(secs => greatest((o ->> 'delay_seconds')::float8, 0))
      > coalesce(j.retried_at, j.created_at) + v_limit;
  if v_late is not null then
    v_done := public.complete_prompt_jobs(v_late);
    return query select d.job_id, true, 'completed' from unnest(v_done) as d (job_id);
    select jsonb_agg(o) into v_rest
    from jsonb_array_elements(v_rest) o
    where (o ->> 'job_id')::uuid <> all (v_done);
  end if;
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
        when p.outcome in ('retry', 'postponed')
          and v_now + make_interval(secs => greatest(coalesce(p.delay_seconds, 0), 0))
            > coalesce(j.retried_at, j.created_at) + v_limit then 'failed'
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
          e.kind = g.outcome
          or g.outcome in ('retry', 'postponed') and e.kind in ('retry_scheduled', 'failed')
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
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_job.user_id, 'completed', jsonb_build_object(
      'source', 'manual', 'actor', p_actor, 'before', v_job.status
    ));
    return query select 'supplied', p_job_id;
  end if;
end
$$;
-- <<< supply_prompt
