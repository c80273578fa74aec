-- Pictures that failed with this prompt, and for no other reason, wait for it again.
create or replace function public.reopen_picture_jobs(p_prompt_job_id uuid)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_jobs uuid[];
begin
  with reopened as (
    update public.picture_jobs p
    set status = 'waiting_prompt', error = null, error_code = null, failed_with_prompt = false,
      completed_at = null, updated_at = clock_timestamp()
    where p.prompt_job_id = p_prompt_job_id and p.status = 'failed' and p.failed_with_prompt
    returning p.job_id
  )
  select array_agg(distinct r.job_id) into v_jobs from reopened r;
  if v_jobs is not null then
    perform public.project_picture_jobs(v_jobs);
  end if;
end
$$;
