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
