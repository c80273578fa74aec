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
