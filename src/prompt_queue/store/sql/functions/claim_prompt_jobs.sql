-- Takes up to p_limit jobs, most urgent first and oldest first within a priority. Each comes with
-- a random lease token that every later write about it must show. A caller that names no worker is
-- taken to be one that sends no heartbeats: it gets a long lease and frees expired ones itself.
create or replace function public.claim_prompt_jobs(
  p_limit int default 3,
  p_worker text default null,
  p_lease_seconds double precision default 300
)
returns table (
  id uuid, row_id uuid, model_id uuid, user_id uuid, ref_urls text[], target_url text, status text,
  generated_prompt text, error text, retry_count int, max_retries int, priority int,
  created_at timestamptz, updated_at timestamptz, started_at timestamptz, completed_at timestamptz,
  error_code text, source text, model text, lease_token uuid, lease_until timestamptz
)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set prompt_queue.act = 'claim'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  if p_worker is null then
    perform public.free_expired_prompt_leases();
  end if;
  perform public.wake_due_prompt_jobs();
  return query
  with picked as materialized (
    select q.job_id
    from public.prompt_job_queue q
    where q.state = 'ready'
    order by q.priority desc, q.claim_key, q.job_id
    limit greatest(least(p_limit, 1000), 0)
    for update skip locked
  ),
  leased as (
    update public.prompt_job_queue q
    set state = 'leased', lease_token = gen_random_uuid(),
      lease_until = v_now + make_interval(secs => p_lease_seconds),
      worker = coalesce(p_worker, 'rpc'), next_attempt_at = null
    from picked
    where q.job_id = picked.job_id
    returning q.job_id, q.user_id, q.priority, q.claim_key, q.lease_token, q.lease_until, q.worker
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
  )
  select s.id, s.row_id, s.model_id, s.user_id, s.ref_urls, s.target_url, s.status,
    s.generated_prompt, s.error, s.retry_count, s.max_retries, s.priority, s.created_at,
    s.updated_at, s.started_at, s.completed_at, s.error_code, s.source, s.model,
    l.lease_token, l.lease_until
  from leased l
  join started s on s.id = l.job_id
  order by l.priority desc, l.claim_key, l.job_id;
end
$$;
