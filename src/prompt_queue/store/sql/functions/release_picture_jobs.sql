-- Lets the pictures go on that wait for these prompt jobs: with the prompt, or, where it failed or
-- was cancelled, to their end with the same reason. Runs in the transaction that ends the prompt.
create or replace function public.release_picture_jobs(p_prompt_job_ids uuid[])
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_jobs uuid[];
begin
  with ended as materialized (
    select j.id, j.status, j.generated_prompt, j.error, j.error_code
    from public.prompt_generation_jobs j
    where j.id = any (p_prompt_job_ids) and j.status in ('completed', 'failed', 'cancelled')
  ),
  moved as (
    update public.picture_jobs p
    set status = case e.status when 'completed' then 'queued' else 'failed' end,
      prompt = e.generated_prompt,
      error = case e.status when 'completed' then null
        else coalesce(e.error, 'Its prompt was cancelled.') end,
      error_code = case e.status when 'completed' then null
        else coalesce(e.error_code, 'prompt_cancelled') end,
      failed_with_prompt = e.status <> 'completed',
      due_at = case e.status when 'completed' then v_now end,
      completed_at = case e.status when 'completed' then null else v_now end,
      updated_at = v_now
    from ended e
    where p.prompt_job_id = e.id and p.status = 'waiting_prompt'
    returning p.job_id, p.user_id, p.status, p.error_code, p.number
  ),
  logged as (
    insert into public.prompt_job_events (job_id, user_id, kind, data)
    select m.job_id, m.user_id,
      case m.status when 'queued' then 'picture_released' else 'picture_failed' end,
      jsonb_strip_nulls(jsonb_build_object('code', m.error_code, 'number', m.number))
    from moved m
  )
  select array_agg(distinct m.job_id) into v_jobs from moved m;
  if v_jobs is not null then
    perform public.project_picture_jobs(v_jobs);
    notify prompt_queue;
  end if;
end
$$;
