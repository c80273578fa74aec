-- Puts delayed jobs whose time has come back among the claimable ones; returns how many.
create or replace function public.wake_due_prompt_jobs(p_limit int default 1000)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count int;
begin
  with due as materialized (
    select q.job_id
    from public.prompt_job_queue q
    where q.state = 'delayed' and q.next_attempt_at <= v_now
    order by q.next_attempt_at
    limit p_limit
    for update skip locked
  )
  update public.prompt_job_queue q
  set state = 'ready'
  from due
  where q.job_id = due.job_id;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
