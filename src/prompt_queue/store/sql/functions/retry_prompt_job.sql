-- An explicit, audited act: reopens a failed job with all its retries, and dependents that failed
-- with it wait again. With p_user_id it is the user's own act, and counts among its open jobs.
-- outcome: retried, not_failed, not_found or too_many_queued.
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
  v_verdict text;
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
  if p_user_id is not null then
    select a.verdict into v_verdict from public.admit_prompt_request(p_user_id, 1) a;
    if v_verdict <> 'admitted' then
      return query select v_verdict, v_job.status;
      return;
    end if;
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
