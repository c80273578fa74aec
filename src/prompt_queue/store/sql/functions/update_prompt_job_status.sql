-- One job's new status, for callers of the mission's four parameters and for SQL clients that hold
-- a lease token. Returns whether it was applied. Without a token nothing can be fenced: such a
-- write never touches a final row, may fail a job only while it is processing, and is counted.
create or replace function public.update_prompt_job_status(
  p_job_id uuid,
  p_status text,
  p_generated_prompt text default null,
  p_error text default null,
  p_lease_token uuid default null,
  p_error_code text default null,
  p_source text default null,
  p_model text default null,
  p_delay_seconds double precision default null
)
returns boolean
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.settle'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_place public.prompt_job_queue;
  v_retry_count int;
  v_outcome text;
  v_applied boolean := false;
begin
  if p_status is null
    or p_status not in ('queued', 'processing', 'completed', 'failed', 'cancelled') then
    raise exception 'status % is not one of queued, processing, completed, failed, cancelled',
      coalesce(quote_literal(p_status), 'null') using errcode = 'invalid_parameter_value';
  end if;
  if p_status = 'completed' and nullif(btrim(p_generated_prompt), '') is null then
    raise exception 'a completed job needs its prompt in p_generated_prompt'
      using errcode = 'invalid_parameter_value';
  end if;

  select * into v_place from public.prompt_job_queue q where q.job_id = p_job_id for update;
  if not found then
    return false;
  end if;

  if p_lease_token is null then
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    values (p_job_id, v_place.user_id, 'unfenced_write', jsonb_build_object('status', p_status));
  end if;

  if p_status = 'cancelled' then
    if p_lease_token is null or p_lease_token = v_place.lease_token then
      select c.outcome = 'cancelled' into v_applied from public.cancel_prompt_job(p_job_id) c;
    end if;
    return v_applied;
  end if;

  if p_status = 'processing' then
    return public.adopt_prompt_job(p_job_id, p_lease_token);
  end if;

  if p_lease_token is null and p_status in ('queued', 'failed') and v_place.state <> 'leased' then
    return false;
  end if;

  select j.retry_count into v_retry_count
  from public.prompt_generation_jobs j where j.id = p_job_id;
  v_outcome := case p_status when 'queued' then 'retry' else p_status end;

  select s.applied into v_applied
  from public.settle_prompt_jobs(jsonb_build_array(jsonb_build_object(
    'job_id', p_job_id,
    'lease_token', coalesce(p_lease_token, v_place.lease_token),
    'outcome', v_outcome,
    'prompt', p_generated_prompt,
    'error', p_error,
    'error_code', case when p_status <> 'completed' then coalesce(p_error_code, 'failed') end,
    'source', p_source,
    'model', p_model,
    'delay_seconds', coalesce(p_delay_seconds, least(power(2, v_retry_count), 30))
  ))) s;
  return v_applied;
end
$$;
