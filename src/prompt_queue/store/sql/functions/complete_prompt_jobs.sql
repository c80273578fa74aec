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
