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
