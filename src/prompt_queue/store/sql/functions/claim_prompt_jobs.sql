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
